import type { CloudProvider } from '../../provider.ts'

export const nocloud: CloudProvider = {
  name: 'nocloud',
  summary: 'Any hypervisor that takes a seed ISO, or files under /var/lib/cloud/seed/nocloud.',
  options: {},
  userDataLimit: undefined,
  measured: 'raw',
  encodings: ['plain', 'gzip', 'mime'],
  arp: true,
  nodeName: 'declared',
  source: 'https://docs.cloud-init.io/en/latest/reference/datasources/nocloud.html',
}
