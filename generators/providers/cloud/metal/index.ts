import type { CloudProvider } from '../../provider.ts'

/** No cloud: nothing to limit, nothing to ask, so that no other code asks whether there is one. */
export const metal: CloudProvider = {
  name: 'metal',
  summary: 'Machines of your own, with user-data from MAAS, Ironic or a seed on disk.',
  options: {},
  userDataLimit: undefined,
  measured: 'raw',
  encodings: ['plain', 'gzip', 'mime'],
  arp: true,
  nodeName: 'declared',
  source: 'https://docs.cloud-init.io/en/latest/explanation/format/index.html',
}
