import type { CniProvider } from '../../provider.ts'

export const calico: CniProvider = {
  name: 'calico',
  summary: 'Calico from its own manifest: VXLAN, IP-in-IP or BGP, with network policies.',
  options: {},
  allocatesNodeCidrs: false,
}
