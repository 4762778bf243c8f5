import type { EndpointProvider } from '../../provider.ts'

export const external: EndpointProvider = {
  name: 'external',
  summary: 'A load balancer that someone else runs, given by address or name; nothing is added to the nodes.',
  options: {},
  floating: false,
  needsArp: () => false,
  defaultPort: 6443,
  addressOptional: true,
}
