import type { BuilderProvider } from '../../provider.ts'
import { optional, text, user, variablesOf } from '../settings.ts'

const list = (description: string, example: string) => ({
  description,
  type: 'array',
  items: { type: 'string' },
  default: [],
  examples: [[example]],
})

export const openstackImage: BuilderProvider = {
  name: 'openstack',
  summary: 'An image in Glance, from one that is there.',
  options: {
    flavor: text('The machine on which is baked.', 'm1.medium'),
    sourceImageName: text('The image to start from, with cloud-init.', 'ubuntu-24.04'),
    networks: list('UUIDs of networks.', '6c5b7f3e-8f0a-4b8e-9d2b-5c2b1b6c4e11'),
    floatingIpNetwork: optional('Where a floating address comes from.', 'public', 'none'),
    securityGroups: list('Security groups that let SSH in.', 'ssh'),
    user: { ...(user as object), default: 'ubuntu', examples: ['debian'] },
  },
  required: ['flavor', 'sourceImageName'],
  architectures: ['amd64', 'arm64'],
  firmware: [],
  base: () => 'own',
  environment: [
    'OS_AUTH_URL',
    'OS_USERNAME',
    'OS_PASSWORD',
    'OS_PROJECT_NAME',
    'OS_DOMAIN_NAME',
    'OS_REGION_NAME',
  ],
  runner: 'own',
  variables: (_, options) =>
    variablesOf(options, ['flavor', 'sourceImageName', 'networks', 'floatingIpNetwork', 'securityGroups']),
}
