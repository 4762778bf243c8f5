import { createHash, createPrivateKey, X509Certificate } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import type { KeyAlgorithm } from '../generators/model/secrets.ts'
import { createSecrets, issueAdmin, issueJoinCertificate } from '../generators/secrets/create.ts'
import { describeSecrets } from '../generators/secrets/describe.ts'
import { parseSecrets, serialiseSecrets } from '../generators/secrets/file.ts'
import { caCertHash, isEllipticKey } from '../generators/secrets/inspect.ts'
import { createToken, signDeterministically } from '../generators/secrets/keys.ts'
import { kubeconfig } from '../generators/secrets/kubeconfig.ts'
import { seededRandomness } from './support/randomness.ts'
import { fixedNow, fixedSecrets, openssl, scratchFolder, secretValues } from './support/secrets.ts'

const folder = scratchFolder()
const algorithms: readonly KeyAlgorithm[] = ['ecdsa-p256', 'rsa-2048']
const day = 24 * 60 * 60 * 1000

describe.each(algorithms)('%s', (algorithm) => {
  const made = fixedSecrets(algorithm)
  const file = (name: string, content: string): string => {
    const path = join(folder, `${algorithm}-${name}`)
    writeFileSync(path, content)
    return path
  }

  test('the same clock and randomness give the same bytes, another seed does not', async () => {
    const text = serialiseSecrets(await made)
    expect(serialiseSecrets(await fixedSecrets(algorithm))).toBe(text)
    const other = { cluster: 'prod', keyAlgorithm: algorithm, ecdsaServiceAccountKey: true, now: fixedNow }
    expect(
      serialiseSecrets(await createSecrets({ ...other, randomness: seededRandomness('other') })),
    ).not.toBe(text)
  })

  test.each([
    ['kubernetes', 'kubernetes'],
    ['etcd', 'etcd-ca'],
    ['frontProxy', 'front-proxy-ca'],
  ] as const)('the CA %s is what kubeadm makes, to openssl', async (name, commonName) => {
    const { certificate, key } = (await made).authorities[name]
    const path = file(`${name}.crt`, certificate)
    expect(openssl(['verify', '-x509_strict', '-CAfile', path, path]).toString()).toContain(': OK')
    const told = openssl([
      'x509',
      '-in',
      path,
      '-noout',
      '-subject',
      '-issuer',
      '-nameopt',
      'RFC2253',
    ]).toString()
    expect(told).toBe(`subject=CN=${commonName}\nissuer=CN=${commonName}\n`)
    const extensions = openssl(['x509', '-in', path, '-noout', '-text']).toString().replaceAll(/\s+/g, ' ')
    expect(extensions).toContain(
      'X509v3 Key Usage: critical Digital Signature, Key Encipherment, Certificate Sign X509v3',
    )
    expect(extensions).toContain('X509v3 Basic Constraints: critical CA:TRUE')
    expect(extensions).toContain(`X509v3 Subject Alternative Name: DNS:${commonName} `)
    expect(extensions).toMatch(/X509v3 Subject Key Identifier: ([0-9A-F]{2}:){19}/)
    expect(extensions).toContain(algorithm === 'rsa-2048' ? 'sha256WithRSAEncryption' : 'ecdsa-with-SHA256')
    const publicKey = openssl(['x509', '-in', path, '-noout', '-pubkey']).toString()
    expect(openssl(['pkey', '-pubout'], key.reveal()).toString()).toBe(publicKey)
    const { validFrom, validTo } = new X509Certificate(certificate)
    expect(new Date(validFrom).toISOString()).toBe('2026-11-20T09:00:00.000Z')
    expect(new Date(validTo).getTime() - new Date('2026-11-21T09:00:00Z').getTime()).toBe(3650 * day)
  })

  test.each([['controlPlane', 'CN=leaven:control-plane,O=system:masters']] as const)(
    'the client %s is signed by our CA for client use only',
    async (name, subject) => {
      const { authorities, clients } = await made
      const ca = file('ca.crt', authorities.kubernetes.certificate)
      const path = file(`${name}.crt`, clients[name].certificate)
      expect(
        openssl(['verify', '-x509_strict', '-purpose', 'sslclient', '-CAfile', ca, path]).toString(),
      ).toContain(': OK')
      expect(() => openssl(['verify', '-purpose', 'sslserver', '-CAfile', ca, path])).toThrow()
      const other = file('other.crt', authorities.etcd.certificate)
      expect(() => openssl(['verify', '-CAfile', other, path])).toThrow()
      const told = openssl(['x509', '-in', path, '-noout', '-subject', '-nameopt', 'RFC2253']).toString()
      expect(told).toBe(`subject=${subject}\n`)
      expect(new X509Certificate(clients[name].certificate).ca).toBe(false)
      expect(new X509Certificate(clients[name].certificate).validTo).toBe(
        new X509Certificate(authorities.kubernetes.certificate).validTo,
      )
    },
  )

  test('the CA hash is what openssl computes the way the kubeadm documentation shows', async () => {
    const { authorities, caCertHash: hash } = await made
    const publicKey = openssl(['x509', '-noout', '-pubkey'], authorities.kubernetes.certificate)
    const der = openssl(['pkey', '-pubin', '-outform', 'der'], publicKey)
    expect(hash).toBe(`sha256:${createHash('sha256').update(der).digest('hex')}`)
    expect(caCertHash(authorities.kubernetes.certificate)).toBe(hash)
  })

  test('keys have the PEM forms of kubeadm, and sa.pub belongs to sa.key', async () => {
    const { authorities, serviceAccount } = await made
    const label = algorithm === 'rsa-2048' ? 'RSA PRIVATE KEY' : 'EC PRIVATE KEY'
    for (const key of [authorities.etcd.key, serviceAccount.privateKey])
      expect(key.reveal()).toMatch(
        new RegExp(`^-----BEGIN ${label}-----\n[\\s\\S]*-----END ${label}-----\n$`),
      )
    expect(openssl(['pkey', '-pubout'], serviceAccount.privateKey.reveal()).toString()).toBe(
      serviceAccount.publicKey,
    )
  })

  test('what is written reads back as the same, and describes itself without a secret', async () => {
    const secrets = await made
    const text = serialiseSecrets(secrets)
    const { secrets: read, diagnostics } = parseSecrets(text, 'prod.secrets.yaml', {
      cluster: 'prod',
      now: fixedNow,
    })
    expect(diagnostics).toEqual([])
    expect(read && serialiseSecrets(read)).toBe(text)
    expect(read?.caCertHash).toBe(secrets.caCertHash)
    const shown = JSON.stringify([describeSecrets(secrets), secrets])
    for (const value of secretValues(secrets)) expect(shown).not.toContain(value)
  })
})

