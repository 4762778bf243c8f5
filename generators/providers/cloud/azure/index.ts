import { warning } from '../../../model/diagnostic.ts'
import type { CloudProvider } from '../../provider.ts'
import { metadataRules } from '../metadata.ts'

const source = 'https://learn.microsoft.com/en-us/azure/virtual-machines/custom-data'

export const azure: CloudProvider = {
  name: 'azure',
  summary: 'Microsoft Azure: 64 KB of custom data; no ARP, so the endpoint is a load balancer.',
  options: {},
  userDataLimit: 65_535,
  measured: 'raw',
  // `az vm create --custom-data` reads text; the API takes base64, which Terraform's base64gzip() writes.
  encodings: ['plain', 'gzip+base64', 'mime'],
  arp: false,
  nodeName: 'declared',
  source,
  rules: (plan) => [
    ...metadataRules(plan),
    warning(
      'azure/secrets-in-custom-data',
      ['cloud', 'provider'],
      'Azure asks not to pass secrets in custom data, and the control planes’ text holds the CA keys',
      `first boot removes its copies on the node; keep the text out of templates and state files too (${source})`,
    ),
  ],
}
