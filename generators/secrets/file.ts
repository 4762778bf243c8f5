/** `<name>.secrets.yaml`: its text to ClusterSecrets and back. No message ever holds a value from the file. */
import { isMap, isScalar, LineCounter, type Node, parseDocument, stringify } from 'yaml'
import type { Diagnostic } from '../model/diagnostic.ts'
import { Secret } from '../model/secret.ts'
import type { CertifiedKey, ClusterSecrets, KeyAlgorithm } from '../model/secrets.ts'
import { caCertHash, describeCertificate, keyPairProblem, pairProblem } from './inspect.ts'

/** A whole RSA PKI is 14 KB; RSA-4096 twice that. */
export const maxSecretsBytes = 128 * 1024

const soon = 180 * 24 * 60 * 60 * 1000

/** Every field of the file, in the order in which it is written. */
const fields = [
  'apiVersion',
  'kind',
  'cluster',
  'createdAt',
  'keyAlgorithm',
  'bootstrapToken',
  'encryptionKey',
  'authorities.kubernetes.certificate',
  'authorities.kubernetes.key',
  'authorities.etcd.certificate',
  'authorities.etcd.key',
  'authorities.frontProxy.certificate',
  'authorities.frontProxy.key',
  'serviceAccount.publicKey',
  'serviceAccount.privateKey',
  'clients.controlPlane.certificate',
  'clients.controlPlane.key',
  'clients.workerBootstrap.certificate',
  'clients.workerBootstrap.key',
] as const

type Field = (typeof fields)[number]

const authorities = ['authorities.kubernetes', 'authorities.etcd', 'authorities.frontProxy'] as const
const clients = ['clients.controlPlane'] as const
/** Only where workers were given a certificate. */
const optional = 'clients.workerBootstrap' as const

type Pair = (typeof authorities | typeof clients)[number] | typeof optional

/** Fields of one line, with the form they must have. */
const forms: readonly (readonly [field: Field, form: RegExp, expected: string])[] = [
  ['apiVersion', /^leaven\/v1$/, 'leaven/v1'],
  ['kind', /^ClusterSecrets$/, 'ClusterSecrets'],
  ['cluster', /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/, "the cluster's name"],
  ['createdAt', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/, 'a time such as 2026-01-31T12:00:00Z'],
  ['keyAlgorithm', /^(ecdsa-p256|rsa-2048)$/, 'ecdsa-p256 or rsa-2048'],
  ['bootstrapToken', /^[a-z0-9]{6}\.[a-z0-9]{16}$/, 'six characters, a dot and sixteen of a-z and 0-9'],
  ['encryptionKey', /^[A-Za-z0-9+/]{43}=$/, '32 bytes in base64'],
]

/** What the caller knows and the file must agree with. */
export interface Expectation {
  readonly cluster?: string
  /** To judge the certificates' dates. */
  readonly now?: Date
  /** Workers are to join with `clients.workerBootstrap`, so an expired one is an error. */
  readonly workerCertificate?: boolean
}

export interface ParsedSecrets {
  /** Present unless `diagnostics` has an error. */
  readonly secrets?: ClusterSecrets
  readonly diagnostics: readonly Diagnostic[]
}

/**
 * Reads and checks a secrets file: shape, that each key belongs to its certificate, that clients are signed by our CA.
 * @param text the whole file
 * @param file how to name it in messages, which start with `file:line:column`
 */
export function parseSecrets(text: string, file: string, expected: Expectation = {}): ParsedSecrets {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false })
  const diagnostics: Diagnostic[] = []
  const report = (
    severity: Diagnostic['severity'],
    code: Diagnostic['code'],
    offset: number,
    message: string,
    hint?: string,
  ) => {
    const { line, col } = lines.linePos(Math.min(offset, text.length))
    const place = `${file}:${Math.max(line, 1)}:${Math.max(col, 1)}`
    diagnostics.push({
      code,
      severity,
      path: [],
      message: `${place}: ${message}`,
      ...(hint === undefined ? {} : { hint }),
    })
  }
  const fail: Fail = (code, offset, message, hint) => report('error', code, offset, message, hint)

  const broken = document.errors[0]
  // The parser's own sentence may quote the text, which is secret; its code does not.
  if (broken) fail('secrets/not-yaml', broken.pos[0], `not valid YAML (${broken.code})`, makeAgain)
  else if (!isMap(document.contents)) fail('secrets/not-secrets', 0, 'not a secrets file', makeAgain)
  else {
    const found = readFields(document.contents, fail)
    if (diagnostics.length === 0) checkValues(found, fail)
    if (diagnostics.length === 0) checkExpectation(found, expected, report)
    if (!diagnostics.some(({ severity }) => severity === 'error'))
      return { secrets: assemble(found), diagnostics }
  }
  return { diagnostics }
}

