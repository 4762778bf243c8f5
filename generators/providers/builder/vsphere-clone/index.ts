import type { BuilderProvider } from '../../provider.ts'
import { text, user, variablesOf } from '../settings.ts'
import { vcenter, vcenterEnvironment, vcenterRequired } from '../vcenter.ts'

export const vsphereClone: BuilderProvider = {
  name: 'vsphere-clone',
  summary: 'A template in vCenter, from one that is there.',
  options: {
    ...vcenter,
    template: text('With open-vm-tools and an SSH server.', 'templates/ubuntu-24.04'),
    user,
  },
  required: [...vcenterRequired, 'template'],
  architectures: ['amd64'],
  firmware: [],
  base: () => 'own',
  environment: [...vcenterEnvironment, 'PKR_VAR_ssh_private_key_file', 'PKR_VAR_ssh_password'],
  runner: 'own',
  variables: (_, options) => variablesOf(options, [...Object.keys(vcenter), 'template']),
}
