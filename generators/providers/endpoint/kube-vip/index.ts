import type { EndpointProvider } from '../../provider.ts'

export const kubeVip: EndpointProvider = {
  name: 'kube-vip',
  summary: 'A VIP held by a static pod on the control planes, by ARP or BGP.',
  options: {},
  floating: true,
  needsArp: (options) => options['mode'] !== 'bgp',
  defaultPort: 6443,
  addressOptional: false,
}
