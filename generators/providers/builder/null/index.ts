import type { BuilderProvider } from '../../provider.ts'
import { text, user, variablesOf } from '../settings.ts'

export const nullBuilder: BuilderProvider = {
  name: 'null',
  summary: 'Any machine that answers SSH: bakes it as it stands, and makes no image of it.',
  options: {
    sshHost: text('Name or address of the machine.', '192.0.2.10'),
    sshPort: {
      description: 'Its SSH port.',
      type: 'integer',
      minimum: 1,
      maximum: 65535,
      default: 22,
      examples: [2222],
    },
    user,
  },
  required: ['sshHost'],
  architectures: ['amd64', 'arm64'],
  firmware: [],
  base: () => 'own',
  environment: ['PKR_VAR_ssh_private_key_file', 'PKR_VAR_ssh_password'],
  runner: 'own',
  variables: (_, options) => variablesOf(options, ['sshHost', 'sshPort']),
}
