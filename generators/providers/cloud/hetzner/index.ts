import type { CloudProvider } from '../../provider.ts'
import { metadataRules } from '../metadata.ts'

export const hetzner: CloudProvider = {
  name: 'hetzner',
  summary: 'Hetzner Cloud: 32 KiB of user-data; no ARP, so the endpoint is a load balancer.',
  options: {},
  userDataLimit: 32_768,
  measured: 'raw',
  // The API takes text; cloud-init's DataSourceHetzner decodes base64 by itself.
  encodings: ['plain', 'gzip+base64', 'mime'],
  arp: false,
  nodeName: 'declared',
  source: 'https://docs.hetzner.cloud/reference/cloud#servers-create-a-server',
  rules: metadataRules,
}
