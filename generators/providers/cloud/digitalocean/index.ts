import type { CloudProvider } from '../../provider.ts'
import { metadataRules } from '../metadata.ts'

export const digitalocean: CloudProvider = {
  name: 'digitalocean',
  summary: 'DigitalOcean: 64 KiB of user-data, as text; no ARP, so the endpoint is a load balancer.',
  options: {},
  userDataLimit: 65_536,
  measured: 'raw',
  encodings: ['plain', 'mime'],
  arp: false,
  nodeName: 'declared',
  source: 'https://docs.digitalocean.com/reference/api/reference/droplets/',
  rules: metadataRules,
}
