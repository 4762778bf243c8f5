import type { Diagnostic } from '../../../model/diagnostic.ts'
import type { CloudProvider } from '../../provider.ts'

const source = 'https://docs.cloud-init.io/en/latest/reference/datasources/vmware.html'

export const vsphere: CloudProvider = {
  name: 'vsphere',
  summary: 'VMware vSphere by guestinfo keys: 64 KB a value, as gzip+base64.',
  options: {},
  // One guest RPC message; the value is counted as it is set.
  userDataLimit: 65_536,
  measured: 'raw',
  // base64 first: values in VMX files have neither line ends nor quotes.
  encodings: ['gzip+base64', 'plain', 'mime'],
  arp: true,
  nodeName: 'declared',
  source,
  // Cleared as soon as it was read: vCenter shows guestinfo to everyone who may see the VM.
  metaData: { redact: ['userdata'] },
  rules: () => [encodingKey],
}

/** Without the key beside it cloud-init takes base64 for text, and the node boots with no configuration at all. */
const encodingKey: Diagnostic = {
  code: 'vsphere/encoding-key',
  severity: 'info',
  path: ['cloud', 'provider'],
  message: 'guestinfo.userdata.encoding has to be gzip+base64, as the text in guestinfo.userdata is',
  hint: `leave the key out for --encoding plain; ${source}`,
}
