import { warning } from '../../../model/diagnostic.ts'
import type { CloudProvider } from '../../provider.ts'
import { metadataRules } from '../metadata.ts'

export const openstack: CloudProvider = {
  name: 'openstack',
  summary: 'OpenStack Nova: 65,535 bytes of base64; an ARP VIP needs allowed address pairs on its ports.',
  options: {},
  userDataLimit: 65_535,
  // Nova counts the base64 text that it is sent.
  measured: 'base64',
  encodings: ['plain', 'gzip', 'mime'],
  arp: true,
  nodeName: 'declared',
  source: 'https://docs.openstack.org/nova/latest/user/metadata.html',
  rules: (plan) => [
    ...metadataRules(plan),
    ...(plan.endpoint.vip === undefined
      ? []
      : [
          warning(
            'openstack/allowed-address-pairs',
            ['endpoint', 'address'],
            `Neutron drops packets from ${plan.endpoint.vip}, which no port of the control planes owns`,
            `openstack port set --allowed-address ip-address=${plan.endpoint.vip} <port>, for every control plane's port`,
          ),
        ]),
  ],
}
