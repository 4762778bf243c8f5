/** First boot without a network: real apt, real containerd, and a bundle on disk, on a volume or at a URL. */
import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect } from 'vitest'
import { type Machine, programs } from './boot/machine.effect.ts'
import { vip } from './boot/settings.effect.ts'
import { root, useStage, waiting } from './boot/stage.effect.ts'
import { islandBlueprint, type Publisher, publish } from './bundle/island.effect.ts'
import { make } from './bundle/make.effect.ts'
import { withTools } from './support/tools.ts'

const scratch = mkdtempSync(join(tmpdir(), 'leaven-boot-bundle-'))
const folder = join(scratch, 'bundle')
const pause = 'registry.k8s.io/pause:3.2'
let publisher: Publisher
let tarSum = ''
const tools = ['apt-get', 'dpkg-deb', 'gpg', 'gpgv', 'containerd', 'ctr', 'python3', 'mkfs.ext4', 'losetup']
const test = root ? withTools(...tools) : withTools('(root)')

/** containerd starts when it is first asked, as its unit would have it. */
const ctr = `#!/bin/bash
exec 9>&-
if [[ ! -S /run/containerd/containerd.sock ]]; then
  setsid containerd >/run/containerd.log 2>&1 </dev/null &
  for i in {1..100}; do [[ -S /run/containerd/containerd.sock ]] && break; sleep 0.1; done
fi
CONTAINERD_SNAPSHOTTER=native exec /usr/bin/ctr "$@"
`

beforeAll(async () => {
  publisher = await publish()
  const blueprint = islandBlueprint(publisher.url).replace('name: island', 'name: test')
  // hello: real, small, and not on any machine that tests.
  const made = { blueprint, role: 'worker', packages: ['hello'], base: '/var/lib/dpkg/status' } as const
  await make({ ...made, output: folder })
  tarSum = (await make({ ...made, output: join(scratch, 'bundle.tar') })).tarSum ?? ''
}, 120_000)
afterAll(async () => {
  await publisher.close()
  rmSync(scratch, { recursive: true, force: true })
})

