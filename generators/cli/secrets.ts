import { join } from 'node:path'
import { now } from '../effects/clock.effect.ts'
import { writeFileAtomic } from '../effects/files.effect.ts'
import { Secret } from '../model/secret.ts'
import type { KeyAlgorithm } from '../model/secrets.ts'
import { describeSecrets, type SecretsSummary, tokenId } from '../secrets/describe.ts'
import { replaceToken, serialiseSecrets } from '../secrets/file.ts'
import { keyAlgorithmOf } from '../secrets/inspect.ts'
import {
  blueprintOptions,
  type Command,
  flag,
  type Io,
  type OptionSpec,
  text,
  UsageError,
} from './command.ts'
import { printProblems } from './inputs.effect.ts'
import { parseLifetime } from './lifetime.ts'
import { findTarget, readTarget, writeNew } from './own-secrets.effect.ts'
import { columns } from './table.ts'

const keyAlgorithms: readonly KeyAlgorithm[] = ['ecdsa-p256', 'rsa-2048']

const force: OptionSpec = {
  type: 'boolean',
  description:
    'replace an existing file (it is kept beside the new one); nodes made with the old one cannot join then',
}

const create: Command = {
  name: 'create',
  summary: 'make new CAs, keys and tokens for the cluster',
  usage: '[--key-algorithm ecdsa-p256|rsa-2048] [--force]',
  options: {
    ...blueprintOptions,
    'key-algorithm': {
      type: 'string',
      value: keyAlgorithms.join('|'),
      description: 'of every key; RSA makes user-data 6 KB larger',
      default: "the blueprint's bootstrap.keyAlgorithm",
    },
    force,
  },
  async run(invocation, io) {
    const algorithm = text(invocation, 'key-algorithm')
    if (algorithm !== undefined && !keyAlgorithms.includes(algorithm as KeyAlgorithm))
      throw new UsageError(`there is no key algorithm ${algorithm}`, keyAlgorithms.join(' or '))
    const target = await findTarget(invocation, io)
    if (target === undefined) return 1
    const { createSecrets } = await import('../secrets/create.ts')
    const { systemRandomness } = await import('../effects/random.effect.ts')
    const secrets = await createSecrets({
      cluster: target.plan.name,
      keyAlgorithm: (algorithm as KeyAlgorithm | undefined) ?? target.plan.bootstrap.keyAlgorithm,
      ecdsaServiceAccountKey: target.plan.kubernetes.facts.supports.ecdsaServiceAccountKey,
      now: now(),
      randomness: systemRandomness,
    })
    await writeNew(target.path, secrets, invocation, io)
    return 0
  },
}

const importPki: Command = {
  name: 'import',
  summary: "take over an existing cluster's CAs and service-account key",
  usage: '--from-pki DIR [--force]',
  description:
    'DIR is a copy of /etc/kubernetes/pki of a control plane. Token, encryption key and clients are made new.',
  options: {
    ...blueprintOptions,
    'from-pki': {
      type: 'string',
      value: 'DIR',
      description: 'holds ca, etcd/ca, front-proxy-ca and sa, each with its key',
    },
    force,
  },
  async run(invocation, io) {
    const folder = text(invocation, 'from-pki')
    if (folder === undefined) throw new UsageError('gen secrets import needs --from-pki DIR')
    const target = await findTarget(invocation, io)
    if (target === undefined) return 1
    const { readPkiFolder } = await import('../effects/pki-folder.effect.ts')
    const { pki, diagnostics } = await readPkiFolder(fromHere(folder, io))
    printProblems(diagnostics, io)
    if (pki === undefined) return 1
    const { adoptPki } = await import('../secrets/create.ts')
    const { systemRandomness } = await import('../effects/random.effect.ts')
    const secrets = await adoptPki(
      {
        cluster: target.plan.name,
        keyAlgorithm: keyAlgorithmOf(pki.kubernetes.certificate) ?? 'rsa-2048',
        now: now(),
        randomness: systemRandomness,
      },
      pki,
    )
    await writeNew(target.path, secrets, invocation, io)
    io.stderr(
      'gen: if the cluster encrypts its data at rest already, put its key into encryptionKey of that file\n',
    )
    return 0
  },
}

const show: Command = {
  name: 'show',
  summary: 'show what the secrets are, without any secret',
  usage: '[--json]',
  options: { ...blueprintOptions, json: { type: 'boolean', description: 'print JSON' } },
  async run(invocation, io) {
    // Without a clock, so that expired certificates are shown rather than refused.
    const found = await readTarget(invocation, io, undefined)
    if (found === undefined) return 1
    const summary = describeSecrets(found.secrets)
    await io.stdout(flag(invocation, 'json') ? `${JSON.stringify(summary, null, 2)}\n` : table(summary))
    return 0
  },
}

