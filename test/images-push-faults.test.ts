/** What may happen while images go into a registry, and the plan that they follow. */
import { describe, expect, test as plainTest } from 'vitest'
import type { RegistryOptions } from '../generators/effects/registry/client.effect.ts'
import { push } from '../generators/effects/registry/push.effect.ts'
import { openArchiveFile } from '../generators/effects/sources/archive-file.effect.ts'
import { readContents } from '../generators/images/contents.ts'
import { parseTarget, planPush } from '../generators/images/push-plan.ts'
import { type Fault, type Seen, startFaultProxy } from './support/registry/fault-proxy.ts'
import { never } from './support/registry/opened.ts'
import { archiveOfAll, expectPulled, images } from './support/registry/pushed.ts'
import { startRegistry } from './support/registry/registry.ts'
import { withTools } from './support/tools.ts'

const test = withTools('docker-registry', 'skopeo', 'openssl')
const archive = archiveOfAll()

/** The first requests that `matches` meet these faults, one each. */
async function behind(matches: RegExp, faults: readonly Fault[], timeouts: RegistryOptions['timeouts'] = {}) {
  const registry = await startRegistry()
  const left = [...faults]
  const proxy = await startFaultProxy({
    before: registry.url,
    faults: ({ method, path: asked, length }) =>
      matches.test(`${method} ${asked} ${length}`) ? left.shift() : undefined,
  })
  const pauses: number[] = []
  const said: string[] = []
  const options: RegistryOptions = {
    env: {},
    plainHttp: true,
    timeouts,
    retrying: (message) => said.push(message),
    clock: { now: Date.now, random: () => 0, sleep: async (milliseconds) => void pauses.push(milliseconds) },
  }
  const counted: number[] = []
  const go = async () => {
    const opened = await openArchiveFile(archive, 'all.tar')
    try {
      const index = Buffer.from(JSON.stringify({ manifests: await opened.entries() }))
      const plan = planPush(await readContents(index, opened.document), { registry: proxy.name, prefix: '' })
      if ('problems' in plan) throw new Error(plan.problems.join())
      const watcher = {
        begin: (total: number) => counted.push(-total),
        advance: (n: number) => counted.push(n),
      }
      return await push(plan, opened, options, watcher, never)
    } finally {
      await opened.close()
    }
  }
  return { registry, proxy, pauses, said, go, sum: () => counted.reduce((sum, one) => sum + one, 0) }
}

describe('on the way', () => {
  const size = images.find(({ repository }) => repository === 'big')?.blobs[0]?.bytes.length ?? 0
  /** The megabytes of it. */
  const largest = /^PATCH \/v2\/big\/.* \d{7}$/
  /** Where each PATCH of `big` that does not begin at its first byte begins, and where it ends. */
  const rests = ({ seen }: { readonly seen: readonly Seen[] }) =>
    seen
      .filter(({ method, path: asked }) => method === 'PATCH' && asked.startsWith('/v2/big/'))
      .map(({ headers }) => headers['content-range'])
      .filter((range) => range !== undefined)

  test('a connection that is cut in the middle of a blob: the rest is sent from where the registry is', async () => {
    const { registry, proxy, go, sum } = await behind(largest, [
      { kind: 'keep', at: 1_000_000 },
      { kind: 'keep', at: 700_000 },
    ])
    await go()
    await expectPulled(registry)
    expect(sum()).toBe(0)
    expect(rests(proxy)).toEqual([`1000000-${size - 1}`, `1700000-${size - 1}`])
  })

  test('a registry that forgets a broken upload gets the blob from its first byte on', async () => {
    const cut: Fault = { kind: 'cut', at: 1_000_000 }
    const { registry, proxy, go, sum, said } = await behind(largest, [cut, cut])
    await go()
    await expectPulled(registry)
    expect(sum()).toBe(0)
    expect(said.length).toBe(2)
    expect(rests(proxy)).toEqual([])
  })

  test.for([
    ['an upload that nobody knows any more', /^PATCH/, { kind: 'status', status: 404 }],
    ['a place that is not where we thought', /^PATCH/, { kind: 'status', status: 416 }],
    ['an upload that is gone at its end', /^PUT .*uploads/, { kind: 'status', status: 404 }],
    ['errors at its begin', /^POST/, { kind: 'status', status: 503 }],
    ['errors in the middle', /^PATCH/, { kind: 'status', status: 500 }],
    ['errors at its end', /^PUT .*uploads/, { kind: 'status', status: 502 }],
    ['errors of a manifest', /^PUT .*manifests/, { kind: 'status', status: 500 }],
  ] as const)('%s', async ([, matches, fault]) => {
    const { registry, go, sum, said } = await behind(matches, [fault, fault])
    await go()
    await expectPulled(registry)
    expect(sum()).toBe(0)
    expect(said.length).toBe(2)
  })

  test('an answer that never comes', async () => {
    const { registry, go, said } = await behind(/^PUT .*uploads/, [{ kind: 'no-answer' }], { answer: 5000 })
    await go()
    await expectPulled(registry)
    expect(said).toContainEqual(expect.stringMatching(/no answer for 5 s/))
  })

  test('Retry-After is waited for', async () => {
    const busy: Fault = { kind: 'status', status: 429, headers: { 'retry-after': '7' } }
    const { registry, go, pauses } = await behind(/^POST/, [busy])
    await go()
    await expectPulled(registry)
    expect(pauses).toEqual([7000])
  })

  test('what stays broken is told: registry, repository, blob and what it said; and no name was made', async () => {
    const full: Fault = {
      kind: 'status',
      status: 500,
      body: '{"errors":[{"code":"UNKNOWN","message":"disk full"}]}',
    }
    const { registry, proxy, go } = await behind(
      /^PATCH \/v2\/big\//,
      Array.from({ length: 99 }, () => full),
    )
    await expect(go()).rejects.toMatchObject({
      reason: 'unreachable',
      message: expect.stringMatching(
        `^${proxy.url}/v2/big, blob sha256:[0-9a-f]{64}: 500 UNKNOWN: disk full, 6 times`,
      ),
    })
    for (const { repository } of images)
      expect((await fetch(`${registry.url}/v2/${repository}/tags/list`)).status).toBe(404)
    const denied = await behind(/^PUT .*manifests/, [{ kind: 'status', status: 403 }])
    await expect(denied.go()).rejects.toMatchObject({
      reason: 'denied',
      hint: expect.stringMatching(/docker login/),
    })
  })
})

