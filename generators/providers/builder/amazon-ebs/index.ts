import type { Base, BuilderProvider } from '../../provider.ts'
import { choice, optional, text, variablesOf } from '../settings.ts'

/** Who may start from which AMI is AWS' business; names alone anybody can give. */
function sourceOf({ owner, name, image }: Extract<Base, { readonly kind: 'aws' }>) {
  return image === undefined ? { source_ami_owner: owner, source_ami_name: name } : { source_ami: image }
}

export const amazonEbs: BuilderProvider = {
  name: 'amazon-ebs',
  summary: "An AMI, from the distribution's own.",
  options: {
    region: text('Where the AMI is made.', 'eu-west-1'),
    instanceType: optional('The machine on which is baked.', 'm7i.large', 't3.medium; t4g.medium for arm64'),
    sourceAmi: optional(
      'An AMI to start from.',
      'ami-0123456789abcdef0',
      "the newest of the distribution's own account",
    ),
    user: optional("Who logs in: the AMI's own user.", 'ubuntu', "the distribution's"),
    subnetId: optional('A subnet.', 'subnet-0123456789abcdef0', 'one of the default VPC'),
    publicIp: {
      description: 'The machine gets a public address.',
      type: 'boolean',
      default: true,
      examples: [false],
    },
    sshInterface: choice(
      'How Packer reaches it.',
      ['public_ip', 'private_ip', 'session_manager'],
      'public_ip',
    ),
    instanceProfile: optional('Instance profile; session_manager needs one with SSM.', 'packer-ssm', 'none'),
    encrypt: {
      description: "Encrypt the AMI's snapshots; other accounts then need a key of KMS to use it.",
      type: 'boolean',
      default: true,
      examples: [false],
    },
    kmsKeyId: optional('The key of KMS.', 'alias/images', "EBS' default key"),
    amiUsers: {
      description: 'Accounts that may use the AMI, beside yours.',
      type: 'array',
      items: { type: 'string', pattern: '^[0-9]{12}$', expect: "an account's twelve digits" },
      default: [],
      examples: [['123456789012']],
    },
  },
  required: ['region'],
  architectures: ['amd64', 'arm64'],
  firmware: [],
  base: ({ sourceAmi }) => (sourceAmi === undefined ? 'aws' : 'own'),
  // Only names: AWS' tools find credentials in more ways than these.
  environment: ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN'],
  runner: 'any',
  variables: ({ architecture, base }, options) => ({
    instance_type: architecture === 'arm64' ? 't4g.medium' : 't3.medium',
    ...(base.kind === 'aws' ? { ...sourceOf(base), root_device: base.rootDevice } : {}),
    ...variablesOf(options, [
      'region',
      'instanceType',
      'sourceAmi',
      'subnetId',
      'publicIp',
      'sshInterface',
      'instanceProfile',
      'encrypt',
      'kmsKeyId',
      'amiUsers',
    ]),
  }),
}
