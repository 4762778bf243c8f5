/** Clients of AWS: credentials, profiles, SSO, regions and endpoints are the SDK's own business. */
import { EC2Client } from '@aws-sdk/client-ec2'
import { ElasticLoadBalancingV2Client } from '@aws-sdk/client-elastic-load-balancing-v2'
import { hintFor } from '../../aws/failures.ts'
import { UserError } from '../../cli/command.ts'

export interface Access {
  readonly profile: string | undefined
  readonly region: string | undefined
  readonly endpoint: string | undefined
}

export interface Clients {
  readonly ec2: EC2Client
  readonly balancing: ElasticLoadBalancingV2Client
}

/** EC2 throttles accounts as a whole, and a launch asks many things: two more tries than the SDK's three would not do. */
const attempts = 8

export function connect({ profile, region, endpoint }: Access): Clients {
  // Which Node we run on, and until when, is ours to decide, and no news for the user of a command.
  process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] ??= 'true'
  // As a setting of the clients, a profile decides all but the endpoint that stands in it.
  if (profile !== undefined) process.env['AWS_PROFILE'] = profile
  const settings = {
    ...(region === undefined ? {} : { region }),
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(process.env['AWS_MAX_ATTEMPTS'] === undefined ? { maxAttempts: attempts } : {}),
  }
  return { ec2: new EC2Client(settings), balancing: new ElasticLoadBalancingV2Client(settings) }
}

/** The code that AWS gave, or the network, or the SDK. */
export function codeOf(cause: unknown): string {
  if (!(cause instanceof Error)) return ''
  if (/region is missing/i.test(cause.message)) return 'RegionMissing'
  const { code } = cause as NodeJS.ErrnoException
  // The same exception has `Exception` at its end in one service and not in another.
  return typeof code === 'string' && /^E[A-Z_]+$/.test(code) ? code : cause.name
}

/** One line with AWS's own words and code, and the way out; mistakes of ours stay as they are. */
export function explained(cause: unknown, what: string): unknown {
  if (cause instanceof UserError || !(cause instanceof Error)) return cause
  const code = codeOf(cause)
  const hint = hintFor(code)
  const service = '$metadata' in cause
  if (!service && hint === undefined) return cause
  const text = {
    RegionMissing: 'no region is set',
    CredentialsProviderError: 'there are no AWS credentials',
  }[code]
  return new UserError(text ?? `${what}: ${oneLine(cause.message) || 'no answer'} (${code})`, hint)
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ').trim().replace(/\.$/, '').slice(0, 500)
}

/** Runs a part of a command; what AWS refuses becomes a message for the user. */
export async function asking<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    throw explained(cause, what)
  }
}