const rotateToken: Command = {
  name: 'rotate-token',
  summary: 'make another bootstrap token and keep everything else',
  usage: '[--reveal]',
  options: {
    ...blueprintOptions,
    reveal: { type: 'boolean', description: 'print the new token in the commands' },
  },
  async run(invocation, io) {
    const found = await readTarget(invocation, io, now())
    if (found === undefined) return 1
    const { createToken } = await import('../secrets/keys.ts')
    const { systemRandomness } = await import('../effects/random.effect.ts')
    const token = createToken(systemRandomness)
    await writeFileAtomic(found.path, encode(replaceToken(found.text, new Secret(token))), 0o600)
    const reveal = flag(invocation, 'reveal')
    const shown = reveal ? token : `${token.slice(0, 6)}.****************`
    await io.stdout(`The new bootstrap token is in ${found.path}. Nodes that have joined are not affected.
User-data made before holds the old token: make it again for nodes to come.

To let them join the running cluster, on a control plane${reveal ? '' : ' (with bootstrapToken of that file for the stars)'}:
  kubeadm token create ${shown} --ttl ${found.plan.bootstrap.tokenTTL}
To refuse the old one:
  kubeadm token delete ${tokenId(found.secrets)}
`)
    return 0
  },
}

const workerCertificate: Command = {
  name: 'worker-certificate',
  summary: 'make a client certificate with which workers join until it expires',
  usage: '[--ttl 7d]',
  description:
    'For bootstrap.credential: certificate. Workers then need no token in the cluster, but this is in their user-data.',
  options: {
    ...blueprintOptions,
    ttl: {
      type: 'string',
      value: 'TIME',
      description: 'how long workers can join with it, such as 36h or 7d',
      default: '7d',
    },
  },
  async run(invocation, io) {
    const lifetime = parseLifetime(text(invocation, 'ttl') ?? '7d')
    const found = await readTarget(invocation, io, now())
    if (found === undefined) return 1
    const { secrets, path } = found
    const { issueJoinCertificate } = await import('../secrets/create.ts')
    const { systemRandomness } = await import('../effects/random.effect.ts')
    const workerBootstrap = await issueJoinCertificate(secrets.authorities.kubernetes, lifetime, {
      keyAlgorithm: secrets.keyAlgorithm,
      now: now(),
      randomness: systemRandomness,
    })
    const renewed = { ...secrets, clients: { ...secrets.clients, workerBootstrap } }
    await writeFileAtomic(path, encode(serialiseSecrets(renewed)), 0o600)
    const until = new Date(now().getTime() + lifetime).toISOString().slice(0, 16)
    io.stderr(`gen: wrote ${path}: workers can join with its certificate until ${until}Z\n`)
    return 0
  },
}

export const secrets: Command = {
  name: 'secrets',
  summary: "make, show, import and renew the cluster's secrets",
  usage: 'COMMAND',
  description:
    'They lie in <name>.secrets.yaml beside the blueprint, readable by you alone. Back that file up; keep it out of Git.',
  options: {},
  subcommands: [create, show, importPki, rotateToken, workerCertificate],
  examples: [
    ['gen secrets create', 'once for each cluster'],
    ['gen secrets import --from-pki ./pki', 'new nodes for a cluster that kubeadm made'],
  ],
  async run() {
    throw new UsageError(
      'gen secrets needs a command',
      'create, show, import, rotate-token or worker-certificate',
    )
  },
}

function table({ certificates, ...summary }: SecretsSummary): string {
  const facts = [
    ['cluster', summary.cluster],
    ['made', summary.createdAt],
    ['CA hash', summary.caCertHash],
    ['bootstrap token', `${summary.bootstrapTokenId}.****************`],
    ['service account', summary.serviceAccountKey],
  ]
  const rows = certificates.map(({ name, subject, keyAlgorithm, notAfter }) => [
    name,
    subject,
    keyAlgorithm,
    `${notAfter.toISOString().slice(0, 10)}${notAfter < now() ? ' EXPIRED' : ''}`,
  ])
  return `${columns(facts)}\n${columns([['certificate', 'subject', 'key', 'valid until'], ...rows])}`
}

function fromHere(path: string, io: Io): string {
  return path.startsWith('/') ? path : join(io.cwd, path)
}

function encode(content: string): Uint8Array {
  return new TextEncoder().encode(content)
}
