/** Our client against Debian's docker-registry; skopeo says what is right. */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, describe, expect } from 'vitest'
import {
  openRegistries,
  type RegistryOptions,
} from '../generators/effects/registry/registry-source.effect.ts'
import { parseManifest } from '../generators/images/manifest.ts'
import { parseReference, type Reference } from '../generators/images/reference.ts'
import type { ImageSource } from '../generators/images/source.ts'
import { image, layer, type MadeImage, noise } from './support/registry/images.ts'
import { type Registry, startRegistry } from './support/registry/registry.ts'
import { password, user } from './support/registry/token-server.ts'
import { withTools } from './support/tools.ts'

const test = withTools('docker-registry', 'skopeo', 'openssl')
const scratch = mkdtempSync(join(tmpdir(), 'leaven-client-'))
afterAll(() => rmSync(scratch, { recursive: true, force: true }))
const never = new AbortController().signal

const shared = layer({ 'bin/large': noise('large', 3_000_000) }, 0)
const one = image('kube/one', 'v1', { layers: [shared] })
const two = image('kube/two', 'v2', { layers: [shared], docker: true })

const reference = (text: string): Reference => {
  const read = parseReference(text)
  if ('problem' in read) throw new Error(read.problem)
  return read.reference
}
const opened: ImageSource[] = []
afterAll(() => Promise.all(opened.map((source) => source.close())))
function open(registry: Registry, options: Partial<RegistryOptions> = {}): ImageSource {
  const source = openRegistries({
    env: { DOCKER_CONFIG: registry.dockerConfig },
    caFiles: [registry.ca],
    plainHttp: registry.url.startsWith('http:'),
    ...options,
  })
  opened.push(source)
  return source
}

/** Everything that the image consists of, fetched and hashed. */
async function pull(source: ImageSource, name: string, made: MadeImage): Promise<void> {
  const named = reference(name)
  const top = await source.resolve(named, never)
  expect(top.descriptor).toEqual({
    mediaType: made.top.mediaType,
    digest: made.top.digest,
    size: made.top.size,
  })
  const index = parseManifest(top.bytes)
  if (!('manifest' in index)) throw new Error(index.problem)
  const entries = index.manifest.kind === 'index' ? index.manifest.manifests : [top.descriptor]
  for (const { digest } of entries) {
    const read = parseManifest((await source.manifest(named, digest, never)).bytes)
    if (!('manifest' in read) || read.manifest.kind !== 'manifest') throw new Error('a manifest is expected')
    const { config, layers } = read.manifest
    for (const descriptor of [config, ...layers]) {
      const hash = createHash('sha256')
      for await (const bytes of source.blob(named, descriptor, 0, never)) hash.update(bytes)
      expect(`sha256:${hash.digest('hex')}`).toBe(descriptor.digest)
    }
  }
}

describe('a registry', () => {
  test.for([
    { tls: false, auth: undefined },
    { tls: true, auth: undefined },
    { tls: true, auth: 'basic' },
    { tls: true, auth: 'token' },
  ] as const)('gives every byte, with %o', async ({ tls, auth }) => {
    const registry = await startRegistry({ tls, images: [one, two], ...(auth ? { auth } : {}) })
    const source = open(registry)
    await pull(source, `${registry.name}/kube/one:v1`, one)
    await pull(source, `${registry.name}/kube/two:v2`, two)
    await pull(source, `${registry.name}/kube/two@${two.top.digest}`, two)
    const raw = await promisify(execFile)('skopeo', [
      ...['inspect', '--raw', '--tls-verify=false', '--creds', `${user}:${password}`],
      `docker://${registry.name}/kube/one:v1`,
    ])
    expect(
      Buffer.from((await source.resolve(reference(`${registry.name}/kube/one:v1`), never)).bytes).toString(),
    ).toBe(raw.stdout)
  })
})
