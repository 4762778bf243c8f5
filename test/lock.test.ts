/** gen lock against a real registry and a publisher on loopback. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test as plainTest } from 'vitest'
import { compareLock, findLocked, parseLock, serialiseLock } from '../generators/lock/lock.ts'
import { wanted } from '../generators/lock/wanted.ts'
import type { Lock } from '../generators/model/lock.ts'
import { islandBlueprint, type Publisher, publish, sha256 } from './bundle/island.effect.ts'
import { place, type Ran } from './support/command-line.ts'
import { compileText } from './support/compiled.ts'
import { image } from './support/registry/images.ts'
import { type Registry, startRegistry } from './support/registry/registry.ts'
import { withTools } from './support/tools.ts'

const test = withTools('docker-registry')
let publisher: Publisher
let registry: Registry
const repository = (name: string) => `k8s/${name}`
const both = [
  ['kube-apiserver', 'v1.20.15'],
  ['kube-controller-manager', 'v1.20.15'],
  ['kube-scheduler', 'v1.20.15'],
  ['kube-proxy', 'v1.20.15'],
  ['etcd', '3.4.13-0'],
  ['coredns', '1.7.0'],
] as const
const made = new Map<string, ReturnType<typeof image>>()

beforeAll(async () => {
  publisher = await publish()
  publisher.files.set(
    '/addon.yaml',
    Buffer.from('kind: Pod\nspec: { containers: [{ name: a, image: "registry.k8s.io/team/app:1.2" }] }\n'),
  )
  for (const [name, tag] of both) made.set(name, image(repository(name), tag))
  made.set(
    'pause',
    image(repository('pause'), '3.2', { platforms: [{ os: 'linux', architecture: 'amd64' }] }),
  )
  made.set('kube-vip', image('ghcr/kube-vip/kube-vip', 'v1.2.1'))
  made.set('app', image(repository('team/app'), '1.2'))
  registry = await startRegistry({ images: [...made.values()] })
}, 60_000)
afterAll(() => publisher.close())

const options = () =>
  `--plain-http --rewrite registry.k8s.io=${registry.name}/k8s --rewrite ghcr.io=${registry.name}/ghcr`

const places = Array.from({ length: 6 }, () => place())

function island(more = '') {
  const made = places.pop()
  if (made === undefined) throw new Error('there are more tests than folders')
  writeFileSync(made.path('cluster.yaml'), islandBlueprint(publisher.url, more))
  return {
    ...made,
    lock: (words = ''): Promise<Ran> => made.gen(`lock ${options()} ${words}`),
    locked: () => JSON.parse(made.read('island.lock.json').toString()) as Lock,
    edit: (from: string, to: string) => {
      const path = made.path('cluster.yaml')
      writeFileSync(path, readFileSync(path, 'utf8').replace(from, to))
    },
  }
}

describe('gen lock', { timeout: 120_000 }, () => {
  test('pins images by digest, downloads by checksum, and what a manifest runs', async () => {
    const { lock, locked, read, gen } = island()
    const ran = await lock()
    expect(ran).toMatchObject({ code: 0, out: '' })
    expect(ran.err).toContain('gen: island.lock.json: 9 images, 6 downloads\n')
    const { images, downloads, cluster, platforms } = locked()
    expect({ cluster, platforms }).toEqual({ cluster: 'island', platforms: ['linux/amd64'] })
    const proxy = made.get('kube-proxy')
    expect(images['registry.k8s.io/kube-proxy:v1.20.15']).toEqual({
      digest: proxy?.top.digest,
      platforms: { 'linux/amd64': proxy?.manifests[0]?.digest },
    })
    const pause = made.get('pause')?.top.digest
    expect(images['registry.k8s.io/pause:3.2']).toEqual({
      digest: pause,
      platforms: { 'linux/amd64': pause },
    })
    expect(Object.keys(images)).toContain('registry.k8s.io/team/app:1.2')
    expect(downloads[`${publisher.url}/addon.yaml`]).toEqual({
      sha256: sha256(publisher.files.get('/addon.yaml') ?? ''),
      images: ['registry.k8s.io/team/app:1.2'],
    })
    // Nothing is asked for again that is known, and the bytes stay.
    const before = read('island.lock.json')
    publisher.asked.length = 0
    const again = await lock()
    expect(again.err).toContain('9 images, 6 downloads, unchanged')
    expect(publisher.asked).toEqual([])
    expect(read('island.lock.json').equals(before)).toBe(true)
    expect(await gen('lock --check')).toMatchObject({ code: 0, out: '', err: '' })
  })

  test('user-data takes the checksums from it', async () => {
    const { lock, gen } = island()
    await lock()
    const { groups } = JSON.parse((await gen('plan --json')).out) as { groups: { downloads: object[] }[] }
    const kubeadm = publisher.files.get('/release/v1.20.15/bin/linux/amd64/kubeadm') ?? ''
    expect(groups[0]?.downloads[0]).toMatchObject({ checksum: { sha256: sha256(kubeadm) } })
    expect(groups[0]?.downloads).not.toContainEqual(
      expect.objectContaining({ checksum: expect.objectContaining({ sha256Url: expect.anything() }) }),
    )
  })

  test('--check names every difference and changes nothing', async () => {
    const { lock, edit, gen, read } = island()
    expect(await gen('lock --check')).toMatchObject({
      code: 1,
      err: 'gen: there is no island.lock.json beside the blueprint\n  hint: make it with gen lock\n',
    })
    await lock()
    const before = read('island.lock.json')
    edit('version: 1.20.15', 'version: 1.20.14')
    const ran = await gen('lock --check')
    expect(ran.code).toBe(1)
    expect(ran.out).toContain('registry.k8s.io/kube-proxy:v1.20.14: the lock does not have this image\n')
    expect(ran.out).toContain('registry.k8s.io/kube-proxy:v1.20.15: the cluster no longer needs this image\n')
    expect(ran.out).toContain(
      `${publisher.url}/release/v1.20.14/bin/linux/amd64/kubelet: the lock does not have this download\n`,
    )
    expect(ran.err).toContain('disagree in 14 places: run gen lock')
    expect(read('island.lock.json').equals(before)).toBe(true)
  })

  test('--update moves one, found by the end of its name, and nothing else', async () => {
    const { lock, locked } = island()
    await lock()
    const before = locked()
    const moved = image(repository('kube-proxy'), 'v1.20.15', { command: ['/moved'] })
    await registry.add(moved)
    expect((await lock()).err).toContain('unchanged')
    const ran = await lock('--update kube-proxy')
    expect(ran.code).toBe(0)
    const after = locked()
    const name = 'registry.k8s.io/kube-proxy:v1.20.15'
    expect(after.images[name]?.digest).toBe(moved.top.digest)
    expect({ ...after.images, [name]: before.images[name] }).toEqual(before.images)
    expect(after.downloads).toEqual(before.downloads)
    await registry.add(made.get('kube-proxy') as typeof moved)
    expect(await lock('--update nonsense')).toMatchObject({
      code: 1,
      err: expect.stringContaining('no image and no download named nonsense'),
    })
  })

  test('an image that no registry has, and a platform that one image lacks: all are named, nothing is written', async () => {
    const { lock, list, edit } = island()
    edit('version: 1.20.15', 'version: 1.20.14')
    const ran = await lock('--platform linux/amd64,linux/arm64')
    expect(ran.code).toBe(1)
    for (const name of ['kube-apiserver', 'kube-proxy'])
      expect(ran.err).toMatch(new RegExp(`^gen: .*${name}:v1\\.20\\.14.*${registry.name}`, 'm'))
    expect(ran.err).toContain('registry.k8s.io/pause:3.2 has no linux/arm64; it has linux/amd64')
    expect(ran.err).toContain('/release/v1.20.14/bin/linux/amd64/kubelet.sha256 answers HTTP 404')
    expect(ran.err).toContain('gen: nothing was written')
    expect(list()).toEqual(['cluster.yaml'])
  })

  test("another blueprint's lock, and one that is none", async () => {
    const { lock, edit, gen, path } = island()
    await lock()
    edit('name: island', 'name: other')
    writeFileSync(path('other.lock.json'), readFileSync(path('island.lock.json')))
    const refusal =
      'gen: other.lock.json is the lock of cluster island, not of other\n  hint: each blueprint has a lock of its own: delete this copy and run gen lock\n'
    for (const command of ['lock --check', 'lock', 'plan', 'bundle'])
      expect(await gen(command)).toMatchObject({ code: 1, err: refusal })
    for (const [text, problem] of [
      ['{', 'it is not JSON'],
      ['[]', 'it is not a JSON object'],
      ['{"format":2}', 'it has format 2, and we know 1'],
      [
        '{"format":1,"cluster":"other","platforms":[],"images":{"a":{}},"downloads":{}}',
        'images: a has no checksum',
      ],
    ]) {
      writeFileSync(path('other.lock.json'), text as string)
      expect((await gen('plan')).err).toContain(`other.lock.json: ${problem}`)
    }
    rmSync(path('other.lock.json'))
    expect(await gen('lock --platform linux/z80')).toMatchObject({ code: 2 })
  })
})

describe('the lock as data', () => {
  const digest = (letter: string) => `sha256:${letter.repeat(64)}`
  const lock = {
    format: 1,
    cluster: 'prod',
    platforms: ['linux/amd64'],
    baseImages: { z: 1 },
    downloads: { 'https://b/x': { sha256: 'b'.repeat(64) }, 'https://a/x': { sha256: 'a'.repeat(64) } },
    images: {
      'registry.k8s.io/pause:3.10': { platforms: { 'linux/amd64': digest('d') }, digest: digest('c') },
      'docker.io/library/nginx:1.27': { digest: digest('e'), platforms: { 'linux/amd64': digest('e') } },
    },
  } as unknown as Lock

  plainTest(
    'is written in one order, whatever order it was made in, and keeps the sections of others',
    async () => {
      const text = serialiseLock(lock)
      await expect(text).toMatchFileSnapshot('golden/lock.json')
      const parsed = parseLock(text)
      expect(parsed).toEqual({ lock: JSON.parse(text) })
      if ('lock' in parsed) expect(serialiseLock(parsed.lock)).toBe(text)
    },
  )

  const names = {
    images: Object.keys(lock.images),
    downloads: Object.keys(lock.downloads).map((url) => ({ url })),
  }
  const sum = 'f'.repeat(64)
  plainTest.each([
    ['nothing', names, undefined, []],
    [
      'a new image',
      { ...names, images: [...names.images, 'a/b:1'] },
      undefined,
      [['a/b:1', 'the lock does not have this image']],
    ],
    [
      'an image less',
      { ...names, images: names.images.slice(1) },
      undefined,
      [['registry.k8s.io/pause:3.10', 'the cluster no longer needs this image']],
    ],
    [
      'a new download',
      { ...names, downloads: [...names.downloads, { url: 'https://c' }] },
      undefined,
      [['https://c', 'the lock does not have this download']],
    ],
    [
      'a download less',
      { ...names, downloads: names.downloads.slice(1) },
      undefined,
      [['https://b/x', 'the cluster no longer needs this download']],
    ],
    [
      'a checksum of the blueprint',
      {
        ...names,
        downloads: names.downloads.map((one) => (one.url === 'https://a/x' ? { ...one, sha256: sum } : one)),
      },
      undefined,
      [['https://a/x', `the lock says sha256 ${'a'.repeat(64)}, the blueprint ${sum}`]],
    ],
    [
      'another platform',
      names,
      ['linux/amd64', 'linux/arm64'],
      [
        ['linux/arm64', 'the lock does not have this platform'],
        ...[...names.images].sort().map((name) => [name, 'the lock does not have its linux/arm64']),
      ],
    ],
  ])('differs by %s', (_, needed, platforms, expected) => {
    expect(compareLock(lock, needed, platforms).map(({ name, what }) => [name, what])).toEqual(expected)
  })

  plainTest('finds one entry by the end of its name, and says so when there are several', () => {
    expect(findLocked(lock, 'pause')).toEqual({ key: 'registry.k8s.io/pause:3.10' })
    expect(findLocked(lock, 'library/nginx:1.27')).toEqual({ key: 'docker.io/library/nginx:1.27' })
    expect(findLocked(lock, 'x')).toEqual({ candidates: ['https://b/x', 'https://a/x'] })
    expect(findLocked(lock, 'aus')).toEqual({ candidates: [] })
  })

  plainTest('a plan wants its images once, and every file that it fetches', () => {
    const { groups = [] } = compileText(islandBlueprint('http://files.test'))
    const { images, downloads } = wanted(groups)
    expect(images).toHaveLength(8)
    expect(downloads.map(({ url }) => url.replace(/.*\//, ''))).toEqual([
      'addon.yaml',
      expect.stringMatching(/^cni-plugins/),
      expect.stringMatching(/^crictl/),
      'kubeadm',
      'kubectl',
      'kubelet',
    ])
  })
})
