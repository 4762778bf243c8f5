/**
 * What `docker save` and `skopeo copy … docker-archive:` write: manifest.json, configs by digest, and layers whose
 * digests, uncompressed, are in the config.
 * Source: https://github.com/moby/docker-image-spec/blob/main/spec.md
 */
import { createHash } from 'node:crypto'
import { posix } from 'node:path'
import { createGunzip } from 'node:zlib'
import { formatPlatform, platformOf } from '../../images/platform.ts'
import { isObject, type Json, type JsonObject } from '../../model/json.ts'
import { digestOf } from './follows.effect.ts'
import { type ArchiveMember, loadMember, type OpenArchive } from './read.effect.ts'
import type { Verified, VerifiedImage, VerifyWatcher } from './verify.effect.ts'

/** Docker's list of images. */
export const dockerList = 'manifest.json'

export async function verifyDocker(
  archive: OpenArchive,
  watcher: VerifyWatcher,
  signal: AbortSignal,
): Promise<Verified> {
  const problems: string[] = [...archive.problems]
  const images: VerifiedImage[] = []
  const digests = new Map<string, string>()
  for (const entry of await readList(archive, problems)) {
    const config = String(entry['Config'] ?? '')
    const names = Array.isArray(entry['RepoTags']) ? entry['RepoTags'].map(String) : []
    const title = names[0] ?? config
    const bytes = await loadMember(archive, config)
    const described = bytes === undefined ? undefined : readJson(bytes)
    if (bytes === undefined || described === undefined) {
      problems.push(
        `${config} (the config of ${title}) is ${bytes === undefined ? 'not in the archive' : 'not JSON'}`,
      )
      continue
    }
    const digest = createHash('sha256').update(bytes).digest('hex')
    if (!config.includes(digest))
      problems.push(`${config} (the config of ${title}): its bytes have the digest sha256:${digest}`)
    const platform = platformOf(described)
    for (const name of names.length === 0 ? [`sha256:${digest}`] : names)
      images.push({
        name,
        digest: `sha256:${digest}`,
        platforms: platform === undefined ? [] : [formatPlatform(platform)],
      })
    const layers = Array.isArray(entry['Layers']) ? entry['Layers'].map(String) : []
    problems.push(...(await layerProblems(archive, { title, layers, described, digests }, watcher, signal)))
  }
  return {
    kind: 'docker',
    images,
    blobs: archive.members.size,
    bytes: archive.parts.size,
    without: 0,
    problems,
    notes: ['containerd gives these images digests of their own: names by digest are not in such an archive'],
  }
}

async function readList(archive: OpenArchive, problems: string[]): Promise<readonly JsonObject[]> {
  const bytes = await loadMember(archive, dockerList)
  const value = bytes === undefined ? undefined : readJson(bytes)
  if (Array.isArray(value)) return value.filter(isObject)
  problems.push(`${dockerList} is no list of images`)
  return []
}

interface Layers {
  readonly title: string
  readonly layers: readonly string[]
  readonly described: Json
  /** Of layers that were read for another image, by the name of the member. */
  readonly digests: Map<string, string>
}

async function layerProblems(
  archive: OpenArchive,
  { title, layers, described, digests }: Layers,
  watcher: VerifyWatcher,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const rootfs = isObject(described) ? described['rootfs'] : undefined
  const expected = isObject(rootfs) && Array.isArray(rootfs['diff_ids']) ? rootfs['diff_ids'].map(String) : []
  if (expected.length !== layers.length)
    return [`${title}: ${dockerList} lists ${layers.length} layers, its config ${expected.length}`]
  const problems: string[] = []
  for (const [index, layer] of layers.entries()) {
    signal.throwIfAborted()
    const member = follow(archive.members, layer)
    const what = `${layer} (layer ${index + 1} of ${title})`
    if (member === undefined) {
      problems.push(`${what} is not in the archive`)
      continue
    }
    const digest = digests.get(member.name) ?? (await uncompressedDigest(archive, member, watcher))
    digests.set(member.name, digest)
    if (digest !== expected[index])
      problems.push(`${what}: its bytes have the digest ${digest} instead of ${expected[index]}`)
  }
  return problems
}

/** Older Dockers write a layer that two images share as a symbolic link. */
export function follow(members: OpenArchive['members'], name: string): ArchiveMember | undefined {
  const member = members.get(name)
  if (member?.kind !== 'symlink') return member
  const target = members.get(posix.join(posix.dirname(name), member.target))
  return target?.kind === 'file' ? target : undefined
}

async function uncompressedDigest(
  { parts }: OpenArchive,
  { at, size }: ArchiveMember,
  watcher: VerifyWatcher,
): Promise<string> {
  const magic = Buffer.alloc(2)
  await parts.read(magic, at)
  if (magic.readUInt16BE(0) !== 0x1f8b) return (await digestOf(parts, at, size, watcher.bytes)).digest
  const hash = createHash('sha256')
  const gunzip = createGunzip()
  const unpacked = (async () => {
    for await (const chunk of gunzip) hash.update(chunk as Buffer)
  })()
  const failed = unpacked.then(
    () => undefined,
    (cause: Error) => cause,
  )
  for (let done = 0; done < size; ) {
    const buffer = Buffer.alloc(Math.min(1024 * 1024, size - done))
    const length = await parts.read(buffer, at + done)
    if (length === 0 || gunzip.destroyed) break
    done += length
    watcher.bytes(length)
    if (!gunzip.write(buffer.subarray(0, length)))
      await Promise.race([failed, new Promise((resolve) => gunzip.once('drain', resolve))])
  }
  gunzip.end()
  return (await failed) === undefined ? `sha256:${hash.digest('hex')}` : 'of a damaged gzip stream'
}

function readJson(bytes: Uint8Array): Json | undefined {
  try {
    return JSON.parse(new TextDecoder().decode(bytes)) as Json
  } catch {
    return undefined
  }
}
