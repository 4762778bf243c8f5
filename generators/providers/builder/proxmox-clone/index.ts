import type { BuilderProvider } from '../../provider.ts'
import { proxmoxEnvironment, proxmoxOptions, proxmoxRequired } from '../proxmox.ts'
import { text, user, variablesOf } from '../settings.ts'

export const proxmoxClone: BuilderProvider = {
  name: 'proxmox-clone',
  summary: 'A template in Proxmox VE, from one that is there.',
  options: {
    ...proxmoxOptions,
    cloneVm: text('A template with cloud-init and qemu-guest-agent.', 'ubuntu-24.04'),
    user,
  },
  required: [...proxmoxRequired, 'cloneVm'],
  architectures: ['amd64'],
  firmware: [],
  base: () => 'own',
  environment: proxmoxEnvironment,
  runner: 'own',
  variables: (_, options) => variablesOf(options, [...Object.keys(proxmoxOptions), 'cloneVm']),
}
