import type { BuilderProvider } from '../../provider.ts'
import { isoVariables, variablesOf } from '../settings.ts'

export const hypervIso: BuilderProvider = {
  name: 'hyperv-iso',
  summary: 'A virtual disk for Hyper-V, from an installer.',
  options: {
    switchName: {
      description: 'A virtual switch with DHCP.',
      type: 'string',
      default: 'Default Switch',
      examples: ['External'],
    },
  },
  architectures: ['amd64'],
  firmware: ['bios', 'uefi'],
  base: () => 'installer',
  // By their key-value pairs Hyper-V learns the address.
  guestPackages: {
    autoinstall: ['linux-cloud-tools-virtual'],
    preseed: ['hyperv-daemons'],
    kickstart: ['hyperv-daemons'],
  },
  environment: [],
  runner: 'own',
  variables: ({ firmware, base }, options) => ({
    ...isoVariables(base),
    generation: firmware === 'uefi' ? 2 : 1,
    ...variablesOf(options, ['switchName']),
  }),
}
