/** What machine images are baked from, in the lock: checksums of a publisher's list, AMIs of a region. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { check } from '../generators/compile.ts'
import { lockBase } from '../generators/effects/resolve.effect.ts'
import { checksumOf } from '../generators/lock/checksums.ts'
import { amiName } from '../generators/lock/pin.ts'
import { wanted } from '../generators/lock/wanted.ts'
import { mergePatch } from '../generators/model/json.ts'
import type { Lock } from '../generators/model/lock.ts'
import { wantedBases } from '../generators/plan/machine.ts'
import { type Publisher, publish } from './bundle/island.effect.ts'
import { account, blueprint as blueprintOnAws } from './support/aws/account.ts'
import { clusterPlace } from './support/command-line.ts'
import { compileText, kubernetes } from './support/compiled.ts'

const sha256 = 'a'.repeat(64)
const sha512 = '0123456789abcdef'.repeat(8)

describe('a list of checksums', () => {
  test.each([
    ['of coreutils', `${sha256}  disk.img\n${'b'.repeat(64)}  disk.img.xz\n`, `sha256:${sha256}`],
    ['of binaries', `${sha256} *disk.img\n`, `sha256:${sha256}`],
    ['of BSD', `# disk.img: 1 byte\nSHA256 (disk.img) = ${sha256}\n`, `sha256:${sha256}`],
    [
      'of several kinds',
      `${'c'.repeat(32)}  disk.img\n${sha256}  ./disk.img\n${sha512}  disk.img\n`,
      `sha512:${sha512}`,
    ],
    ['without it', `${sha256}  other-disk.img\n${sha256}  disk.img.xz\n`, undefined],
    ['of MD5 only', `${'c'.repeat(32)}  disk.img\n`, undefined],
    ['that is a page', '<html>disk.img</html>', undefined],
  ])('%s', (_, list, expected) => expect(checksumOf(list, 'disk.img')).toBe(expected))

  let publisher: Publisher
  beforeAll(async () => {
    publisher = await publish()
    publisher.files.set('/latest/SHA512SUMS', Buffer.from(`${sha512}  debian.qcow2\n`))
  })
  afterAll(() => publisher.close())
  const lookUp = (path: string, list: string) =>
    lockBase(
      { kind: 'file', name: `${publisher.url}${path}`, checksums: `${publisher.url}${list}` },
      { profile: undefined, region: undefined, endpoint: undefined },
      new AbortController().signal,
    )

  test('is fetched, and nothing else', async () => {
    publisher.asked.length = 0
    expect(await lookUp('/latest/debian.qcow2', '/latest/SHA512SUMS')).toEqual({
      checksum: `sha512:${sha512}`,
    })
    expect(publisher.asked).toEqual(['/latest/SHA512SUMS'])
  })

  test('that lacks the file, or is not there', async () => {
    await expect(lookUp('/latest/other.qcow2', '/latest/SHA512SUMS')).rejects.toThrow(
      /SHA512SUMS has no checksum of .*other\.qcow2/,
    )
    await expect(lookUp('/latest/debian.qcow2', '/nowhere')).rejects.toThrow('/nowhere answers HTTP 404')
  })
})

/** A cluster of one machine whose builders begin with what publishers move. */
const cloud = 'https://cloud.debian.org/images/cloud/bookworm/latest/debian-12-generic-amd64.qcow2'
const blueprint = (builders: string) => `apiVersion: leaven/v1
kind: Cluster
name: prod
kubernetes: { version: 1.31.4 }
endpoint: { provider: external, address: 192.0.2.10 }
os: { provider: debian, release: "12" }
nodes: [{ name: m1, role: control-plane, address: 192.0.2.11 }]
bake: { builders: { ${builders} } }
`
const lock = (bases: Lock['bases'] = {}): Lock => ({
  format: 1,
  cluster: 'prod',
  platforms: ['linux/amd64'],
  images: {},
  downloads: {},
  bases,
})

