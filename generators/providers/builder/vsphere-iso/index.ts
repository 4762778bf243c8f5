import type { BuilderProvider } from '../../provider.ts'
import { isoVariables, optional, variablesOf } from '../settings.ts'
import { vcenter, vcenterEnvironment, vcenterRequired } from '../vcenter.ts'

export const vsphereIso: BuilderProvider = {
  name: 'vsphere-iso',
  summary: 'A template in vCenter, from an installer.',
  options: {
    ...vcenter,
    guestOsType: optional("vSphere's name of the guest.", 'ubuntu64Guest', 'otherLinux64Guest'),
  },
  required: vcenterRequired,
  architectures: ['amd64'],
  firmware: ['bios', 'uefi'],
  base: () => 'installer',
  guestPackages: {
    autoinstall: ['open-vm-tools'],
    preseed: ['open-vm-tools'],
    kickstart: ['open-vm-tools'],
  },
  environment: vcenterEnvironment,
  runner: 'own',
  variables: ({ firmware, base }, options) => ({
    ...isoVariables(base),
    firmware: firmware === 'uefi' ? 'efi' : 'bios',
    ...variablesOf(options, [...Object.keys(vcenter), 'guestOsType']),
  }),
}
