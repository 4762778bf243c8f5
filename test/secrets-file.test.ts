import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Secret } from '../generators/model/secret.ts'
import { createSecrets, issueJoinCertificate } from '../generators/secrets/create.ts'
import { parseSecrets, replaceToken, serialiseSecrets } from '../generators/secrets/file.ts'
import { seededRandomness } from './support/randomness.ts'
import { fixedNow, fixedSecrets, openssl, secretValues } from './support/secrets.ts'

const day = 24 * 60 * 60 * 1000

test('create → serialise → parse → serialise is the identity', async () => {
  const name = fc.stringMatching(/^[a-z]([a-z0-9-]{0,20}[a-z0-9])?$/)
  const when = fc.date({ min: new Date('2024-01-01'), max: new Date('2039-12-31'), noInvalidDate: true })
  await fc.assert(
    fc.asyncProperty(name, fc.string(), when, async (cluster, seed, now) => {
      const request = { cluster, keyAlgorithm: 'ecdsa-p256', ecdsaServiceAccountKey: true, now } as const
      const text = serialiseSecrets(await createSecrets({ ...request, randomness: seededRandomness(seed) }))
      const { secrets, diagnostics } = parseSecrets(text, 'file', { cluster, now })
      expect(diagnostics).toEqual([])
      expect(secrets && serialiseSecrets(secrets)).toBe(text)
    }),
    { numRuns: 25 },
  )
})

test('another token leaves every other byte alone', async () => {
  const secrets = await fixedSecrets()
  const text = `# a note of mine\n${serialiseSecrets(secrets)}\n# another\n`
  // All digits with an e: what YAML would read as a number.
  const rotated = replaceToken(text, new Secret('123456.1234567890123e45'))
  expect(rotated).toBe(text.replace(secrets.bootstrapToken.reveal(), '"123456.1234567890123e45"'))
  expect(parseSecrets(rotated, 'file').secrets?.bootstrapToken.reveal()).toBe('123456.1234567890123e45')
})