const makeAgain = 'gen secrets create writes one'

interface Found {
  readonly value: (field: Field) => string
  readonly offset: (field: Field) => number
  readonly pairs: readonly Pair[]
}

type Fail = (code: Diagnostic['code'], offset: number, message: string, hint?: string) => void

/** Walks the nodes rather than plain data, so that aliases are never expanded and positions stay at hand. */
function readFields(root: Node, fail: Fail): Found {
  const values = new Map<string, { value: string; offset: number }>()
  const visit = (node: unknown, path: string, offset: number): void => {
    if (isMap(node)) {
      for (const { key, value } of node.items) {
        const name = isScalar(key) && typeof key.value === 'string' ? key.value : ''
        const at = isScalar(key) ? (key.range?.[0] ?? offset) : offset
        const below = path === '' ? name : `${path}.${name}`
        if (fields.some((field) => field === below || field.startsWith(`${below}.`))) visit(value, below, at)
        else
          fail(
            'secrets/unknown-field',
            at,
            `unknown field${/^[A-Za-z.]{1,60}$/.test(below) ? ` ${below}` : ''}`,
          )
      }
    } else if (isScalar(node) && typeof node.value === 'string' && fields.includes(path as Field))
      values.set(path, { value: node.value, offset })
    else
      fail(
        'secrets/wrong-type',
        offset,
        `${path} must be ${fields.includes(path as Field) ? 'text' : 'a map'}`,
      )
  }
  visit(root, '', 0)
  const hasOptional = [...values.keys()].some((field) => field.startsWith(optional))
  for (const field of fields)
    if (!values.has(field) && (hasOptional || !field.startsWith(optional)))
      fail('secrets/missing-field', 0, `${field} is missing`, makeAgain)
  const pairs: readonly Pair[] = [...authorities, ...clients, ...(hasOptional ? [optional] : [])]
  const of = (field: Field) => values.get(field) ?? { value: '', offset: 0 }
  return { value: (field) => of(field).value, offset: (field) => of(field).offset, pairs }
}

function checkValues({ value, offset, pairs }: Found, fail: Fail): void {
  for (const [field, form, expected] of forms)
    if (!form.test(value(field))) fail('secrets/wrong-value', offset(field), `${field} must be ${expected}`)
  for (const pair of pairs) {
    const issuer = pair.startsWith('clients') ? value('authorities.kubernetes.certificate') : undefined
    const problem = pairProblem(value(`${pair}.certificate`), value(`${pair}.key`), issuer)
    if (problem) fail('secrets/damaged-pair', offset(`${pair}.certificate`), `${pair}: ${problem}`, restore)
  }
  const problem = keyPairProblem(value('serviceAccount.publicKey'), value('serviceAccount.privateKey'))
  if (problem)
    fail('secrets/damaged-pair', offset('serviceAccount.publicKey'), `serviceAccount: ${problem}`, restore)
}

const restore = 'take the file from a backup: a new one does not fit the nodes that already run'

type Report = (
  severity: Diagnostic['severity'],
  code: Diagnostic['code'],
  at: number,
  message: string,
  hint?: string,
) => void

