import type { EndpointProvider } from '../../provider.ts'

export const keepalivedHaproxy: EndpointProvider = {
  name: 'keepalived-haproxy',
  summary: 'A VIP held by keepalived, with HAProxy on every control plane in front of all API servers.',
  options: {},
  floating: true,
  needsArp: () => true,
  defaultPort: 8443,
  addressOptional: false,
}
