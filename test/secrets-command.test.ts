/** `gen secrets` and `gen kubeconfig` on real files. */
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { serialiseSecrets } from '../generators/secrets/file.ts'
import { isEllipticKey } from '../generators/secrets/inspect.ts'
import { fixedSecrets, openssl, scratchFolder, secretValues } from './support/secrets.ts'
import { workplace } from './support/workplace.ts'

const scratch = scratchFolder()

const modeOf = (path: string): number => statSync(path).mode & 0o7777

describe('create', () => {
  test('writes a file for its owner alone, and never a second time', async () => {
    const { folder, file, gen, secrets } = workplace(scratch)
    const { code, out } = await gen('secrets create')
    expect([code, out, modeOf(file)]).toEqual([0, '', 0o600])
    expect(secrets().keyAlgorithm).toBe('ecdsa-p256')
    const before = readFileSync(file, 'utf8')
    const again = await gen('secrets create')
    expect([again.code, readFileSync(file, 'utf8')]).toEqual([1, before])
    expect(again.err).toContain('exists already')
    expect(readdirSync(folder).sort()).toEqual(['cluster.yaml', 'prod.secrets.yaml'])
  })

  test('--force keeps the old file, private as well, and says what breaks', async () => {
    const { folder, file, gen, secrets } = workplace(scratch)
    await gen('secrets create')
    const before = readFileSync(file, 'utf8')
    const { code, err } = await gen('secrets create --force --key-algorithm rsa-2048')
    expect(code).toBe(0)
    expect(err).toContain('no node made from now on can join them')
    expect(secrets().keyAlgorithm).toBe('rsa-2048')
    const [backup] = readdirSync(folder).filter((name) => /^prod\.\d{8}T\d{6}Z\.secrets\.yaml$/.test(name))
    expect(readFileSync(join(folder, backup ?? ''), 'utf8')).toBe(before)
    expect(modeOf(join(folder, backup ?? ''))).toBe(0o600)
  })

  test('makes the service-account key RSA for a kubeadm that reads no other', async () => {
    const { gen, secrets } = workplace(scratch, '1.20.2')
    expect((await gen('secrets create')).code).toBe(0)
    expect(isEllipticKey(secrets().serviceAccount.publicKey)).toBe(false)
    expect(
      isEllipticKey(
        openssl(['x509', '-noout', '-pubkey'], secrets().authorities.etcd.certificate).toString(),
      ),
    ).toBe(true)
  })

  test.each([
    ['secrets create --key-algorithm dsa', 2, /no key algorithm dsa/],
    ['secrets create --secrets nowhere/s.yaml', 1, /nowhere.* does not exist/],
    ['secrets create --blueprint nothing.yaml', 1, /nothing\.yaml/],
    ['secrets', 2, /needs a command/],
    ['secrets creat', 2, /create/],
  ])('%s writes nothing', async (command, expected, message) => {
    const { folder, gen } = workplace(scratch)
    const { code, err } = await gen(command)
    expect(code).toBe(expected)
    expect(err).toMatch(message)
    expect(readdirSync(folder)).toEqual(['cluster.yaml'])
  })
})

describe('show', () => {
  test.each(['secrets show', 'secrets show --json'])(
    '%s holds what identifies, and no secret',
    async (command) => {
      const { gen, secrets } = workplace(scratch)
      await gen('secrets create')
      const { code, out, err } = await gen(command)
      expect(code).toBe(0)
      for (const value of secretValues(secrets())) expect(out + err).not.toContain(value)
      for (const known of [
        secrets().caCertHash,
        'CN=leaven:control-plane, O=system:masters',
        secrets().bootstrapToken.reveal().slice(0, 6),
      ])
        expect(out).toContain(known)
      if (command.endsWith('--json')) expect(JSON.parse(out).certificates).toHaveLength(4)
    },
  )

  test('shows expired certificates rather than refusing them', async () => {
    const { file, gen } = workplace(scratch)
    const old = await fixedSecrets('ecdsa-p256', 'prod', true, new Date('2010-01-01'))
    writeFileSync(file, serialiseSecrets(old), { mode: 0o600 })
    expect((await gen('secrets show')).out).toContain('2019-12-30 EXPIRED')
    const { code, err } = await gen('userdata --role worker')
    expect(code).toBe(1)
    expect(err).toContain('authorities.kubernetes expired on 2019-12-30')
  })
})

function replaceByFolder(file: string): void {
  rmSync(file)
  mkdirSync(file)
}

describe('a file that cannot be trusted is refused by every command that reads it', () => {
  test.each([
    [
      'readable by the group',
      (file: string) => chmodSync(file, 0o640),
      /mode 0640[\s\S]*chmod 600 .*prod\.secrets\.yaml/,
    ],
    ['readable by all', (file: string) => chmodSync(file, 0o604), /mode 0604[\s\S]*chmod 600/],
    ['missing', (file: string) => rmSync(file), /does not exist[\s\S]*gen secrets create/],
    ['a directory', replaceByFolder, /is a directory/],
    [
      'too large',
      (file: string) => writeFileSync(file, Buffer.alloc(50 * 1024 * 1024, '# \n')),
      /larger than/,
    ],
    ['not UTF-8', (file: string) => writeFileSync(file, Buffer.from([0xff, 0xfe, 0x80])), /not UTF-8/],
    [
      'of another cluster',
      (file: string) =>
        writeFileSync(file, readFileSync(file, 'utf8').replace('cluster: prod', 'cluster: staging')),
      /cluster staging, not of prod/,
    ],
  ])('%s', async (_, spoil, message) => {
    const { folder, file, gen, secrets } = workplace(scratch)
    await gen('secrets create')
    const values = secretValues(secrets())
    spoil(file)
    const names = readdirSync(folder)
    for (const command of [
      'secrets show',
      'secrets rotate-token',
      'secrets worker-certificate',
      'kubeconfig -o a.conf',
      'userdata --role worker',
    ]) {
      const { code, out, err } = await gen(command)
      expect([code, out]).toEqual([1, ''])
      expect(err).toMatch(message)
      for (const value of values) expect(err).not.toContain(value)
    }
    expect(readdirSync(folder)).toEqual(names)
  })
})