function checkExpectation({ value, offset, pairs }: Found, expected: Expectation, report: Report): void {
  const cluster = value('cluster')
  if (expected.cluster !== undefined && expected.cluster !== cluster)
    report(
      'error',
      'secrets/other-cluster',
      offset('cluster'),
      `these are the secrets of cluster ${cluster}, not of ${expected.cluster}`,
      'name the right file with --secrets, or make one with gen secrets create',
    )
  const now = expected.now?.getTime()
  if (now === undefined) return
  for (const pair of pairs) {
    const { notBefore, notAfter } = describeCertificate(value(`${pair}.certificate`))
    const at = offset(`${pair}.certificate`)
    const day = notAfter.toISOString().slice(0, 10)
    if (pair === optional) {
      if (notAfter.getTime() <= now)
        report(
          expected.workerCertificate ? 'error' : 'warning',
          'secrets/expired',
          at,
          `${pair} expired on ${day}`,
          renewWorker,
        )
    } else if (notAfter.getTime() <= now)
      report('error', 'secrets/expired', at, `${pair} expired on ${day}`, renew)
    else if (notAfter.getTime() - now < soon)
      report('warning', 'secrets/expires-soon', at, `${pair} expires on ${day}`, renew)
    if (notBefore.getTime() > now)
      report(
        'error',
        'secrets/not-yet-valid',
        at,
        `${pair} is not valid before ${notBefore.toISOString()}`,
        'is the clock of this machine right?',
      )
  }
}

const renewWorker = 'workers cannot join with it any more: gen secrets worker-certificate makes another'

const renew =
  'https://kubernetes.io/docs/tasks/tls/manual-rotation-of-ca-certificates/ then gen secrets import'

function assemble({ value, pairs }: Found): ClusterSecrets {
  const pair = (name: Pair): CertifiedKey => ({
    certificate: value(`${name}.certificate`),
    key: new Secret(value(`${name}.key`)),
  })
  return {
    cluster: value('cluster'),
    createdAt: value('createdAt'),
    keyAlgorithm: value('keyAlgorithm') as KeyAlgorithm,
    authorities: {
      kubernetes: pair('authorities.kubernetes'),
      etcd: pair('authorities.etcd'),
      frontProxy: pair('authorities.frontProxy'),
    },
    serviceAccount: {
      publicKey: value('serviceAccount.publicKey'),
      privateKey: new Secret(value('serviceAccount.privateKey')),
    },
    bootstrapToken: new Secret(value('bootstrapToken')),
    encryptionKey: new Secret(value('encryptionKey')),
    clients: {
      controlPlane: pair('clients.controlPlane'),
      ...(pairs.includes(optional) ? { workerBootstrap: pair(optional) } : {}),
    },
    caCertHash: caCertHash(value('authorities.kubernetes.certificate')),
  }
}

/**
 * The file's text: fixed field order, PEM as block scalars.
 * @returns plain text with every secret in it: write it with mode 0600 and nowhere else
 */
export function serialiseSecrets(secrets: ClusterSecrets): string {
  const pair = ({ certificate, key }: CertifiedKey) => ({ certificate, key: key.reveal() })
  const document = {
    apiVersion: 'leaven/v1',
    kind: 'ClusterSecrets',
    cluster: secrets.cluster,
    createdAt: secrets.createdAt,
    keyAlgorithm: secrets.keyAlgorithm,
    bootstrapToken: secrets.bootstrapToken.reveal(),
    encryptionKey: secrets.encryptionKey.reveal(),
    authorities: {
      kubernetes: pair(secrets.authorities.kubernetes),
      etcd: pair(secrets.authorities.etcd),
      frontProxy: pair(secrets.authorities.frontProxy),
    },
    serviceAccount: {
      publicKey: secrets.serviceAccount.publicKey,
      privateKey: secrets.serviceAccount.privateKey.reveal(),
    },
    clients: {
      controlPlane: pair(secrets.clients.controlPlane),
      ...(secrets.clients.workerBootstrap ? { workerBootstrap: pair(secrets.clients.workerBootstrap) } : {}),
    },
  }
  const warning =
    '# Whoever reads this file owns the cluster. Keep it at mode 0600, backed up, and out of Git.\n'
  return warning + stringify(document, { lineWidth: 0 })
}

/**
 * Puts another token into the file and leaves every other byte alone.
 * @param text a file that parseSecrets accepts
 */
export function replaceToken(text: string, token: Secret): string {
  const node = parseDocument(text).get('bootstrapToken', true)
  if (!isScalar(node) || !node.range) throw new TypeError('replaceToken needs text that parseSecrets accepts')
  const [start, end] = node.range
  // Quoted, because a token of digits alone would read back as a number.
  return `${text.slice(0, start)}"${token.reveal()}"${text.slice(end)}`
}
