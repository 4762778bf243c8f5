import type { CniProvider } from '../../provider.ts'

export const none: CniProvider = {
  name: 'none',
  summary: 'No pod network: nodes stay NotReady until you install one.',
  options: {},
  allocatesNodeCidrs: true,
}
