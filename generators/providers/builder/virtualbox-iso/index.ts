import type { BuilderProvider } from '../../provider.ts'
import { isoVariables, optional, variablesOf } from '../settings.ts'

export const virtualboxIso: BuilderProvider = {
  name: 'virtualbox-iso',
  summary: 'An appliance (OVA) of VirtualBox, from an installer.',
  options: {
    guestOsType: optional("VirtualBox' name of the guest.", 'Ubuntu_64', 'Linux_64'),
  },
  architectures: ['amd64'],
  firmware: ['bios', 'uefi'],
  base: () => 'installer',
  environment: [],
  runner: 'own',
  variables: ({ firmware, base }, options) => ({
    ...isoVariables(base),
    firmware: firmware === 'uefi' ? 'efi' : 'bios',
    ...variablesOf(options, ['guestOsType']),
  }),
}
