/** What `gen explain` says of machine images. */
import type { Explanations } from '../model/diagnostic.ts'

export const bake: Explanations = {
  'bake/no-base-image': {
    severity: 'error',
    cause:
      'Images start from what the distribution publishes, and for this release, processor and platform we know of nothing.',
    example: `os: { provider: rhel }
bake: { builders: { qemu: {} } }`,
    fix: 'Name a file under bake.cloudImages or bake.installers, or take another release or builder.',
  },
  'bake/unpinned': {
    severity: 'warning',
    cause:
      "The newest image of the publisher is taken and compared with the publisher's own list, so tomorrow's build may start from another one.",
    example: 'bake: { builders: { qemu: {} } }',
    fix: 'Run gen lock, which pins what the builders under bake.builders begin with; or write url and sha256 of one image under bake.cloudImages or bake.installers.',
    source:
      'https://developer.hashicorp.com/packer/integrations/hashicorp/qemu/latest/components/builder/qemu#iso_checksum',
  },
  'bake/architecture': {
    severity: 'error',
    cause: 'The builder makes no machine with this processor.',
    example: `os: { architecture: arm64 }
bake: { builders: { proxmox-clone: { proxmoxUrl: "https://pve:8006/api2/json", proxmoxNode: pve1, storagePool: a, cloneVm: b } } }`,
    fix: 'Take another builder for this processor, or leave it out of bake.builders.',
  },
  'bake/firmware': {
    severity: 'error',
    cause: 'The builder, or the processor, cannot boot this way.',
    example: `bake:
  firmware: uefi
  builders: { proxmox-iso: { proxmoxUrl: "https://pve:8006/api2/json", proxmoxNode: pve1, storagePool: a } }`,
    fix: 'Leave bake.firmware out, or take another builder.',
  },
}
