/** Made-up images as a source, and archives written from them. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { writeArchive } from '../../generators/effects/archive/write.effect.ts'
import { type ArchivePlan, planArchive } from '../../generators/images/layout.ts'
import { parsePlatform } from '../../generators/images/platform.ts'
import { formatReference, parseReference, type Reference } from '../../generators/images/reference.ts'
import { resolveImage } from '../../generators/images/resolve.ts'
import { type ImageSource, SourceError } from '../../generators/images/source.ts'
import { afterwards } from './afterwards.ts'
import { image, type Layer, layer, type MadeImage, noise } from './registry/images.ts'

export const registry = 'registry.test'

/** A layer that takes about that many bytes. */
export function large(name: string, bytes: number): Layer {
  return layer({ [`bin/${name}`]: noise(name, bytes) }, 0)
}

/** Three images that share a layer of some size. */
export function someImages(seed = ''): readonly MadeImage[] {
  const shared = large('shared', 700_000)
  return [
    image('kube/one', 'v1', { layers: [shared, large(`one${seed}`, 1_200_000)] }),
    image('kube/two', 'v2', { layers: [shared], docker: true }),
    image('kube/three', 'v3', {
      platforms: [{ os: 'linux', architecture: 'amd64' }],
      layers: [shared, large('three', 300_000)],
    }),
  ]
}

/** Chance that is the same on every run: numbers from 0 to below 1. */
export function dice(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

export function nameOf({ repository, tag }: MadeImage): string {
  return `${registry}/${repository}:${tag}`
}

export function reference(text: string): Reference {
  const parsed = parseReference(text)
  if ('problem' in parsed) throw new Error(parsed.problem)
  return parsed.reference
}

/** What happens to a blob's chunk, at an offset from its start; throw to break the connection. */
export type Meddle = (chunk: Uint8Array, at: number, digest: string) => Uint8Array

export function memorySource(images: readonly MadeImage[], meddle: Meddle = (chunk) => chunk): ImageSource {
  const documents = new Map(
    images.flatMap(({ manifests }) => manifests.map((one) => [one.digest, one] as const)),
  )
  const blobs = new Map(
    images.flatMap((one) => one.blobs.map(({ digest, bytes }) => [digest, bytes] as const)),
  )
  const byDigest = (digest: string) => {
    const found = documents.get(digest)
    const lost = images.some(({ absent }) => absent.includes(digest))
    if (found === undefined || lost) throw new SourceError('missing', `${digest}: manifest unknown`)
    const { mediaType, bytes } = found
    return { descriptor: { mediaType, digest, size: bytes.length }, bytes }
  }
  return {
    resolve: async (wanted) => {
      const { repository, tag, digest } = wanted
      const top = images.find((one) => one.repository === repository && one.tag === tag)?.top.digest
      if (digest === undefined && top === undefined)
        throw new SourceError('missing', `${formatReference(wanted)}: manifest unknown`)
      return byDigest(digest ?? top ?? '')
    },
    manifest: async (_, digest) => byDigest(digest),
    blob: async function* (_, { digest }, offset, signal) {
      const bytes = blobs.get(digest)
      if (bytes === undefined) throw new SourceError('missing', `${digest}: blob unknown`)
      for (let at = offset; at < bytes.length; at += 65_536) {
        signal.throwIfAborted()
        yield meddle(bytes.subarray(at, at + 65_536), at, digest)
      }
    },
    close: async () => undefined,
  }
}

export interface PlanOptions {
  readonly platforms?: readonly string[]
  readonly indexNames?: boolean
  readonly names?: readonly string[]
}

export async function planOf(images: readonly MadeImage[], options: PlanOptions = {}): Promise<ArchivePlan> {
  const { platforms = ['linux/amd64'], indexNames = false, names = images.map(nameOf) } = options
  const wanted = platforms.map((text) => {
    const parsed = parsePlatform(text)
    if ('problem' in parsed) throw new Error(parsed.problem)
    return parsed.platform
  })
  const source = memorySource(images)
  const signal = new AbortController().signal
  const resolved = await Promise.all(
    names.map((name) => resolveImage(source, reference(name), wanted, signal)),
  )
  return planArchive(resolved, { indexNames })
}

export async function write(
  images: readonly MadeImage[],
  path: string,
  { plan, meddle, partSize }: { plan?: ArchivePlan; meddle?: Meddle; partSize?: number } = {},
): Promise<'written' | 'unchanged'> {
  const quiet = { begin: () => undefined, bytes: () => undefined, note: () => undefined }
  const planned = plan ?? (await planOf(images))
  const source = memorySource(images, meddle)
  return writeArchive(planned, source, { path, partSize }, quiet, new AbortController().signal)
}

/** A folder that is gone after the tests of the file that asks for it. */
export function scratch(): (name: string) => string {
  const folder = mkdtempSync(join(tmpdir(), 'leaven-archive-'))
  afterwards(() => rmSync(folder, { recursive: true, force: true }))
  return (name) => join(folder, name)
}
