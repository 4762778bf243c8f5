/** Sources as tests want them: a clock that does not wait, and everything that an image consists of. */
import { createHash } from 'node:crypto'
import { expect } from 'vitest'
import {
  openRegistries,
  type RegistryOptions,
} from '../../../generators/effects/registry/registry-source.effect.ts'
import { type Manifest, parseManifest } from '../../../generators/images/manifest.ts'
import { parseReference, type Reference } from '../../../generators/images/reference.ts'
import type { ImageSource } from '../../../generators/images/source.ts'
import { afterwards } from '../afterwards.ts'
import type { MadeImage } from './images.ts'

export const never = new AbortController().signal

export function named(text: string): Reference {
  const read = parseReference(text)
  if ('problem' in read) throw new Error(read.problem)
  return read.reference
}

/** Closed after the tests of the file. */
export function opened(options: Partial<RegistryOptions>): {
  source: ImageSource
  pauses: number[]
  said: string[]
} {
  const pauses: number[] = []
  const said: string[] = []
  const source = openRegistries({
    env: {},
    plainHttp: true,
    retrying: (message) => said.push(message),
    clock: {
      now: () => Date.now(),
      random: () => 0,
      sleep: async (milliseconds, signal) => {
        signal.throwIfAborted()
        pauses.push(milliseconds)
      },
    },
    ...options,
  })
  afterwards(() => source.close())
  return { source, pauses, said }
}

export async function blobDigest(
  source: ImageSource,
  name: string,
  blob: { digest: string; size: number },
  signal = never,
): Promise<string> {
  const hash = createHash('sha256')
  const descriptor = { mediaType: 'application/octet-stream', ...blob }
  for await (const bytes of source.blob(named(name), descriptor, 0, signal)) hash.update(bytes)
  return `sha256:${hash.digest('hex')}`
}

/** Fetches and checks every manifest and blob of an image, each once. */
export async function pull(source: ImageSource, name: string, made: MadeImage): Promise<void> {
  const top = await source.resolve(named(name), never)
  const { mediaType, digest, size } = made.top
  expect(top.descriptor).toEqual({ mediaType, digest, size })
  const read = parseManifest(top.bytes)
  if (!('manifest' in read)) throw new Error(read.problem)
  const done = new Set<string>()
  const entries = read.manifest.kind === 'index' ? read.manifest.manifests : [top.descriptor]
  for (const entry of entries) {
    const { config, layers } = await manifestOf(source, name, entry.digest)
    for (const blob of [config, ...layers].filter(({ digest: one }) => !done.has(one))) {
      expect(await blobDigest(source, name, blob)).toBe(blob.digest)
      done.add(blob.digest)
    }
  }
}

export async function manifestOf(source: ImageSource, name: string, digest: string): Promise<Manifest> {
  const read = parseManifest((await source.manifest(named(name), digest, never)).bytes)
  if (!('manifest' in read) || read.manifest.kind !== 'manifest')
    throw new Error(`${digest} should be a manifest`)
  return read.manifest
}
