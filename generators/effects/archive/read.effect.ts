/** An archive that is there: its members, its metadata, and its blobs as a source of images. */
import { type Contents, readContents } from '../../images/contents.ts'
import { blobDigest } from '../../images/layout.ts'
import { maxManifestBytes } from '../../images/manifest.ts'
import { type ImageSource, SourceError } from '../../images/source.ts'
import { blockSize, paddingOf, readHeader, readPax } from '../../images/tar.ts'
import { FileError } from '../files.effect.ts'
import { findParts, openParts, type Parts } from './parts.effect.ts'

export interface ArchiveMember {
  /** Without `./` in front. */
  readonly name: string
  readonly kind: 'file' | 'symlink'
  readonly target: string
  readonly at: number
  readonly size: number
}

export interface OpenArchive {
  readonly names: readonly string[]
  readonly parts: Parts
  /** By name; of several members of one name the last. */
  readonly members: ReadonlyMap<string, ArchiveMember>
  /** What is wrong with the tar itself. */
  readonly problems: readonly string[]
  readonly close: () => Promise<void>
}

/**
 * Opens a file, or its parts, and reads where everything is.
 * @throws FileError when it is not there or no tar
 */
export async function openArchive(path: string): Promise<OpenArchive> {
  const names = await findParts(path)
  if (names.length === 0) throw new FileError('missing', `${path} does not exist`)
  const parts = await openParts(names).catch((cause: NodeJS.ErrnoException) => {
    throw new FileError(
      cause.code === 'EACCES' ? 'denied' : 'other',
      `${path}: ${cause.code ?? cause.message}`,
    )
  })
  try {
    await refuseOthers(path, parts)
    return { names, parts, ...(await readMembers(parts)), close: parts.close }
  } catch (cause) {
    await parts.close()
    if ((cause as NodeJS.ErrnoException).code === 'EISDIR')
      throw new FileError('directory', `${path} is a directory`)
    throw cause
  }
}

/** What people mistake for an archive. */
async function refuseOthers(path: string, parts: Parts): Promise<void> {
  const begin = Buffer.alloc(blockSize)
  const length = await parts.read(begin, 0)
  const compressed =
    begin.readUInt16BE(0) === 0x1f8b ? 'gzip' : begin.readUInt32LE(0) === 0xfd2fb528 ? 'zstd' : undefined
  if (compressed !== undefined)
    throw new FileError(
      'other',
      `${path} is compressed with ${compressed}, which containerd 1.6 and 1.7 do not import: unpack it with ${compressed} -d first`,
    )
  const header = length < blockSize ? 'damaged' : readHeader(begin)
  if (header === 'damaged' || header === 'end') throw new FileError('other', `${path} is not a tar archive`)
}

async function readMembers(parts: Parts): Promise<Pick<OpenArchive, 'members' | 'problems'>> {
  const members = new Map<string, ArchiveMember>()
  const block = Buffer.alloc(blockSize)
  let at = 0
  let long: { path?: string; linkpath?: string; size?: string } = {}
  for (;;) {
    if ((await parts.read(block, at)) < blockSize)
      return { members, problems: ['the archive ends without its end mark: it was cut short'] }
    const header = readHeader(block)
    if (header === 'end') return { members, problems: [] }
    if (header === 'damaged') return { members, problems: [`the tar header at byte ${at} is damaged`] }
    const content = at + blockSize
    const size = long.size === undefined ? header.size : Number(long.size)
    const end = content + size
    if (end > parts.size)
      return { members, problems: [`the archive was cut short: ${header.name} ends beyond it`] }
    at = end + paddingOf(size)
    if (header.kind === 'pax') long = readPax(await load(parts, content, size))
    else if (header.kind === 'gnu-name')
      long = { path: new TextDecoder().decode(await load(parts, content, size)).replace(/\0.*$/s, '') }
    else {
      const name = (long.path ?? header.name).replace(/^(?:\.\/)+/, '')
      const { kind } = header
      if (kind === 'file' || kind === 'symlink')
        members.set(name, { name, kind, target: long.linkpath ?? header.target, at: content, size })
      long = {}
    }
  }
}

async function load(parts: Parts, at: number, size: number): Promise<Uint8Array> {
  const bytes = Buffer.alloc(Math.min(size, maxManifestBytes))
  return bytes.subarray(0, await parts.read(bytes, at))
}

/** A member as a whole; undefined when it is not there, or too large to be metadata. */
export async function loadMember(
  { members, parts }: Pick<OpenArchive, 'members' | 'parts'>,
  name: string,
): Promise<Uint8Array | undefined> {
  const member = members.get(name)
  if (member === undefined || member.kind !== 'file' || member.size > maxManifestBytes) return undefined
  return load(parts, member.at, member.size)
}

/**
 * The names, manifests and blobs of an OCI layout.
 * @returns undefined when it is none
 */
export async function contentsOf(archive: OpenArchive): Promise<Contents | undefined> {
  if (!archive.members.has('oci-layout')) return undefined
  const index = await loadMember(archive, 'index.json')
  if (index === undefined) return undefined
  return readContents(index, (digest) => loadMember(archive, `blobs/${digest.replace(':', '/')}`))
}

const chunkSize = 1024 * 1024

/** Blobs by digest, whichever image they are of. */
export function archiveBlobs({ members, parts }: OpenArchive): Pick<ImageSource, 'blob'> {
  const places = blobPlaces(members)
  return {
    blob: async function* (_, { digest, size }, offset, signal) {
      const member = places.get(digest)
      if (member === undefined)
        throw new SourceError(
          'missing',
          `${digest} is not in the archive`,
          'a delta goes where the older archive went before; gen images verify FILE says whether it is one',
        )
      let at = offset
      const end = Math.min(size, member.size)
      while (at < end) {
        signal.throwIfAborted()
        const buffer = Buffer.allocUnsafe(Math.min(chunkSize, end - at))
        const length = await parts.read(buffer, member.at + at)
        if (length === 0) return
        at += length
        yield buffer.subarray(0, length)
      }
    },
  }
}

export function blobPlaces(members: OpenArchive['members']): ReadonlyMap<string, ArchiveMember> {
  return new Map(
    [...members.values()].flatMap((member) => {
      const digest = member.kind === 'file' ? blobDigest(member.name) : undefined
      return digest === undefined ? [] : [[digest, member]]
    }),
  )
}

/**
 * A source that first looks whether an older archive has the blob. Bytes from there that turn out wrong come from the
 * other source when they are asked for again.
 */
export function preferArchive(archive: OpenArchive, source: ImageSource): ImageSource {
  const places = blobPlaces(archive.members)
  const here = archiveBlobs(archive)
  const asked = new Set<string>()
  return {
    ...source,
    blob: (reference, descriptor, offset, signal) => {
      const { digest, size } = descriptor
      const first = !asked.has(digest) && places.get(digest)?.size === size
      asked.add(digest)
      return (first ? here : source).blob(reference, descriptor, offset, signal)
    },
  }
}
