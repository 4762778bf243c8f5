import type { BuilderProvider } from '../../provider.ts'
import { optional, switchedOff, text, variablesOf } from '../settings.ts'

export const googlecompute: BuilderProvider = {
  name: 'googlecompute',
  summary: "An image in Google Cloud, from the distribution's own.",
  options: {
    projectId: text('The project.', 'prod-images'),
    zone: text('Where is baked.', 'europe-west1-b'),
    machineType: optional(
      'The machine on which is baked.',
      'n2-standard-2',
      'e2-standard-2; t2a-standard-2 for arm64',
    ),
    network: {
      description: 'The VPC network.',
      type: 'string',
      default: 'default',
      examples: ['build'],
    },
    subnetwork: optional('The subnetwork.', 'build-eu', "the zone's own"),
    useIap: switchedOff('Log in through Identity-Aware Proxy; the machine gets no public address.'),
  },
  required: ['projectId', 'zone'],
  architectures: ['amd64', 'arm64'],
  firmware: [],
  base: () => 'gcp',
  environment: ['GOOGLE_APPLICATION_CREDENTIALS'],
  runner: 'any',
  variables: ({ architecture, base, name }, options) => ({
    machine_type: architecture === 'arm64' ? 't2a-standard-2' : 'e2-standard-2',
    image_family: name,
    ...(base.kind === 'gcp' ? { source_image_family: base.family, source_image_project: base.project } : {}),
    ...variablesOf(options, ['projectId', 'zone', 'machineType', 'network', 'subnetwork', 'useIap']),
  }),
}