describe('a machine without a network', { timeout: 180_000 }, () => {
  const { api, joiner, onLan, say, serve } = useStage()
  const kubelet = () => `${publisher.url}/release/v1.20.15/bin/linux/amd64/kubelet`

  function worker(env: Readonly<Record<string, string>> = {}): Machine {
    const machine = joiner({
      env,
      tables: [
        ['packages', 'hello'],
        ['downloads', kubelet(), `sha256-url:${kubelet()}.sha256`, '/opt/fetched', '0755', 'file'],
        ['images', pause],
      ],
    })
    for (const part of ['archives', 'bundle'])
      machine.write(`usr/local/lib/leaven/${part}`, readFileSync(join(programs, part), 'utf8'))
    machine.write('usr/local/bin/ctr', ctr, 0o755)
    return machine
  }
  const lay = (machine: Machine) => cpSync(folder, machine.path('var/lib/leaven/bundle'), { recursive: true })
  const flip = (file: string, at: number) => {
    const bytes = readFileSync(file)
    bytes.writeUInt8((bytes[at] ?? 0) ^ 1, at)
    writeFileSync(file, bytes)
  }
  const cluster = async () => {
    say('token', 'abcdef')
    await api([vip])
  }

  function expectInstalled(machine: Machine): void {
    expect(machine.run('hello').output).toBe('Hello, world!\n')
    expect(machine.run('/opt/fetched').output).toBe('v1.20.15\n')
    expect(machine.read('var/lib/leaven/leaven.log')).toContain('Setting up hello')
    const checked = machine.run('ctr', '-n', 'k8s.io', 'images', 'check').output
    expect(checked).toMatch(new RegExp(`^${pause} .* complete `, 'm'))
    expect(machine.run('ctr', '-n', 'k8s.io', 'images', 'ls').output).toMatch(
      new RegExp(`^${pause} .*io.cri-containerd.pinned=pinned`, 'm'),
    )
    // Its own sources were neither asked nor changed.
    expect(machine.has('etc/apt/sources.list.d')).toBe(false)
  }

  test('installs packages, files and images from the bundle on its disk', () =>
    onLan(async () => {
      await cluster()
      const machine = worker()
      lay(machine)
      machine.boot()
      await machine.until('done', () => machine.status()?.state === 'done', 90)
      await machine.cut()
      expectInstalled(machine)
    }))

  test('waits for a bundle, refuses a damaged package, a damaged blob by its name, and goes on once they are replaced', () =>
    onLan(async () => {
      await cluster()
      const machine = worker()
      machine.boot()
      await waiting(machine, /no bundle of test for a worker in \/var\/lib\/leaven\/bundle or on a volume/)
      const at = 'var/lib/leaven/bundle'
      const [deb = ''] = readFileSync(join(folder, 'SHA256SUMS'), 'utf8').match(/packages\/hello\S+/) ?? []
      await machine.cut()
      lay(machine)
      flip(machine.path(join(at, deb)), 1000)
      const archive = machine.path(join(at, 'images/test.tar'))
      const listed = execFileSync('tar', ['-tf', archive], { encoding: 'utf8' })
      const blob = /blobs\/sha256\/\S+/.exec(listed)?.[0] ?? ''
      const start = readFileSync(archive).indexOf(blob)
      flip(archive, start + 512)
      machine.boot()
      await waiting(
        machine,
        new RegExp(`bundle in .* is damaged, replace it: ${deb.replaceAll('+', '.')}: FAILED`),
      )
      expect(machine.status()?.state).toBe('failed')
      expect(machine.has('usr/bin/hello')).toBe(false)
      await machine.cut()
      cpSync(join(folder, deb), machine.path(join(at, deb)))
      machine.boot()
      await waiting(machine, new RegExp(`test\\.tar is damaged, replace it: ${blob}`), 60)
      expect(machine.status()?.state).toBe('failed')
      expect(machine.run('sh', '-c', 'ls /var/lib/leaven/imported-* 2>&1').output).toContain('No such file')
      await machine.cut()
      cpSync(join(folder, 'images/test.tar'), archive)
      machine.boot()
      await machine.until('done', () => machine.status()?.state === 'done', 60)
      await machine.cut()
      expectInstalled(machine)
    }))

  test('finds it on a volume labelled LEAVEN, which it only reads', () =>
    onLan(async () => {
      await cluster()
      const image = join(scratch, 'volume.img')
      mkdirSync(join(scratch, 'stick'))
      cpSync(folder, join(scratch, 'stick/worker'), { recursive: true })
      execFileSync('truncate', ['-s', '64M', image])
      execFileSync('mkfs.ext4', ['-q', '-L', 'LEAVEN', '-d', join(scratch, 'stick'), image])
      const attached = spawnSync('losetup', ['-f', '--show', image], { encoding: 'utf8' })
      if (attached.status !== 0 && process.env['CI'] === undefined)
        return console.warn(`skipped: no loop device: ${attached.stderr}`)
      expect(attached.stderr).toBe('')
      const device = attached.stdout.trim()
      const before = readFileSync(image)
      try {
        const machine = worker()
        machine.boot()
        await machine.until('done', () => machine.status()?.state === 'done', 90)
        await machine.cut()
        expectInstalled(machine)
        expect(machine.has('var/lib/leaven/bundle')).toBe(false)
      } finally {
        execFileSync('losetup', ['-d', device])
      }
      expect(readFileSync(image).equals(before)).toBe(true)
    }))

  test('fetches it from its URL, but not with another checksum', () =>
    onLan(async () => {
      await cluster()
      const served = join(scratch, 'served')
      mkdirSync(served)
      cpSync(join(scratch, 'bundle.tar'), join(served, 'b.tar'))
      flip(join(served, 'b.tar'), 5000)
      await serve(['10.77.0.90'], ['python3', '-m', 'http.server', '8000', '--directory', served])
      const machine = worker({
        LEAVEN_BUNDLE_URL: 'http://10.77.0.90:8000/b.tar',
        LEAVEN_BUNDLE_SHA256: tarSum,
      })
      machine.boot()
      await waiting(machine, new RegExp(`http://10\\.77\\.0\\.90:8000/b\\.tar: its sha256 is not ${tarSum}`))
      expect(machine.status()?.state).toBe('failed')
      expect(machine.has('var/lib/leaven/bundle')).toBe(false)
      await machine.cut()
      cpSync(join(scratch, 'bundle.tar'), join(served, 'b.tar'))
      machine.boot()
      await machine.until('done', () => machine.status()?.state === 'done', 90)
      await machine.cut()
      expectInstalled(machine)
      expect(machine.has('var/lib/leaven/bundle.part')).toBe(false)
    }))

  test.each([
    ['cluster', '\ttest\t', '\tother\t', 'worker of other on debian 12, amd64'],
    ['role', '\tworker\t', '\tcontrol-plane\t', 'control-plane of test on debian 12, amd64'],
    ['release', '\t12\t', '\t1\t', 'worker of test on debian 1, amd64'],
    ['distribution', '\tdebian\t', '\tubuntu\t', 'worker of test on ubuntu 12, amd64'],
    ['processor', '\tamd64', '\tarm64', 'worker of test on debian 12, arm64'],
  ])('a bundle for another %s is none, and says what it is for', (_, from, to, text) =>
    onLan(async () => {
      const machine = worker()
      lay(machine)
      const tables = machine.read('var/lib/leaven/bundle/tables')
      machine.write('var/lib/leaven/bundle/tables', tables.replace(from, to))
      machine.boot()
      await waiting(machine, /no bundle of test for a worker/)
      expect(machine.status()).toMatchObject({
        state: 'waiting',
        reason: expect.stringContaining(`(/var/lib/leaven/bundle is for ${text})`),
      })
    }),
  )
})
