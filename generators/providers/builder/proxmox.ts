/** What both builders for Proxmox VE ask of it. Who one is comes from the environment. */
import type { JsonObject } from '../../model/json.ts'
import { switchedOff, text } from './settings.ts'

export const proxmoxOptions: JsonObject = {
  proxmoxUrl: text('The API of a node.', 'https://pve.example.com:8006/api2/json'),
  proxmoxNode: text('The node that runs the machine.', 'pve1'),
  storagePool: text('Where disks and cloud-init drives lie.', 'local-lvm'),
  bridge: {
    description: 'A bridge with DHCP; the installer reaches the one who runs Packer over it.',
    type: 'string',
    default: 'vmbr0',
    examples: ['vmbr1'],
  },
  insecure: switchedOff('Believe whatever certificate Proxmox shows.'),
}
export const proxmoxRequired = ['proxmoxUrl', 'proxmoxNode', 'storagePool']
export const proxmoxEnvironment = ['PROXMOX_USERNAME', 'PROXMOX_PASSWORD']
export const guestAgent = {
  autoinstall: ['qemu-guest-agent'],
  preseed: ['qemu-guest-agent'],
  kickstart: ['qemu-guest-agent'],
}
