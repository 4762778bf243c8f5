import type { CloudProvider } from '../../provider.ts'
import { metadataRules } from '../metadata.ts'

export const gcp: CloudProvider = {
  name: 'gcp',
  summary:
    'Google Compute Engine: 256 KB in the metadata key user-data; no ARP, so the endpoint is a load balancer.',
  options: {},
  userDataLimit: 262_144,
  measured: 'raw',
  // Metadata values are text. base64 needs user-data-encoding=base64 beside it (cloud-init's DataSourceGCE).
  encodings: ['plain', 'gzip+base64', 'mime'],
  arp: false,
  nodeName: 'declared',
  source: 'https://cloud.google.com/compute/docs/metadata/setting-custom-metadata',
  rules: metadataRules,
}