describe('the plan', () => {
  plainTest('reads where to', () => {
    expect(parseTarget('harbor.example.com/k8s/')).toEqual({
      target: { registry: 'harbor.example.com', prefix: 'k8s/' },
    })
    expect(parseTarget('localhost:5000')).toEqual({ target: { registry: 'localhost:5000', prefix: '' } })
    expect(parseTarget('docker.io/me')).toEqual({ target: { registry: 'docker.io', prefix: 'me/' } })
    expect(parseTarget('https://x.example')).toHaveProperty('problem')
  })

  plainTest(
    'a tag of some of the platforms leads to an index of those; two of one name are refused',
    async () => {
      const opened = await openArchiveFile(archive, 'all.tar')
      const entries = await opened.entries()
      const read = async (manifests: object) => {
        const index = Buffer.from(JSON.stringify({ manifests }))
        return planPush(await readContents(index, opened.document), { registry: 'r.example', prefix: '' })
      }
      const whole = await read(entries)
      const renamed = entries.map((entry) => ({
        ...entry,
        annotations: {
          'io.containerd.image.name': (entry.annotations?.['io.containerd.image.name'] ?? '').replace(
            /^registry.test\/kube\/(one|two):v\d$/,
            (_, which) => `${which}.example/same:v1`,
          ),
        },
      }))
      const clash = await read(renamed)
      if ('problems' in whole) throw new Error(whole.problems.join())
      expect(whole.notes).toEqual([])
      expect(whole.names.map(({ to }) => to.repository)).toContain('kube/one')
      // Largest first: none is waited for alone.
      const sizes = whole.blobs.map(({ descriptor }) => descriptor.size)
      expect(sizes).toEqual([...sizes].sort((one, other) => other - one))
      expect(clash).toEqual({
        problems: [
          'one.example/same:v1 and two.example/same:v1 would both be r.example/same:v1, and they are different images',
        ],
      })
      // As skopeo and others write it: an entry a platform, and no index.
      const one = images[0]
      const each = one?.manifests.slice(0, 2).map(({ digest, mediaType, bytes: { length: size } }, at) => ({
        ...{ digest, mediaType, size, platform: { os: 'linux', architecture: ['amd64', 'arm64'][at] } },
        annotations: { 'io.containerd.image.name': 'docker.io/library/some:v1' },
      }))
      const some = await read(each ?? [])
      await opened.close()
      if ('problems' in some) throw new Error(some.problems.join())
      expect(some.notes).toEqual([
        expect.stringMatching(/some:v1 leads to a new index, sha256:.*, of the platforms that are here/),
      ])
      const [top] = some.names
      const listed = JSON.parse(Buffer.from(top?.bytes ?? []).toString()) as { manifests: object[] }
      expect(listed.manifests).toMatchObject(
        each?.map(({ digest, platform }) => ({ digest, platform })) ?? [],
      )
    },
  )
})
