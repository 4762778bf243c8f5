/** What happens to gen images export on its way, and that the archive is the same in the end. */
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test as plainTest } from 'vitest'
import { exportArchive } from '../generators/effects/archive/export.effect.ts'
import { dice, large, reference, scratch } from './support/archives.ts'
import { place } from './support/command-line.ts'
import { type Fault, startFaultProxy } from './support/registry/fault-proxy.ts'
import { image } from './support/registry/images.ts'
import { never, opened } from './support/registry/opened.ts'
import { startRegistry } from './support/registry/registry.ts'
import { isRoot, run, withTools } from './support/tools.ts'

const shared = large('shared', 8_000_000)
const images = [
  image('kube/one', 'v1', { layers: [shared, large('one', 24_000_000)] }),
  image('kube/two', 'v2', { layers: [shared, large('two', 12_000_000)], docker: true }),
]
const digest = (file: string) => createHash('sha256').update(readFileSync(file)).digest('hex')
const test = withTools('docker-registry', 'openssl')
const minutes = 60_000

test(
  'a hundred exports end the same, wherever the registry drops the connections',
  async () => {
    const small = [
      image('kube/one', 'v1', { layers: [large('a', 400_000), large('b', 900_000)] }),
      image('kube/two', 'v1', { layers: [large('a', 400_000), large('c', 100_000)] }),
    ]
    const registry = await startRegistry({ images: small })
    const roll = dice(6)
    const inRow = new Map<string, number>()
    const proxy = await startFaultProxy({
      before: registry.url,
      faults: ({ path: asked }) => {
        const before = inRow.get(asked) ?? 0
        const drops = before < 3 && roll() < 0.5
        inRow.set(asked, drops ? before + 1 : 0)
        // Some are beyond the answer's end, and do nothing.
        return drops
          ? { kind: 'drop', at: Math.floor(roll() * (asked.includes('/blobs/') ? 900_000 : 900)) }
          : undefined
      },
    })
    const { source, pauses } = opened({})
    const watcher = { begin: () => undefined, bytes: () => undefined, note: () => undefined }
    const wishes = small.map(({ repository, tag }) => ({
      reference: reference(`${proxy.name}/${repository}:${tag}`),
    }))
    const job = { partSize: undefined, indexNames: true, wishes, platforms: [amd64], older: [] }
    const path = scratch()
    const digests = new Set<string>()
    for (let turn = 0; turn < 100; turn += 1) {
      const file = path(`${turn}.tar`)
      expect((await exportArchive({ ...job, path: file }, source, watcher, never)).outcome).toBe('written')
      digests.add(digest(file))
      rmSync(file)
    }
    expect(digests.size).toBe(1)
    expect(pauses.length).toBeGreaterThan(100)
  },
  5 * minutes,
)
const amd64 = { os: 'linux', architecture: 'amd64' }

test(
  'twenty kills at random points, and the archive is as if there had been none',
  async () => {
    const registry = await startRegistry({ images })
    const { gen, path, list } = place()
    const names = images.map(({ repository, tag }) => `--images ${registry.name}/${repository}:${tag}`)
    const command = `images export ${names.join(' ')} --plain-http --json`
    const began = performance.now()
    let spoke = began
    await gen(`${command} -o right.tar`, {
      started: (child) =>
        child.stderr?.once('data', () => {
          spoke = performance.now()
        }),
    })
    const [starting, writing] = [spoke - began, performance.now() - spoke]
    const right = digest(path('right.tar'))
    const roll = dice(20)
    const count = { killed: 0, inside: 0 }
    for (let turn = 0; turn < 80 && count.killed < 20; turn += 1) {
      const { signal } = await gen(`${command} -o out.tar`, {
        started: (child) => {
          const kill = () => void child.kill('SIGKILL')
          // Every fourth before its first word, the others while it writes.
          if (turn % 4 === 0) setTimeout(kill, roll() * starting)
          else child.stderr?.once('data', () => setTimeout(kill, roll() * writing))
        },
      })
      if (signal === 'SIGKILL') count.killed += 1
      if (existsSync(path('out.tar.partial'))) count.inside += 1
      if (!existsSync(path('out.tar'))) continue
      expect(digest(path('out.tar'))).toBe(right)
      rmSync(path('out.tar'))
    }
    expect(count.killed).toBe(20)
    expect(count.inside).toBeGreaterThan(2)
    expect((await gen(`${command} -o out.tar`)).code).toBe(0)
    expect(digest(path('out.tar'))).toBe(right)
    expect(list().filter((name) => name.includes('partial'))).toEqual([])
  },
  5 * minutes,
)

