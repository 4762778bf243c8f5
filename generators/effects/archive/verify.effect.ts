/** Reads an archive as a node's containerd would, and then every byte of it. */
import type { Contents } from '../../images/contents.ts'
import { formatPlatform, platformOf } from '../../images/platform.ts'
import { isObject, type Json } from '../../model/json.ts'
import { FileError } from '../files.effect.ts'
import { dockerList, verifyDocker } from './docker.effect.ts'
import { digestOf } from './follows.effect.ts'
import { blobPlaces, contentsOf, loadMember, type OpenArchive, openArchive } from './read.effect.ts'

export interface VerifiedImage {
  readonly name: string
  readonly digest: string
  /** Those that are in the archive. */
  readonly platforms: readonly string[]
}

export interface Verified {
  readonly kind: 'oci' | 'docker'
  readonly images: readonly VerifiedImage[]
  readonly blobs: number
  /** Of the archive. */
  readonly bytes: number
  /** Blobs that a delta leaves to the archive before it. */
  readonly without: number
  readonly problems: readonly string[]
  /** What is right, but may surprise. */
  readonly notes: readonly string[]
}

export interface VerifyWatcher {
  readonly begin: (total: number) => void
  readonly bytes: (count: number) => void
}

/** @throws FileError when it is no archive of images at all */
export async function verifyArchive(
  path: string,
  watcher: VerifyWatcher,
  signal: AbortSignal,
): Promise<Verified> {
  const archive = await openArchive(path)
  try {
    const contents = await contentsOf(archive)
    watcher.begin([...archive.members.values()].reduce((sum, { size }) => sum + size, 0))
    if (contents !== undefined) return await verifyLayout(archive, contents, watcher, signal)
    if (archive.members.has(dockerList)) return await verifyDocker(archive, watcher, signal)
    if (archive.problems.length > 0) throw new FileError('other', `${path}: ${archive.problems[0]}`)
    throw new FileError(
      'other',
      `${path} holds no images: neither oci-layout and index.json nor ${dockerList} is in it`,
    )
  } finally {
    await archive.close()
  }
}

async function verifyLayout(
  archive: OpenArchive,
  contents: Contents,
  watcher: VerifyWatcher,
  signal: AbortSignal,
): Promise<Verified> {
  const places = blobPlaces(archive.members)
  const title = titles(contents)
  const problems: string[] = [...archive.problems]
  for (const [digest, { at, size }] of places) {
    signal.throwIfAborted()
    const found = await digestOf(archive.parts, at, size, watcher.bytes)
    const expected = contents.blobs.get(digest)?.descriptor.size
    if (found.digest !== digest)
      problems.push(`${digest} (${title(digest)}): its bytes have the digest ${found.digest}`)
    else if (expected !== undefined && expected !== size)
      problems.push(`${digest} (${title(digest)}): it has ${size} bytes, its manifest says ${expected}`)
  }
  for (const [digest, { what }] of contents.blobs)
    if (!places.has(digest) && !contents.without.has(digest))
      problems.push(`${digest} (${what}) is not in the archive`)
  problems.push(...contents.problems, ...(await platformProblems(archive, contents)))
  const { images } = contents
  if (images.length === 0) problems.push('index.json names no image')
  return {
    kind: 'oci',
    images: images.map(({ name, descriptor, manifests }) => ({
      name,
      digest: descriptor.digest,
      platforms: manifests.flatMap(({ platform }) =>
        platform === undefined ? [] : [formatPlatform(platform)],
      ),
    })),
    blobs: places.size,
    bytes: archive.parts.size,
    without: contents.without.size,
    problems,
    notes: images.flatMap(({ name, absent }) =>
      absent.length === 0
        ? []
        : [`${name} lists ${absent.join(', ')}, not in the archive: import it with --platform`],
    ),
  }
}

function titles({ documents, blobs, images }: Contents): (digest: string) => string {
  const named = new Map(images.map(({ descriptor, name }) => [descriptor.digest, `the manifest of ${name}`]))
  return (digest) =>
    blobs.get(digest)?.what ??
    named.get(digest) ??
    (documents.has(digest) ? 'a manifest' : 'a blob of no image')
}

/** Without a platform containerd filters nothing; with a wrong one it takes the wrong image. */
async function platformProblems(archive: OpenArchive, { images }: Contents): Promise<readonly string[]> {
  const problems = await Promise.all(
    images.flatMap(({ name, manifests }) =>
      manifests.map(async ({ manifest, platform }) => {
        const bytes = await loadMember(archive, `blobs/${manifest.config.digest.replace(':', '/')}`)
        const actual = bytes === undefined ? undefined : readPlatform(bytes)
        if (bytes === undefined || actual === undefined) return []
        if (platform === undefined)
          return [
            `${name} says no platform: a node of another architecture than ${formatPlatform(actual)} would take it`,
          ]
        return formatPlatform(platform) === formatPlatform(actual)
          ? []
          : [`${name} says ${formatPlatform(platform)}, its config says ${formatPlatform(actual)}`]
      }),
    ),
  )
  return [...new Set(problems.flat())]
}

function readPlatform(config: Uint8Array) {
  try {
    const value = JSON.parse(new TextDecoder().decode(config)) as Json
    return isObject(value) ? platformOf(value) : undefined
  } catch {
    return undefined
  }
}