describe('a file that is not right is refused with its place and without its content', async () => {
  const secrets = await fixedSecrets()
  const text = serialiseSecrets(secrets)
  const etcdKey = secrets.authorities.etcd.key.reveal()
  const indented = (pem: string) => pem.trimEnd().replaceAll('\n', '\n      ')
  const swap = (one: string, other: string) => text.replace(indented(one), () => indented(other))
  const otherCa = (await fixedSecrets('ecdsa-p256', 'other')).authorities.kubernetes
  const ed25519 = openssl(['genpkey', '-algorithm', 'ed25519']).toString()

  test.each<readonly [title: string, text: string, code: string, message: RegExp]>([
    ['empty', '', 'not-secrets', /^f:1:1: not a secrets file$/],
    ['a list', '- a\n- b\n', 'not-secrets', /not a secrets file/],
    [
      'not YAML',
      text.replace('cluster: prod', 'cluster: "prod'),
      'not-yaml',
      /^f:\d+:\d+: not valid YAML \([A-Z_]+\)$/,
    ],
    ['a PEM that lost its indentation', text.replaceAll('\n      ', '\n'), 'not-yaml', /not valid YAML/],
    ['an alias bomb', `${bomb()}\nauthorities: *i\n`, 'wrong-type', /authorities must be a map/],
    [
      'another kind',
      text.replace('ClusterSecrets', 'Cluster'),
      'wrong-value',
      /^f:3:1: kind must be ClusterSecrets$/,
    ],
    [
      'a newer version',
      text.replace('leaven/v1', 'leaven/v9'),
      'wrong-value',
      /apiVersion must be leaven\/v1/,
    ],
    ['a field of somebody else', `${text}extra: 1\n`, 'unknown-field', /unknown field extra/],
    [
      'a secret as a field name',
      `${text}${etcdKey.split('\n')[1]?.slice(0, 40)}: 1\n`,
      'unknown-field',
      /unknown field$/,
    ],
    ['no token', text.replace(/bootstrapToken: .*\n/, ''), 'missing-field', /bootstrapToken is missing/],
    [
      'a number for a token',
      text.replace(/bootstrapToken: .*/, 'bootstrapToken: 1.5'),
      'wrong-type',
      /must be text/,
    ],
    [
      'a bad token',
      text.replace(/bootstrapToken: .*/, 'bootstrapToken: ABC'),
      'wrong-value',
      /bootstrapToken must be six/,
    ],
    [
      'a short encryption key',
      text.replace(/encryptionKey: .*/, 'encryptionKey: aGVsbG8='),
      'wrong-value',
      /32 bytes/,
    ],
    [
      'a key of another CA',
      swap(etcdKey, otherCa.key.reveal()),
      'damaged-pair',
      /^f:\d+:5: authorities\.etcd: the key does not belong/,
    ],
    [
      'a damaged certificate',
      text.replace(/MII.{20}/, 'MIIAAAAAAAAAAAAAAAAAAAA'),
      'damaged-pair',
      /the certificate is damaged/,
    ],
    [
      'a damaged key',
      text.replace(indented(etcdKey), () => indented(etcdKey).replace(/M.{9}/, 'MAAAAAAAAA')),
      'damaged-pair',
      /the key is damaged/,
    ],
    ['a key that kubeadm cannot load', swap(etcdKey, ed25519), 'damaged-pair', /neither RSA nor ECDSA/],
    [
      'two certificates',
      swap(otherCa.certificate, '').replace(
        indented(secrets.authorities.etcd.certificate),
        (pem) => `${pem}\n      ${pem}`,
      ),
      'damaged-pair',
      /2 certificates/,
    ],
    [
      'a client as CA',
      swap(secrets.authorities.etcd.certificate, secrets.clients.controlPlane.certificate).replace(
        indented(etcdKey),
        () => indented(secrets.clients.controlPlane.key.reveal()),
      ),
      'damaged-pair',
      /not one of a CA/,
    ],
    [
      'clients of another CA',
      swap(secrets.authorities.kubernetes.certificate, otherCa.certificate).replace(
        indented(secrets.authorities.kubernetes.key.reveal()),
        () => indented(otherCa.key.reveal()),
      ),
      'damaged-pair',
      /clients\.controlPlane: the certificate is not signed/,
    ],
    [
      'another service-account key',
      swap(secrets.serviceAccount.privateKey.reveal(), etcdKey).replace(
        indented(secrets.serviceAccount.privateKey.reveal()).replaceAll('      ', '    '),
        () => indented(etcdKey).replaceAll('      ', '    '),
      ),
      'damaged-pair',
      /serviceAccount: the private key does not belong/,
    ],
  ])('%s', (_, content, code, message) => {
    const { secrets: read, diagnostics } = parseSecrets(content, 'f', { cluster: 'prod', now: fixedNow })
    expect(read).toBeUndefined()
    expect(diagnostics.map((diagnostic) => diagnostic.code)).toContain(`secrets/${code}`)
    expect(
      diagnostics.map((diagnostic) => diagnostic.message).find((line) => message.test(line)),
    ).toBeDefined()
    const printed = JSON.stringify(diagnostics)
    for (const value of secretValues(secrets)) expect(printed).not.toContain(value)
  })

  test.each<readonly [title: string, cluster: string, now: string, code: string, severity: string]>([
    ['another cluster', 'staging', '2026-11-22', 'other-cluster', 'error'],
    ['an expired CA', 'prod', '2037-01-01', 'expired', 'error'],
    ['a CA that expires soon', 'prod', '2036-10-01', 'expires-soon', 'warning'],
    ['a clock before the CA', 'prod', '2026-11-01', 'not-yet-valid', 'error'],
  ])('%s', (_, cluster, now, code, severity) => {
    const { secrets: read, diagnostics } = parseSecrets(text, 'f', { cluster, now: new Date(now) })
    expect(diagnostics[0]).toMatchObject({ code: `secrets/${code}`, severity })
    expect(read === undefined).toBe(severity === 'error')
  })

  test('a workers’ certificate that expired is a warning, or an error where it is needed', async () => {
    const making = {
      keyAlgorithm: 'ecdsa-p256',
      now: fixedNow,
      randomness: seededRandomness('worker'),
    } as const
    const withWorker = async (ca: typeof otherCa) => {
      const workerBootstrap = await issueJoinCertificate(ca, day, making)
      return serialiseSecrets({ ...secrets, clients: { ...secrets.clients, workerBootstrap } })
    }
    const own = await withWorker(secrets.authorities.kubernetes)
    expect(parseSecrets(own, 'f', { now: fixedNow }).diagnostics).toEqual([])
    const late = parseSecrets(own, 'f', { now: new Date(fixedNow.getTime() + 2 * day) })
    expect(late.diagnostics).toMatchObject([{ code: 'secrets/expired', severity: 'warning' }])
    expect(late.secrets?.clients.workerBootstrap).toBeDefined()
    const needed = { now: new Date(fixedNow.getTime() + 2 * day), workerCertificate: true }
    expect(parseSecrets(own, 'f', needed).secrets).toBeUndefined()
    expect(parseSecrets(await withWorker(otherCa), 'f').secrets).toBeUndefined()
  })
})

function bomb(): string {
  const letters = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i']
  return letters
    .map(
      (letter, level) =>
        `${letter}: &${letter} [${Array(9)
          .fill(level === 0 ? 'x' : `*${letters[level - 1]}`)
          .join(', ')}]`,
    )
    .join('\n')
}