describe('builders', () => {
  test('want what the blueprint does not name itself, once a processor', () => {
    const want = (builders: string, more = '') => {
      const text = blueprint(builders).replace('bake: {', `bake: {${more}`)
      const checked = check({ file: 'cluster.yaml', blueprint: new TextEncoder().encode(text), kubernetes })
      if (checked.plan === undefined || checked.blueprint === undefined)
        throw new Error(JSON.stringify(checked.diagnostics))
      const both = [{ architecture: 'amd64' }, { architecture: 'arm64' }]
      return wantedBases(checked.plan, checked.blueprint, both).map(({ name }) => name)
    }
    expect(want('qemu: {}')).toEqual([cloud, cloud.replace('amd64', 'arm64')])
    expect(want('"null": { sshHost: 192.0.2.1 }')).toEqual([])
    expect(want('amazon-ebs: { region: eu-west-1, sourceAmi: ami-1 }')).toEqual([])
    expect(want('amazon-ebs: { region: eu-west-1 }')).toEqual([
      'ami/eu-west-1/debian-12-amd64',
      'ami/eu-west-1/debian-12-arm64',
    ])
    const own = ` cloudImages: { amd64: { url: "https://e.org/a.qcow2", sha256: ${sha256} } },`
    expect(want('qemu: {}', own)).toEqual([cloud.replace('amd64', 'arm64')])
  })

  test('take what is locked, and nothing warns any more', async () => {
    const made = clusterPlace(blueprint('qemu: {}, amazon-ebs: { region: eu-west-1 }'))
    const variables = (builder: string) =>
      JSON.parse(made.read(`out/worker/${builder}-amd64/node.auto.pkrvars.json`).toString()) as object
    const key = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ4kfkKZ3u2VOX3XvWqTQ7f5mUO3FKdV0Yk8zt3a2b1c me'
    writeFileSync(made.path('key.pub'), key)
    const packer = 'packer --role worker --ssh-key key.pub -o out'
    const without = await made.gen(packer)
    expect(without).toMatchObject({ code: 0, err: expect.stringContaining('bake/unpinned') })
    expect((await made.gen('validate --strict')).code).toBe(1)
    expect(variables('qemu')).toMatchObject({ iso_checksum: expect.stringMatching(/^file:https:/) })
    expect(variables('amazon-ebs')).not.toHaveProperty('source_ami')
    const ami = amiName('eu-west-1', 'debian', '12', 'amd64')
    const bases = {
      [cloud]: { checksum: `sha512:${sha512}` },
      [ami]: { image: 'ami-7', name: 'debian-12-7' },
    }
    writeFileSync(made.path('prod.lock.json'), JSON.stringify(lock(bases)))
    const ran = await made.gen(packer)
    expect(ran.code).toBe(0)
    expect(ran.err).not.toContain('unpinned')
    expect((await made.gen('validate --strict')).code).toBe(0)
    expect(variables('qemu')).toMatchObject({ iso_url: cloud, iso_checksum: `sha512:${sha512}` })
    expect(variables('amazon-ebs')).toMatchObject({ source_ami: 'ami-7' })
    expect(variables('amazon-ebs')).not.toHaveProperty('source_ami_owner')
    const checked = await made.gen('lock --check')
    expect(checked.out).not.toMatch(/cloud\.debian\.org|^ami/m)
  })

  test('--check says which base lacks, and which nobody begins with', async () => {
    const made = clusterPlace(blueprint('qemu: {}'))
    const stale = { 'ami/eu-west-1/debian-12-amd64': { image: 'ami-7', name: 'debian-12-7' } }
    writeFileSync(made.path('prod.lock.json'), JSON.stringify(lock(stale)))
    const { code, out } = await made.gen('lock --check')
    expect(code).toBe(1)
    expect(out).toContain(`${cloud}: the lock does not have this base of machine images\n`)
    expect(out).toContain('ami/eu-west-1/debian-12-amd64: no builder begins with this any more\n')
    for (const wrong of [{ checksum: 'file:elsewhere' }, { image: 'ami-7' }, 'ami-7']) {
      writeFileSync(made.path('prod.lock.json'), JSON.stringify({ ...lock(), bases: { [cloud]: wrong } }))
      const refused = await made.gen('lock --check')
      expect(refused).toMatchObject({
        code: 1,
        out: '',
        err: expect.stringContaining('bases: https://cloud'),
      })
    }
  })
})

