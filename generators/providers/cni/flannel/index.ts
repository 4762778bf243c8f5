import type { CniProvider } from '../../provider.ts'

export const flannel: CniProvider = {
  name: 'flannel',
  summary: 'flannel from its own manifest: VXLAN or host routes, no network policies.',
  options: {},
  allocatesNodeCidrs: true,
}
