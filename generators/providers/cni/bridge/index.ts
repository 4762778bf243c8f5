import type { CniProvider } from '../../provider.ts'

export const bridge: CniProvider = {
  name: 'bridge',
  summary:
    'A Linux bridge per node and static routes between declared nodes of one subnet; nothing to download.',
  options: {},
  allocatesNodeCidrs: false,
}
