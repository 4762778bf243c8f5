import type { BuilderProvider } from '../../provider.ts'
import { choice, isoVariables, optional, variablesOf } from '../settings.ts'

export const qemu: BuilderProvider = {
  name: 'qemu',
  summary: 'A disk image for KVM hosts, from a cloud image or an installer.',
  options: {
    source: choice('What the image starts from.', ['cloud-image', 'installer'], 'cloud-image'),
    accelerator: choice(
      'What runs the machine: tcg works everywhere, and takes ten times as long.',
      ['kvm', 'hvf', 'tcg'],
      'kvm',
    ),
    format: choice("The disk image's format.", ['qcow2', 'raw'], 'qcow2'),
    firmwareFile: optional(
      'UEFI with its variables in one file, on the machine that runs Packer.',
      '/usr/share/edk2/ovmf/OVMF.fd',
      "the one of Debian's ovmf or qemu-efi-aarch64, with firmware: uefi",
    ),
  },
  architectures: ['amd64', 'arm64'],
  firmware: ['bios', 'uefi'],
  base: ({ source }) => (source === 'installer' ? 'installer' : 'cloud-image'),
  environment: [],
  runner: 'kvm',
  variables({ architecture, firmware, base }, options) {
    const arm = architecture === 'arm64'
    return {
      ...isoVariables(base),
      disk_image: base.kind === 'cloud-image',
      ...variablesOf(options, ['accelerator', 'format']),
      ...(arm ? { qemu_binary: 'qemu-system-aarch64', machine_type: 'virt' } : {}),
      firmware_file:
        firmware === 'bios'
          ? ''
          : (options['firmwareFile'] ??
            (arm ? '/usr/share/qemu-efi-aarch64/QEMU_EFI.fd' : '/usr/share/ovmf/OVMF.fd')),
    }
  },
}