describe('rotate-token', () => {
  test.each(['', ' --reveal'])('changes the token and no other byte%s', async (option) => {
    const { file, gen, secrets } = workplace(scratch)
    await gen('secrets create')
    const before = readFileSync(file, 'utf8')
    const old = secrets().bootstrapToken.reveal()
    const { code, out, err } = await gen(`secrets rotate-token${option}`)
    const token = secrets().bootstrapToken.reveal()
    expect(code).toBe(0)
    expect(token).not.toBe(old)
    expect(readFileSync(file, 'utf8').replace(/bootstrapToken: .*/, '')).toBe(
      before.replace(/bootstrapToken: .*/, ''),
    )
    expect(modeOf(file)).toBe(0o600)
    expect((out + err).includes(token.slice(7))).toBe(option !== '')
    expect(out).toContain(`kubeadm token create ${token.slice(0, 6)}.`)
    expect(out).toContain(`kubeadm token delete ${old.slice(0, 6)}`)
    expect(out).not.toContain(old.slice(7))
  })
})

describe('worker-certificate', () => {
  test('adds a certificate that expires, and replaces it the next time', async () => {
    const { gen, secrets } = workplace(scratch)
    await gen('secrets create')
    const before = secrets()
    expect((await gen('secrets worker-certificate --ttl 36h')).code).toBe(0)
    const first = secrets().clients.workerBootstrap?.certificate ?? ''
    const hours =
      (Date.parse(openssl(['x509', '-noout', '-enddate'], first).toString().slice(9)) - Date.now()) /
      3_600_000
    expect(hours).toBeGreaterThan(35.9)
    expect(hours).toBeLessThanOrEqual(36)
    expect((await gen('secrets worker-certificate')).code).toBe(0)
    const { workerBootstrap, ...clients } = secrets().clients
    expect(workerBootstrap?.certificate).not.toBe(first)
    expect(serialiseSecrets({ ...secrets(), clients })).toBe(serialiseSecrets(before))
    expect((await gen('secrets worker-certificate --ttl 0d')).code).toBe(2)
  })
})

describe('kubeconfig', () => {
  test('is private, reaches the endpoint, and its client is signed by our CA', async () => {
    const { folder, gen, secrets } = workplace(scratch)
    await gen('secrets create')
    const path = join(folder, 'admin.conf')
    expect((await gen('kubeconfig -o admin.conf --user ann --ttl 8h')).code).toBe(0)
    expect(modeOf(path)).toBe(0o600)
    const text = readFileSync(path, 'utf8')
    const data = (name: string) =>
      Buffer.from(new RegExp(`${name}: (.*)`).exec(text)?.[1] ?? '', 'base64').toString()
    expect(data('certificate-authority-data')).toBe(secrets().authorities.kubernetes.certificate)
    writeFileSync(join(folder, 'ca.crt'), data('certificate-authority-data'))
    writeFileSync(join(folder, 'ann.crt'), data('client-certificate-data'))
    openssl([
      'verify',
      '-x509_strict',
      '-purpose',
      'sslclient',
      '-CAfile',
      join(folder, 'ca.crt'),
      join(folder, 'ann.crt'),
    ])
    const publicKey = openssl(['x509', '-noout', '-pubkey', '-in', join(folder, 'ann.crt')]).toString()
    expect(openssl(['pkey', '-pubout'], data('client-key-data')).toString()).toBe(publicKey)
    const again = await gen('kubeconfig -o admin.conf')
    expect([again.code, readFileSync(path, 'utf8')]).toEqual([1, text])
    expect((await gen('kubeconfig -o admin.conf --force')).code).toBe(0)
    expect(readFileSync(path, 'utf8')).not.toBe(text)
  })

  test.each([
    ['kubeconfig', true, 2, /does not belong on a terminal/],
    ['kubeconfig --ttl soon', false, 2, /soon is not a time/],
    ['kubeconfig --server 10.0.0.1', false, 2, /not an https/],
    ['kubeconfig -o nowhere/a.conf', false, 1, /does not exist/],
  ])('%s is refused', async (command, terminal, expected, message) => {
    const { gen } = workplace(scratch)
    await gen('secrets create')
    const { code, out, err } = await gen(command, terminal)
    expect([code, out]).toEqual([expected, ''])
    expect(err).toMatch(message)
  })

  test.each([
    ['kubeconfig --stdout --server https://203.0.113.7:6443', true],
    ['kubeconfig --server https://203.0.113.7:6443', false],
  ])('%s prints it', async (command, terminal) => {
    const { gen } = workplace(scratch)
    await gen('secrets create')
    expect((await gen(command, terminal)).out).toContain('server: https://203.0.113.7:6443\n')
  })
})