describe('an AMI', { timeout: 60_000 }, () => {
  const base = {
    kind: 'ami',
    name: 'ami/eu-central-1/ubuntu-24.04-amd64',
    region: 'eu-central-1',
    os: 'ubuntu',
    release: '24.04',
    architecture: 'amd64',
  } as const

  test('is the newest of its owner in the region of the builder, and moves when it is told to', async () => {
    const patch = { bake: { builders: { 'amazon-ebs': { region: 'eu-central-1' } } } }
    const aws = await account(patch)
    const add = (id: string, day: string) =>
      aws.state.images.set(id, {
        owner: '099720109477',
        name: `ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-amd64-server-202611${day}`,
        arch: 'x86_64',
        created: `2026-11-${day}T00:00:00.000Z`,
        tags: {},
        snapshots: [],
      })
    add('ami-3', '03')
    const kept = everythingBut(JSON.stringify(mergePatch(blueprintOnAws, patch)))
    writeFileSync(join(aws.folder, 'prod.lock.json'), JSON.stringify(kept))
    const locked = () => JSON.parse(readFileSync(join(aws.folder, 'prod.lock.json'), 'utf8')) as Lock
    expect(await aws.gen('lock')).toMatchObject({
      code: 0,
      err: expect.stringContaining('1 bases of machine images'),
    })
    expect(locked().bases).toEqual({
      [base.name]: { image: 'ami-3', name: expect.stringContaining('20261103') },
    })
    add('ami-5', '05')
    expect((await aws.gen('lock')).err).toContain('unchanged')
    expect((await aws.gen('lock --update ubuntu-24.04-amd64')).code).toBe(0)
    expect(locked().bases).toEqual({ [base.name]: expect.objectContaining({ image: 'ami-5' }) })
    expect((await aws.gen('packer --role worker -o out')).code).toBe(0)
    const variables = readFileSync(join(aws.folder, 'out/worker/amazon-ebs-amd64/node.auto.pkrvars.json'))
    expect(JSON.parse(variables.toString())).toMatchObject({ source_ami: 'ami-5' })
  })

  test('that there is not is told with the region', async () => {
    const patch = {
      os: { provider: 'debian', release: '12' },
      bake: { builders: { 'amazon-ebs': { region: 'eu-central-1' } } },
    }
    const aws = await account(patch)
    const kept = everythingBut(JSON.stringify(mergePatch(blueprintOnAws, patch)))
    writeFileSync(join(aws.folder, 'prod.lock.json'), JSON.stringify(kept))
    const ran = await aws.gen('lock')
    expect(ran.code).toBe(1)
    expect(ran.err).toContain('there is no AMI of debian 12 for amd64 in eu-central-1')
    expect(ran.err).toContain('nothing was written')
  })
})

/** A lock of all that is not a base, made up: so that nobody but AWS is asked. */
function everythingBut(text: string): Lock {
  const { groups, diagnostics } = compileText(text)
  if (groups === undefined) throw new Error(JSON.stringify(diagnostics))
  const { images, downloads } = wanted(groups)
  const digest = `sha256:${sha256}`
  return {
    ...lock(),
    images: Object.fromEntries(
      images.map((name) => [name, { digest, platforms: { 'linux/amd64': digest } }]),
    ),
    downloads: Object.fromEntries(
      downloads.map((want) => [
        want.url,
        { sha256: want.sha256 ?? sha256, ...(want.runsImages ? { images: [] } : {}) },
      ]),
    ),
  }
}
