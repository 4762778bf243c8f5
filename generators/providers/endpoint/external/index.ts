import type { EndpointProvider } from '../../provider.ts'

/** The null object: the compiler itself sees to a name or an address, and first boot waits for either. */
export const external: EndpointProvider = {
  name: 'external',
  summary: 'A load balancer that someone else runs, given by address or name; nothing is added to the nodes.',
  options: {},
  floating: false,
  needsArp: () => false,
  defaultPort: 6443,
  addressOptional: true,
}