test('a whole ECDSA PKI is 1.6 KB gzipped', async () => {
  const { authorities, serviceAccount } = await fixedSecrets()
  const pems = Object.values(authorities).flatMap(({ certificate, key }) => [certificate, key.reveal()])
  const pki = [...pems, serviceAccount.privateKey.reveal(), serviceAccount.publicKey].join('')
  expect(gzipSync(pki, { level: 9 }).length).toBeLessThanOrEqual(1600)
})

test('the service-account key alone is RSA where kubeadm can read no other', async () => {
  const { authorities, serviceAccount } = await fixedSecrets('ecdsa-p256', 'old', false)
  expect(isEllipticKey(serviceAccount.publicKey)).toBe(false)
  expect(authorities.kubernetes.key.reveal()).toContain('BEGIN EC PRIVATE KEY')
})

test('every key, serial and token of one cluster is another', async () => {
  const { authorities, clients, serviceAccount } = await fixedSecrets()
  const pairs = [...Object.values(authorities), ...Object.values(clients)]
  const keys = new Set([...pairs.map(({ key }) => key.reveal()), serviceAccount.privateKey.reveal()])
  expect(keys.size).toBe(5)
  const serials = pairs.map(({ certificate }) => new X509Certificate(certificate).serialNumber)
  expect(new Set(serials).size).toBe(4)
  // Go refuses a negative serial number, and kubeadm's have 63 bits.
  for (const serial of serials) expect(serial).toMatch(/^[4-7][0-9A-F]{15}$/)
})

test('ECDSA signatures are those of RFC 6979, A.2.5', async () => {
  // The private key and the signature of "sample" with SHA-256 that the RFC prints for P-256.
  const scalar = 'c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721'
  const sec1 = `30310201010420${scalar}a00a06082a8648ce3d030107`
  const key = createPrivateKey({ key: Buffer.from(sec1, 'hex'), format: 'der', type: 'sec1' })
  const signature = Buffer.from(await signDeterministically(key, Buffer.from('sample'))).toString('hex')
  expect(signature).toContain('efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716')
  expect(signature).toContain('f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8')
})

test('tokens use every letter about as often as any other', () => {
  const randomness = seededRandomness('tokens')
  const counts = new Map<string, number>()
  for (let made = 0; made < 2000; made += 1)
    for (const letter of createToken(randomness).replace('.', ''))
      counts.set(letter, (counts.get(letter) ?? 0) + 1)
  expect(counts.size).toBe(36)
  const expected = (2000 * 22) / 36
  for (const count of counts.values()) expect(Math.abs(count - expected)).toBeLessThan(expected * 0.1)
})

test('a join certificate and an admin end when they should, and never after their CA', async () => {
  const { authorities } = await fixedSecrets()
  const making = {
    keyAlgorithm: 'ecdsa-p256',
    now: fixedNow,
    randomness: seededRandomness('clients'),
  } as const
  const week = await issueJoinCertificate(authorities.kubernetes, 7 * day, making)
  expect(new Date(new X509Certificate(week.certificate).validTo).toISOString()).toBe(
    '2026-11-28T09:00:00.000Z',
  )
  const admin = await issueAdmin('ann', authorities.kubernetes, 20 * 365 * day, making)
  const { subject, validTo } = new X509Certificate(admin.certificate)
  expect(subject).toBe('O=system:masters\nCN=ann')
  expect(validTo).toBe(new X509Certificate(authorities.kubernetes.certificate).validTo)
})

test('a kubeconfig embeds everything and hides its key until it is rendered', async () => {
  const { authorities, clients } = await fixedSecrets()
  const document = kubeconfig({
    server: 'https://127.0.0.1:6443',
    tlsServerName: 'kubernetes',
    caCertificate: authorities.kubernetes.certificate,
    client: clients.controlPlane,
    cluster: 'prod',
    user: 'kube-vip',
  })
  expect(document).toMatchObject({
    kind: 'Config',
    'current-context': 'kube-vip@prod',
    clusters: [
      { name: 'prod', cluster: { server: 'https://127.0.0.1:6443', 'tls-server-name': 'kubernetes' } },
    ],
    contexts: [{ name: 'kube-vip@prod', context: { cluster: 'prod', user: 'kube-vip' } }],
  })
  expect(JSON.stringify(document)).toContain('"client-key-data":"***"')
})
