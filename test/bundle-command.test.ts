/** gen bundle as a user runs it: a real registry, real apt, a publisher on loopback. */
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect } from 'vitest'
import type { Lock } from '../generators/model/lock.ts'
import { islandBlueprint, type Publisher, publish, sha256 } from './bundle/island.effect.ts'
import { place } from './support/command-line.ts'
import { image } from './support/registry/images.ts'
import { type Registry, startRegistry } from './support/registry/registry.ts'
import { withTools } from './support/tools.ts'

const test = withTools('docker-registry', 'apt-get', 'dpkg-deb', 'gpg', 'gpgv', 'dnf', 'createrepo_c', 'rpm')
const names = ['kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'kube-proxy']
const tags = [
  ...names.map((name) => [name, 'v1.20.15'] as const),
  ['etcd', '3.4.13-0'],
  ['coredns', '1.7.0'],
  ['pause', '3.2'],
] as const
let publisher: Publisher
let registry: Registry

beforeAll(async () => {
  publisher = await publish()
  const images = tags.map(([name, tag]) => image(`k8s/${name}`, tag))
  registry = await startRegistry({ images: [...images, image('ghcr/kube-vip/kube-vip', 'v1.2.1')] })
}, 60_000)
afterAll(() => publisher.close())

const places = Array.from({ length: 5 }, () => place())
function island(text = islandBlueprint(publisher.url)) {
  const made = places.pop()
  if (made === undefined) throw new Error('there are more tests than folders')
  writeFileSync(made.path('cluster.yaml'), text)
  const registries = `--plain-http --rewrite registry.k8s.io=${registry.name}/k8s --rewrite ghcr.io=${registry.name}/ghcr`
  return {
    ...made,
    lock: () => made.gen(`lock ${registries}`),
    // What this machine has already stays out, so that there is little to fetch.
    bundle: (words = '', options = {}) =>
      made.gen(`bundle ${registries} --base /var/lib/dpkg/status ${words}`, options),
  }
}
const verify = (folder: string) =>
  spawnSync('sh', [join(folder, 'install.sh'), '--verify'], { encoding: 'utf8' })

describe('gen bundle', { timeout: 180_000 }, () => {
  test('makes what the lock says, and once more the same', async () => {
    const { gen, lock, bundle, path, read } = island()
    expect((await lock()).code).toBe(0)
    const ran = await bundle('--json')
    expect(ran.err).not.toContain('there is no lock')
    expect(ran.code).toBe(0)
    const folder = path('out/island/bundle')
    const said = JSON.parse(ran.out) as { sha256sums: string; images: { name: string; digest: string }[] }
    expect(said.sha256sums).toBe(sha256(readFileSync(join(folder, 'SHA256SUMS'))))
    const locked = JSON.parse(read('island.lock.json').toString()) as Lock
    expect(Object.fromEntries(said.images.map(({ name, digest }) => [name, digest]))).toEqual(
      Object.fromEntries(Object.entries(locked.images).map(([name, { digest }]) => [name, digest])),
    )
    expect(verify(folder).stdout).toBe('install.sh: every file is as it was made\n')
    expect(await gen('images verify out/island/bundle/images/island.tar')).toMatchObject({ code: 0 })
    const text = readFileSync(join(folder, 'bundle.json'), 'utf8')
    expect(text).not.toMatch(/PRIVATE|token/)
    const again = await bundle()
    expect(again.err).toContain(`its SHA256SUMS has the sha256 ${said.sha256sums}`)
    expect(existsSync(path('out/island/bundle.part'))).toBe(false)
  })

  test('killed anywhere, it leaves no bundle but goes on where it was', async () => {
    const { bundle, path } = island()
    for (const wait of [300, 900, 1500])
      await bundle('-o worker --role worker', {
        started: (child: { kill: (signal: string) => void }) => setTimeout(() => child.kill('SIGKILL'), wait),
      })
    expect(existsSync(path('worker/SHA256SUMS')) === existsSync(path('worker'))).toBe(true)
    const stopped = await bundle('-o other --role worker', {
      started: (child: { kill: (signal: string) => void }) => setTimeout(() => child.kill('SIGINT'), 600),
    })
    expect([stopped.code, stopped.signal]).not.toEqual([0, null])
    expect(existsSync(path('other'))).toBe(false)
    const ran = await bundle('-o worker --role worker')
    expect(ran.err).toContain('gen: worker: ')
    expect(verify(path('worker')).status).toBe(0)
    const both = await Promise.all([bundle('-o twice --role worker'), bundle('-o twice --role worker')])
    expect(both.map(({ code }) => code).sort()).toEqual([0, 1])
    expect(both.map(({ err }) => err).join('')).toMatch(/another gen \(process \d+\) is writing .*twice/)
    expect(verify(path('twice')).status).toBe(0)
    const rows = readFileSync(path('worker/tables'), 'utf8')
    expect(rows).toMatch(/^bundle\tisland\tworker\t1\.20\.15\tdebian\t12\tamd64\n/)
    expect(rows).not.toContain('kube-apiserver')
  })

  test('a tar file tells the checksum that the blueprint asks for', async () => {
    const { bundle, path } = island()
    const ran = await bundle('-o w.tar --role worker')
    expect(ran.err).toContain('gen: there is no lock: tags are taken for what they are today')
    expect(ran.err).toContain(
      `gen: its sha256 is ${sha256(readFileSync(path('w.tar')))} (airgap.bundle.sha256)`,
    )
    mkdirSync(path('unpacked'))
    execFileSync('tar', ['-xf', path('w.tar'), '-C', path('unpacked')])
    expect(verify(path('unpacked/leaven-island')).status).toBe(0)
  })

  test('says what it cannot do before it fetches anything', async () => {
    const { bundle, path, gen, lock, list, read } = island()
    expect(await bundle('--role king')).toMatchObject({
      code: 2,
      err: expect.stringContaining('there is no role king'),
    })
    const lonely = readFileSync(path('cluster.yaml'), 'utf8').replace(/.*role: worker.*\n/, '')
    writeFileSync(path('lonely.yaml'), lonely)
    expect((await bundle('-b lonely.yaml --role worker')).err).toContain('the blueprint declares no worker')
    expect((await bundle('--base nowhere')).err).toContain('nowhere does not exist')
    mkdirSync(path('bin'))
    symlinkSync('/usr/bin/dpkg-deb', path('bin/dpkg-deb'))
    const bare = await bundle('', { env: { PATH: path('bin') } })
    expect(bare).toMatchObject({ code: 1 })
    expect(bare.err).toContain(
      'the packages of a bundle need apt-get, gpg, gpg-agent, gpgv, gpgconf, setpriv on this machine',
    )
    const redHat = (os: string) => {
      const text = lonely
        .replace(/os: .*/, `os: { provider: ${os}, release: "9" }`)
        .replace(/runtime: .*/, '')
      writeFileSync(path(`${os}.yaml`), text)
      return bundle(`-b ${os}.yaml`, { env: { PATH: path('bin') } })
    }
    expect((await redHat('rocky')).err).toMatch(
      /need dnf, rpm, createrepo_c, gpg, .* on this machine\n.*apt-get install dnf rpm createrepo-c gpg gpg-agent gpgv /,
    )
    expect((await redHat('rhel')).err).toMatch(
      /packages of rhel 9 have no public repository that gen bundle knows\n.*set bootstrap.prebaked: true/,
    )
    for (const name of ['rpm', 'createrepo_c', 'gpg', 'gpg-agent', 'gpgv', 'gpgconf', 'setpriv', 'unshare'])
      symlinkSync(`/usr/bin/${name}`, path(`bin/${name}`))
    writeFileSync(path('bin/dnf'), '#!/bin/sh\necho dnf5 version 5.2.8.1\n', { mode: 0o755 })
    expect((await redHat('rocky')).err).toContain(
      "/var/lib/dpkg/status is no rpm database in SQLite's format",
    )
    expect((await gen('bundle -b rocky.yaml', { env: { PATH: path('bin') } })).err).toContain(
      'dnf here is dnf5 version 5.2.8.1: what it only downloads, its signatures are not checked',
    )
    await lock()
    const stale = read('island.lock.json').toString().replace('pause:3.2', 'pause:3.1')
    writeFileSync(path('island.lock.json'), stale)
    expect((await gen('bundle')).err).toContain(
      'island.lock.json and the blueprint disagree: registry.k8s.io/pause:3.2: the lock does not have this image, and 1 more',
    )
    expect(list().filter((name) => name.startsWith('out/'))).toEqual([])
  })

  test('what a registry moved after the lock is not taken', async () => {
    const { lock, bundle, path, read } = island()
    await lock()
    const locked = JSON.parse(read('island.lock.json').toString()) as Lock
    await registry.add(image('k8s/kube-proxy', 'v1.20.15', { command: ['/moved'] }))
    expect((await bundle('-o locked --role worker')).code).toBe(0)
    const { images } = JSON.parse(readFileSync(path('locked/bundle.json'), 'utf8')) as {
      images: { name: string; digest: string }[]
    }
    const name = 'registry.k8s.io/kube-proxy:v1.20.15'
    expect(images.find((one) => one.name === name)?.digest).toBe(locked.images[name]?.digest)
  })
})
