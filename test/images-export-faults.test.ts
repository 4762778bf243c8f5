/** Whatever a registry and the way to it do to gen images export: the right archive, or none and a reason. */
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import fc from 'fast-check'
import { beforeAll, describe, expect } from 'vitest'
import { exportArchive } from '../generators/effects/archive/export.effect.ts'
import { createPatience, Transient } from '../generators/effects/registry/patience.effect.ts'
import { parsePlatform } from '../generators/images/platform.ts'
import { large, scratch } from './support/archives.ts'
import { type Fault, startFaultProxy } from './support/registry/fault-proxy.ts'
import { image } from './support/registry/images.ts'
import { named, never, opened } from './support/registry/opened.ts'
import { type Registry, startRegistry } from './support/registry/registry.ts'
import { withTools } from './support/tools.ts'

const test = withTools('docker-registry', 'openssl')
const path = scratch()
const s390x = { os: 'linux', architecture: 's390x' }
const layer = large('shared', 300_000)
const images = [
  image('kube/one', 'v1', { layers: [layer, large('one', 700_000)] }),
  image('kube/two', 'v1', { layers: [layer], docker: true }),
  image('kube/holes', 'v1', { layers: [layer], absent: [s390x] }),
]

let registry: Registry
beforeAll(async () => {
  registry = await startRegistry({ images })
})

/** Under the name that the proxy has not: archives are to be the same whichever port it got. */
function exported(proxy: { readonly name: string }, file: string, platform = 'linux/amd64') {
  const { source } = opened({
    rewrites: [{ from: 'images.test', to: proxy.name }],
    timeouts: { stall: 2000, answer: 10_000 },
  })
  const read = parsePlatform(platform)
  if ('problem' in read) throw new Error(read.problem)
  const job = {
    ...{ path: path(file), partSize: undefined, indexNames: false, older: [], platforms: [read.platform] },
    wishes: images.map(({ repository }) => ({ reference: named(`images.test/${repository}:v1`) })),
  }
  const watcher = { begin: () => undefined, bytes: () => undefined, note: () => undefined }
  return exportArchive(job, source, watcher, never)
}

function digestOf(file: string): string {
  return createHash('sha256')
    .update(readFileSync(path(file)))
    .digest('hex')
}

const at = fc.integer({ min: 0, max: 900_000 })
const status = (code: number, headers = {}): fc.Arbitrary<Fault> =>
  fc.constant({ kind: 'status', status: code, headers })
const anyFault: fc.Arbitrary<Fault> = fc.oneof(
  fc.record({ kind: fc.constant('drop' as const), at }),
  fc.record({ kind: fc.constant('corrupt' as const), at }),
  fc.record({ kind: fc.constant('short' as const), length: at }),
  status(429, { 'retry-after': '3' }),
  status(500),
  status(503),
  fc.constant({ kind: 'no-range' as const }),
  fc.constant({ kind: 'redirect' as const, to: '' }),
)

describe('an archive', () => {
  test('is the same after whatever faults, a hundred times', async () => {
    await exported(registry, 'right.tar')
    const right = digestOf('right.tar')
    const all = fc.array(fc.option(anyFault, { freq: 3, nil: undefined }), { minLength: 60, maxLength: 60 })
    let left: (Fault | undefined)[] = []
    let met = 0
    const of = new Map<string, number>()
    const proxy = await startFaultProxy({
      before: registry.url,
      faults: ({ path: asked }) => {
        const before = of.get(asked) ?? 0
        const fault = left.shift()
        // Patience has an end, which is another test's matter.
        if (fault === undefined || before === 2) return undefined
        of.set(asked, before + 1)
        met += 1
        return fault.kind === 'redirect' ? { ...fault, to: `${registry.url}${asked}` } : fault
      },
    })
    for (const faults of fc.sample(all, { numRuns: 100, seed: 6 })) {
      left = [...faults]
      of.clear()
      await exported(proxy, 'out.tar')
      expect(digestOf('out.tar')).toBe(right)
      rmSync(path('out.tar'))
    }
    expect(met).toBeGreaterThan(500)
  })

  test('is not made of bytes that stay wrong, and what is right of them is kept', async () => {
    const wrong = layer.blob.digest
    const proxy = await startFaultProxy({
      before: registry.url,
      faults: ({ path: asked }) => (asked.includes(wrong) ? { kind: 'corrupt', at: 1000 } : undefined),
    })
    await expect(exported(proxy, 'bad.tar')).rejects.toMatchObject({
      reason: 'damaged',
      message: expect.stringMatching(`layer 1 of images.test/kube/.*${wrong}.*another digest, 3 times`),
      hint: expect.stringContaining('another mirror'),
    })
    expect(existsSync(path('bad.tar'))).toBe(false)
    await exported(registry, 'bad.tar')
    expect(digestOf('bad.tar')).toBe(digestOf('right.tar'))
  })

  test('of a platform that the index names and nobody stored is refused', async () => {
    const missing = (message: RegExp) => ({ reason: 'missing', message: expect.stringMatching(message) })
    await expect(exported(registry, 'none.tar', 'linux/s390x')).rejects.toMatchObject({
      errors: [
        missing(/^images\.test\/kube\/one:v1 has no linux\/s390x; it has linux\/amd64, linux\/arm64$/),
        missing(/^images\.test\/kube\/two:v1 has no linux\/s390x/),
        missing(/^images\.test\/kube\/holes:v1 lists linux\/s390x, but its manifest is not there/),
      ],
    })
    expect(existsSync(path('none.tar'))).toBe(false)
    expect(existsSync(path('none.tar.partial'))).toBe(false)
  })
})

describe('patience', () => {
  test('those who failed together do not come back together', async () => {
    const pauses = async (random: number) => {
      const slept: number[] = []
      const sleep = async (milliseconds: number) => void slept.push(milliseconds)
      const patience = createPatience(6, { now: () => 0, random: () => random, sleep }, () => undefined)
      for (const wait of [undefined, undefined, 4000])
        await patience.wait(new Transient('busy', 'unreachable', wait), never)
      return slept
    }
    const [early, late] = [await pauses(0), await pauses(0.99)]
    // Twice as long each time, or what the registry asks for.
    expect(early).toEqual([500, 1000, 4000])
    for (const [index, pause] of late.entries()) expect(pause).toBeGreaterThan((early[index] ?? 0) + 200)
  })
})
