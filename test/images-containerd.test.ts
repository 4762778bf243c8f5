/** What gen exports, real containerds import, and containers of it run. */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { promisify } from 'node:util'
import { describe, expect, test as plainTest } from 'vitest'
import { place } from './support/command-line.ts'
import { type Containerd, helloProgram, newContainerd, startContainerd } from './support/containerd.ts'
import { type Files, image, layer, noise } from './support/registry/images.ts'
import { startRegistry } from './support/registry/registry.ts'
import { isRoot, withTools } from './support/tools.ts'

const greeting = (text: string): Files => ({ 'bin/hello': helloProgram(`${text}\n`) })
const base = layer({ 'usr/share/base': noise('base', 3_000_000) }, 0)
const command = ['/bin/hello']
const old = [
  image('apps/first', 'v1', { layers: [base, layer(greeting('first'))], command }),
  image('apps/second', 'v1', { layers: [base, layer(greeting('second, old'))], command, docker: true }),
]
const changed = image('apps/second', 'v2', {
  layers: [base, layer(greeting('second, new'))],
  command,
  docker: true,
})

const test = isRoot()
  ? withTools('docker-registry', 'skopeo', 'runc', 'containerd', 'ctr', 'openssl')
  : plainTest.skip
const newer = newContainerd()
const kinds = [
  ['the installed containerd', '/usr/bin'],
  ...(newer === undefined ? [] : [['containerd 2', newer] as const]),
] as const

describe.each(kinds)('%s', (_, folder) => {
  test('imports archives and deltas; names by tag and by digest run', async () => {
    const registry = await startRegistry({ images: [...old, changed] })
    const { gen, path } = place()
    const names = old.map(({ repository, tag }) => `${registry.name}/${repository}:${tag}`)
    const pinned = `${registry.name}/apps/first@${old[0]?.top.digest}`
    const first = await gen(
      `images export --images ${names[0]} --images ${names[1]} --images ${pinned} --plain-http -o old.tar`,
    )
    expect(first.err).toContain('old.tar: written: 3 images')
    expect(first.code).toBe(0)
    expect((await gen('images verify old.tar')).code).toBe(0)

    const containerd = await startContainerd(folder)
    await containerd.import(path('old.tar'), '--platform', 'linux/amd64')
    const digests = await Promise.all(names.map((name) => amd64Digest(name)))
    const byDigest = names.map((name, index) => `${name.replace(/:v1$/, '')}@${digests[index]}`)
    const complete = await containerd.complete()
    expect(complete).toEqual(expect.arrayContaining([...names, ...byDigest, pinned]))
    expect(await containerd.run(names[0] ?? '')).toBe('first\n')
    expect(await containerd.run(byDigest[1] ?? '')).toBe('second, old\n')
    expect(await containerd.run(pinned)).toBe('first\n')
    await isManaged(containerd, names[0] ?? '')

    const next = `${registry.name}/apps/second:v2`
    await gen(`images export --images ${names[0]} --images ${next} --plain-http -o new.tar`)
    const delta = await gen('images diff old.tar new.tar -o delta.tar')
    expect(delta.err).toMatch(/delta\.tar: 2 names new or changed, .* are left out/)
    expect(readFileSync(path('delta.tar')).length).toBeLessThan(50_000)
    expect((await gen('images verify delta.tar')).out).toContain('that the node has to have')
    await containerd.import(path('delta.tar'), '--platform', 'linux/amd64')
    expect(await containerd.run(next)).toBe('second, new\n')

    // A node that never had the older images says so.
    const fresh = await startContainerd(folder)
    await expect(fresh.import(path('delta.tar'), '--platform', 'linux/amd64')).rejects.toThrow(/not found/)
  })

  test('imports two platforms, and takes its own', async () => {
    const registry = await startRegistry({ images: old })
    const { gen, path } = place()
    const name = `${registry.name}/apps/first:v1`
    const { code } = await gen(
      `images export --images ${name} --platform linux/amd64,linux/arm64 --plain-http -o two.tar`,
    )
    expect(code).toBe(0)
    const containerd = await startContainerd(folder)
    await containerd.import(path('two.tar'), '--platform', 'linux/amd64')
    expect(await containerd.run(name)).toBe('first\n')
  })
})

/** The kubelet sees what the CRI plugin has taken note of. */
async function isManaged({ ctr }: Containerd, name: string): Promise<void> {
  await expect
    .poll(async () =>
      (await ctr('images', 'ls', `name==${name}`)).includes('io.cri-containerd.image=managed'),
    )
    .toBe(true)
}

/** As skopeo has it: of the manifest that the index names for amd64. */
async function amd64Digest(name: string): Promise<string> {
  const run = promisify(execFile)
  const { stdout } = await run('skopeo', ['inspect', '--raw', '--tls-verify=false', `docker://${name}`])
  const { manifests } = JSON.parse(stdout) as {
    manifests?: { digest: string; platform: { architecture: string } }[]
  }
  const found = manifests?.find(({ platform }) => platform.architecture === 'amd64')?.digest
  return found ?? `sha256:${createHash('sha256').update(stdout).digest('hex')}`
}
