import { type Diagnostic, warning } from '../../../model/diagnostic.ts'
import type { ClusterPlan } from '../../../model/plan.ts'
import type { CloudProvider } from '../../provider.ts'

export const proxmox: CloudProvider = {
  name: 'proxmox',
  summary: 'Proxmox VE with a snippet: qm set VMID --cicustom user=local:snippets/FILE.',
  options: {},
  userDataLimit: undefined,
  measured: 'raw',
  // Snippets are text.
  encodings: ['plain', 'mime'],
  arp: true,
  nodeName: 'declared',
  source: 'https://pve.proxmox.com/wiki/Cloud-Init_Support',
  rules: identity,
}

/** The host name is part of the user-data that Proxmox writes, and a snippet takes its place. */
function identity({ nodes }: ClusterPlan): readonly Diagnostic[] {
  const index = nodes.findIndex(({ address, mac }) => address === undefined && mac === undefined)
  const node = nodes[index]
  if (node === undefined) return []
  return [
    warning(
      'proxmox/no-identity',
      ['nodes', index],
      `${node.name} has neither address nor mac, and with a snippet Proxmox gives its VM no host name`,
      "add mac: the VM's, from qm config VMID, or an address",
    ),
  ]
}
