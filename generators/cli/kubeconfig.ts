import { join } from 'node:path'
import { now } from '../effects/clock.effect.ts'
import { createFileAtomic, FileError, writeFileAtomic } from '../effects/files.effect.ts'
import { hostPort } from '../plan/kubeadm.ts'
import { renderBody } from '../render/file.ts'
import { kubeconfig } from '../secrets/kubeconfig.ts'
import {
  blueprintOptions,
  type Command,
  flag,
  type Invocation,
  type Io,
  text,
  UsageError,
  UserError,
} from './command.ts'
import { parseLifetime } from './lifetime.ts'
import { readTarget } from './own-secrets.effect.ts'

export const kubeconfigCommand: Command = {
  name: 'kubeconfig',
  summary: "make an administrator's kubeconfig",
  usage: '-o FILE [--user NAME] [--ttl 30d] [--server URL]',
  description: `Signs a new client certificate of group system:masters with the cluster's CA, offline.
Such a certificate cannot be revoked before it expires: keep --ttl short and the file private.`,
  options: {
    ...blueprintOptions,
    output: { type: 'string', short: 'o', value: 'FILE', description: 'where to write it (0600)' },
    stdout: { type: 'boolean', description: 'print it, also on a terminal' },
    user: {
      type: 'string',
      value: 'NAME',
      description: 'the name that audit logs show',
      default: 'leaven-admin',
    },
    ttl: {
      type: 'string',
      value: 'TIME',
      description: 'how long it is valid, such as 8h or 30d',
      default: '30d',
    },
    server: {
      type: 'string',
      value: 'URL',
      description: 'how to reach the API server',
      default: "the blueprint's endpoint",
    },
    force: { type: 'boolean', description: 'replace an existing file' },
  },
  examples: [
    ['gen kubeconfig -o admin.conf && kubectl --kubeconfig admin.conf get nodes', 'reach the new cluster'],
  ],
  async run(invocation, io) {
    const lifetime = parseLifetime(text(invocation, 'ttl') ?? '30d')
    const server = readServer(invocation)
    const output = text(invocation, 'output')
    if (output === undefined && io.stdoutIsTerminal && !flag(invocation, 'stdout'))
      throw new UsageError(
        'a kubeconfig holds a private key, which does not belong on a terminal',
        '-o FILE, or --stdout',
      )
    const document = await makeDocument(invocation, io, server, lifetime)
    if (document === undefined) return 1
    if (output === undefined) await io.stdout(document)
    else await write(output.startsWith('/') ? output : join(io.cwd, output), document, invocation, io)
    return 0
  },
}

async function makeDocument(
  invocation: Invocation,
  io: Io,
  server: string | undefined,
  lifetime: number,
): Promise<string | undefined> {
  const found = await readTarget(invocation, io, now())
  if (found === undefined) return undefined
  const { plan, secrets } = found
  const { issueAdmin } = await import('../secrets/create.ts')
  const { systemRandomness } = await import('../effects/random.effect.ts')
  const user = text(invocation, 'user') ?? 'leaven-admin'
  const authority = secrets.authorities.kubernetes
  const making = { keyAlgorithm: secrets.keyAlgorithm, now: now(), randomness: systemRandomness }
  const document = kubeconfig({
    server: server ?? `https://${hostPort(plan.endpoint.host, plan.endpoint.port)}`,
    caCertificate: authority.certificate,
    client: await issueAdmin(user, authority, lifetime, making),
    cluster: plan.name,
    user,
  })
  return renderBody({ kind: 'secret-yaml', documents: [document] })
}

function readServer(invocation: Invocation): string | undefined {
  const server = text(invocation, 'server')
  if (server !== undefined && (!URL.canParse(server) || new URL(server).protocol !== 'https:'))
    throw new UsageError(
      `--server ${server} is not an https:// address`,
      'such as https://172.31.253.60:6443',
    )
  return server
}

async function write(path: string, document: string, invocation: Invocation, io: Io): Promise<void> {
  const bytes = new TextEncoder().encode(document)
  try {
    if (flag(invocation, 'force')) await writeFileAtomic(path, bytes, 0o600)
    else await createFileAtomic(path, bytes, 0o600)
  } catch (cause) {
    if (cause instanceof FileError && cause.reason === 'exists')
      throw new UserError(`${path} exists already`, 'choose another file, or replace it with --force')
    throw cause
  }
  io.stderr(`gen: wrote ${path}\n`)
}
