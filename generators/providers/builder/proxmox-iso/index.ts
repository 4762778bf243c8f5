import type { BuilderProvider } from '../../provider.ts'
import { guestAgent, proxmoxEnvironment, proxmoxOptions, proxmoxRequired } from '../proxmox.ts'
import { isoVariables, variablesOf } from '../settings.ts'

export const proxmoxIso: BuilderProvider = {
  name: 'proxmox-iso',
  summary: 'A template in Proxmox VE, from an installer.',
  options: {
    ...proxmoxOptions,
    storagePoolType: {
      description: 'Its type, which Packer 1.6 asks for.',
      type: 'string',
      default: 'lvm-thin',
      examples: ['zfspool'],
    },
    isoStoragePool: {
      description: 'Where Packer uploads the installer to.',
      type: 'string',
      default: 'local',
      examples: ['cephfs'],
    },
  },
  required: proxmoxRequired,
  architectures: ['amd64'],
  // Packer 1.6 has no word for UEFI here.
  firmware: ['bios'],
  base: () => 'installer',
  guestPackages: guestAgent,
  environment: proxmoxEnvironment,
  runner: 'own',
  variables: ({ base }, options) => ({
    ...isoVariables(base),
    ...variablesOf(options, [...Object.keys(proxmoxOptions), 'storagePoolType', 'isoStoragePool']),
  }),
}