test(
  'Ctrl-C ends it in order, and the next run goes on inside the blob',
  async () => {
    const registry = await startRegistry({ images })
    const proxy = await startFaultProxy({
      before: registry.url,
      faults: ({ path: asked, range }): Fault | undefined =>
        asked.includes('/blobs/') && range === undefined ? { kind: 'stall', at: 9_000_000 } : undefined,
    })
    const { gen, path } = place()
    const command = `images export --images ${proxy.name}/kube/one:v1 --plain-http -o out.tar`
    const stopped = await gen(command, {
      started: (child) => {
        const journal = path('out.tar.partial.journal')
        // Once it has noted that some of the large layer is there.
        const timer = setInterval(() => {
          if (!existsSync(journal) || !/^8[3-9]\d{5} /m.test(readFileSync(journal, 'latin1'))) return
          clearInterval(timer)
          child.kill('SIGINT')
        }, 20)
      },
    })
    expect(stopped).toMatchObject({
      code: 130,
      err: expect.stringContaining('the same command goes on where'),
    })
    expect(existsSync(path('out.tar'))).toBe(false)
    const before = proxy.seen.length
    expect((await gen(command)).code).toBe(0)
    const ranges = proxy.seen.slice(before).map(({ headers }) => headers.range ?? '')
    expect(ranges.some((range) => /^bytes=[89]\d{6}-$/.test(range))).toBe(true)
    expect((await gen('images verify out.tar')).code).toBe(0)
  },
  2 * minutes,
)

const asRoot = isRoot() ? withTools('docker-registry', 'openssl', 'mount') : plainTest.skip
asRoot('a full disk and a read-only one are said, and nothing is left there', async () => {
  const registry = await startRegistry({ images })
  const { gen, path } = place()
  const small = path('small')
  mkdirSync(small)
  run('mount', ['-t', 'tmpfs', '-o', 'size=20m', 'tmpfs', small])
  onTestFinished(() => void run('umount', [small]))
  const command = `images export --images ${registry.name}/kube/one:v1 --plain-http -o ${join(small, 'x.tar')}`
  expect(await gen(command)).toMatchObject({
    code: 1,
    err: expect.stringMatching(
      /^gen: no space left on the disk for .*: \d+ MiB are needed, \d+ MiB are free$/m,
    ),
  })
  run('mount', ['-o', 'remount,ro', small])
  expect(await gen(command)).toMatchObject({
    code: 1,
    err: expect.stringMatching(/^gen: .* read-only disk$/m),
  })
  expect(readdirSync(small)).toEqual([])
})

test('platforms that an index names and nobody stored do no harm, unless they are asked for', async () => {
  const absent = [{ os: 'linux', architecture: 's390x' }]
  const registry = await startRegistry({
    images: [image('kube/partial', 'v1', { layers: [shared], absent })],
  })
  const { gen, list } = place()
  const command = `images export --images ${registry.name}/kube/partial:v1 --plain-http`
  expect((await gen(`${command} --index-names -o all.tar`)).code).toBe(0)
  expect(await gen('images verify all.tar')).toMatchObject({
    code: 0,
    out: expect.stringMatching(/lists linux\/arm64, linux\/s390x, not in/),
  })
  expect(await gen(`${command} --platform linux/amd64,linux/s390x -o x.tar`)).toMatchObject({
    code: 1,
    err: expect.stringMatching(/kube\/partial.*(not found|s390x)/),
  })
  expect(list().filter((name) => name.startsWith('x.tar'))).toEqual([])
})

withTools(
  'docker-registry',
  'openssl',
  'faketime',
)('another day gives the same bytes', async () => {
  const registry = await startRegistry({ images })
  const { gen, path } = place()
  const names = images.map(({ repository, tag }) => `--images ${registry.name}/${repository}:${tag}`)
  const asked = ['2031-02-03 04:05:06', 'printenv', 'LD_PRELOAD', 'FAKETIME']
  const [LD_PRELOAD = '', FAKETIME = ''] = run('faketime', asked).trim().split('\n')
  expect(run('env', [`LD_PRELOAD=${LD_PRELOAD}`, `FAKETIME=${FAKETIME}`, 'date', '+%Y']).trim()).toBe('2031')
  const env = { LD_PRELOAD, FAKETIME, TZ: 'Asia/Tokyo', HOME: '/nonexistent' }
  expect((await gen(`images export ${names.join(' ')} --plain-http -o today.tar`)).code).toBe(0)
  const later = await gen(`images export ${names.toReversed().join(' ')} --plain-http -o later.tar`, { env })
  expect(later.code).toBe(0)
  expect(digest(path('later.tar'))).toBe(digest(path('today.tar')))
})
