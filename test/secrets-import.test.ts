/** `gen secrets import` on PKIs that openssl made. */
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { fixedSecrets, openssl, scratchFolder, secretValues, writePki } from './support/secrets.ts'
import { workplace } from './support/workplace.ts'

const scratch = scratchFolder()

/** A PKI as somebody else makes it: PKCS#8 keys, and certificates with openssl's text around them. */
function foreignPki(folder: string, key: readonly string[]): void {
  mkdirSync(join(folder, 'etcd'), { recursive: true })
  for (const [name, commonName] of [
    ['ca', 'kubernetes'],
    ['etcd/ca', 'etcd-ca'],
    ['front-proxy-ca', 'front-proxy-ca'],
  ] as const) {
    const [certificate, privateKey] = [join(folder, `${name}.crt`), join(folder, `${name}.key`)]
    openssl([
      'req',
      '-x509',
      '-newkey',
      ...key,
      '-nodes',
      '-days',
      '3650',
      '-subj',
      `/CN=${commonName}`,
      '-keyout',
      privateKey,
      '-out',
      certificate,
    ])
    writeFileSync(certificate, openssl(['x509', '-in', certificate, '-text']))
  }
  openssl([
    'genpkey',
    '-algorithm',
    key[0]?.startsWith('rsa') ? 'RSA' : 'EC',
    ...(key[0] === 'ec' ? key.slice(1) : []),
    '-out',
    join(folder, 'sa.key'),
  ])
  openssl(['pkey', '-in', join(folder, 'sa.key'), '-pubout', '-out', join(folder, 'sa.pub')])
}

describe('import', () => {
  test.each([
    ['RSA', ['rsa:2048'], 'rsa-2048'],
    ['P-256', ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256'], 'ecdsa-p256'],
    ['P-384', ['ec', '-pkeyopt', 'ec_paramgen_curve:P-384'], 'ecdsa-p256'],
  ] as const)(
    'takes over a PKI of %s keys and mints clients that its CA signs',
    async (_, key, algorithm) => {
      const { folder, file, gen, secrets } = workplace(scratch)
      foreignPki(join(folder, 'pki'), key)
      const { code, err } = await gen('secrets import --from-pki pki')
      expect([code, statSync(file).mode & 0o777], err).toEqual([0, 0o600])
      const { authorities, clients, serviceAccount, keyAlgorithm } = secrets()
      expect(keyAlgorithm).toBe(algorithm)
      const same = (name: string, pem: string) =>
        openssl(['x509', '-in', join(folder, 'pki', name)]).toString() === pem
      expect(same('ca.crt', authorities.kubernetes.certificate)).toBe(true)
      expect(same('etcd/ca.crt', authorities.etcd.certificate)).toBe(true)
      expect(serviceAccount.publicKey).toBe(readFileSync(join(folder, 'pki/sa.pub'), 'utf8'))
      for (const { certificate } of Object.values(clients)) {
        writeFileSync(join(folder, 'client.crt'), certificate)
        const verified = openssl([
          'verify',
          '-purpose',
          'sslclient',
          '-CAfile',
          join(folder, 'pki/ca.crt'),
          join(folder, 'client.crt'),
        ])
        expect(verified.toString()).toContain(': OK')
      }
    },
  )

  const ours = fixedSecrets()
  test.each([
    [
      'no etcd CA',
      (pki: string) => rmSync(join(pki, 'etcd'), { recursive: true }),
      /etcd\/ca\.crt does not exist[\s\S]*etcd\/ca\.key does not exist/,
    ],
    [
      'an external CA',
      (pki: string) => rmSync(join(pki, 'ca.key')),
      /pki\/ca\.key does not exist[\s\S]*external CA cannot be imported/,
    ],
    [
      'a key of another CA',
      (pki: string) => writeFileSync(join(pki, 'ca.key'), readFileSync(join(pki, 'etcd/ca.key'))),
      /pki\/ca\.crt and \.key: the key does not belong/,
    ],
    [
      'a leaf as CA',
      async (pki: string) => {
        const { certificate, key } = (await ours).clients.controlPlane
        writeFileSync(join(pki, 'ca.crt'), certificate)
        writeFileSync(join(pki, 'ca.key'), key.reveal())
      },
      /ca\.crt and \.key: the certificate is not one of a CA/,
    ],
    [
      'an sa.pub of another key',
      (pki: string) =>
        writeFileSync(
          join(pki, 'sa.pub'),
          openssl(['x509', '-noout', '-pubkey', '-in', join(pki, 'ca.crt')]),
        ),
      /sa\.pub and sa\.key: the private key does not belong/,
    ],
    [
      'rubbish',
      (pki: string) => writeFileSync(join(pki, 'front-proxy-ca.key'), 'rubbish'),
      /front-proxy-ca\.crt and \.key: the key is damaged/,
    ],
    ['no folder', (pki: string) => rmSync(pki, { recursive: true }), /pki\/ca\.crt does not exist/],
  ])('says what is wrong and writes nothing: %s', async (_, spoil, message) => {
    const { folder, gen } = workplace(scratch)
    writePki(join(folder, 'pki'), await ours)
    await spoil(join(folder, 'pki'))
    const { code, err } = await gen('secrets import --from-pki pki')
    expect(code).toBe(1)
    expect(err).toMatch(message)
    for (const value of secretValues(await ours)) expect(err).not.toContain(value)
    expect(readdirSync(folder)).not.toContain('prod.secrets.yaml')
  })
})
