/** What all commands that talk to AWS have in common. */
import type { Access } from '../effects/aws/clients.effect.ts'
import { type Invocation, type OptionSpec, text } from './command.ts'

export const awsOptions: Readonly<Record<string, OptionSpec>> = {
  profile: {
    type: 'string',
    value: 'NAME',
    description: 'profile of ~/.aws/config, SSO too',
    default: 'AWS_PROFILE, else as the AWS SDK finds credentials',
  },
  region: {
    type: 'string',
    value: 'REGION',
    description: 'region of EC2',
    default: "AWS_REGION, else the profile's",
  },
  'endpoint-url': {
    type: 'string',
    value: 'URL',
    description: 'another endpoint than the region’s own',
    default: 'AWS_ENDPOINT_URL',
  },
}

export function access(invocation: Invocation): Access {
  return {
    profile: text(invocation, 'profile'),
    region: text(invocation, 'region'),
    endpoint: text(invocation, 'endpoint-url'),
  }
}
