/** What gen exports, real containerds import, and containers of it run. */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, test as plainTest } from 'vitest'
import { place } from './support/command-line.ts'
import { type Containerd, helloProgram, newContainerd, startContainerd } from './support/containerd.ts'
import { type Files, image, layer, noise } from './support/registry/images.ts'
import { type Registry, startRegistry } from './support/registry/registry.ts'
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
  ['the installed containerd', '/usr/bin', 'basic'],
  ...(newer === undefined ? [] : [['containerd 2', newer, 'token'] as const]),
] as const

describe.each(kinds)('%s', (_, folder, auth) => {
  test(`imports what a registry with TLS and ${auth} auth has; every name runs`, async () => {
    const { registry, names, gen, path } = await served(auth)
    const exported = await gen(
      `images export --images ${names.join(' --images ')} --index-names -o set.tar --ca ${registry.ca}`,
    )
    expect(exported).toMatchObject({ code: 0, err: expect.stringContaining('set.tar: written: 2 images') })
    expect((await gen('images verify set.tar')).code).toBe(0)
    const containerd = await startContainerd(folder)
    await containerd.import(path('set.tar'), '--platform', 'linux/amd64')
    const complete = await containerd.complete()
    const digests = await containerd.digests()
    for (const [index, name] of names.entries()) {
      const repository = name.replace(/:v1$/, '')
      const source = await skopeo(registry, name)
      // What each name stands for, as an independent reader of the registry has it.
      const expected = {
        [name]: source.amd64,
        [`${repository}@${source.amd64}`]: source.amd64,
        [`${repository}@${source.top}`]: source.top,
      }
      expect(Object.fromEntries(digests)).toMatchObject(expected)
      expect(complete).toEqual(expect.arrayContaining(Object.keys(expected)))
      for (const known of Object.keys(expected))
        expect(await containerd.run(known)).toBe(index === 0 ? 'first\n' : 'second, old\n')
      await isManaged(containerd, name)
    }
  })

  test('imports a delta where the older archive is, and only there', async () => {
    const { registry, names, gen, path } = await served(auth)
    const write = (file: string, ...images: readonly string[]) =>
      gen(`images export --images ${images.join(' --images ')} -o ${file} --ca ${registry.ca}`)
    const next = names[1]?.replace(/v1$/, 'v2') ?? ''
    await write('old.tar', ...names)
    await write('new.tar', names[0] ?? '', next)
    const delta = await gen('images diff old.tar new.tar -o delta.tar')
    expect(delta.err).toMatch(/delta\.tar: 2 names new or changed, .* are left out/)
    expect(statSync(path('delta.tar')).size).toBeLessThan(50_000)
    expect((await gen('images verify delta.tar')).out).toContain('that the node has to have')
    const containerd = await startContainerd(folder)
    // No options at all: what the manual of containerd says.
    await containerd.import(path('old.tar'))
    await containerd.import(path('delta.tar'))
    expect(await containerd.complete()).toEqual(expect.arrayContaining([...names, next]))
    expect(await containerd.run(next)).toBe('second, new\n')
    expect(await containerd.run(names[1] ?? '')).toBe('second, old\n')

    const fresh = await startContainerd(folder)
    await expect(fresh.import(path('delta.tar'))).rejects.toThrow(/not found/)
  })

  test('imports two platforms, joined from parts on the way, and takes its own', async () => {
    const { registry, names, gen, path } = await served(auth)
    const { code } = await gen(
      `images export --images ${names[0]} --platform linux/amd64,linux/arm64 --split 1M -o two.tar --ca ${registry.ca}`,
    )
    expect(code).toBe(0)
    const containerd = await startContainerd(folder)
    await containerd.join(path('two.tar'), '--platform', 'linux/amd64')
    expect(await containerd.run(names[0] ?? '')).toBe('first\n')
  })
})

async function served(auth: 'basic' | 'token') {
  const registry = await startRegistry({ tls: true, auth, images: [...old, changed] })
  const { gen, path } = place()
  return {
    registry,
    names: old.map(({ repository, tag }) => `${registry.name}/${repository}:${tag}`),
    gen: (line: string) => gen(line, { env: { DOCKER_CONFIG: registry.dockerConfig } }),
    path,
  }
}

/** The kubelet sees what the CRI plugin has taken note of. */
async function isManaged({ ctr }: Containerd, name: string): Promise<void> {
  await expect
    .poll(async () =>
      (await ctr('images', 'ls', `name==${name}`)).includes('io.cri-containerd.image=managed'),
    )
    .toBe(true)
}

/** Digests of what a name stands for, and of its manifest for amd64. */
async function skopeo(registry: Registry, name: string): Promise<{ top: string; amd64: string }> {
  const { stdout } = await promisify(execFile)('skopeo', [
    ...['inspect', '--raw', '--tls-verify=false', '--authfile', join(registry.dockerConfig, 'config.json')],
    `docker://${name}`,
  ])
  const { manifests } = JSON.parse(stdout) as {
    manifests: { digest: string; platform: { architecture: string } }[]
  }
  return {
    top: `sha256:${createHash('sha256').update(stdout).digest('hex')}`,
    amd64: manifests.find(({ platform }) => platform.architecture === 'amd64')?.digest ?? '',
  }
}
