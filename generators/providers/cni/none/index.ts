import type { CniProvider } from '../../provider.ts'

/** The null object; a manifest can come with `addons`. */
export const none: CniProvider = {
  name: 'none',
  summary: 'No pod network: nodes stay NotReady until you install one.',
  options: {},
  // Whoever brings one knows.
  routesPods: () => false,
  allocatesNodeCidrs: true,
}
