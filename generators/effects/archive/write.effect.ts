/**
 * Writes a planned archive: every blob in parallel to its final place, hashed on the way, resumed where an earlier
 * run ended, and under its name only when all of it is right and on the disk.
 */
import { createHash, type Hash } from 'node:crypto'
import { statfs } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { ArchivePlan, Member } from '../../images/layout.ts'
import { type ImageSource, SourceError } from '../../images/source.ts'
import { endOfArchive } from '../../images/tar.ts'
import { explained, FileError } from '../files.effect.ts'
import { inParallel } from '../parallel.ts'
import { follows } from './follows.effect.ts'
import { claimPartial, type Partial } from './partial.effect.ts'
import { findParts, partNames, placeParts, removeFiles } from './parts.effect.ts'
import { isRecorded, record } from './record.effect.ts'

export interface Target {
  readonly path: string
  /** Bytes a part; undefined writes one file. */
  readonly partSize: number | undefined
}

/** What whoever watches is told. */
export interface Watcher {
  /** @param done bytes that an earlier run left */
  readonly begin: (total: number, done: number) => void
  /** Negative when bytes have to come again. */
  readonly bytes: (count: number) => void
  readonly note: (text: string) => void
}

export type Outcome = 'written' | 'unchanged'

/** More connections than a registry's host is asked for at a time only wait. */
const parallel = 8
/** What is read at once when hashing what is there. */
const readSize = 1024 * 1024
/** How much of a blob a killed run has to fetch again at most. */
const noteEvery = 8 * 1024 * 1024
/** How often a blob may come wrong. */
const tries = 3

/**
 * @param source asked for blobs only
 * @throws SourceError, FileError, or the signal's reason; what was fetched stays in FILE.partial for the next run
 */
export async function writeArchive(
  plan: ArchivePlan,
  source: Pick<ImageSource, 'blob'>,
  target: Target,
  watcher: Watcher,
  signal: AbortSignal,
): Promise<Outcome> {
  const names = partNames(target.path, plan.size, target.partSize)
  if (names.length > 999) throw new FileError('other', `${names.length} parts are too many: 999 at most`)
  if (await isRecorded(target.path, names, plan.id)) return 'unchanged'
  return explained(target.path, async (): Promise<Outcome> => {
    if (await follows(names, plan)) {
      await record(target.path, names, plan.id)
      return 'unchanged'
    }
    const partial = await claimPartial(target.path, names, plan, target.partSize)
    try {
      await checkSpace(target.path, plan, partial)
      await fill({ plan, source, partial, watcher, signal })
      await partial.parts.sync()
    } catch (cause) {
      await partial.release()
      throw cause
    }
    await partial.release()
    signal.throwIfAborted()
    const older = await findParts(target.path)
    await placeParts(partial.names, names)
    await removeFiles(older.filter((name) => !names.includes(name)))
    await record(target.path, names, plan.id)
    await partial.forget()
    return 'written'
  })
}

/** Before anything is fetched: the archive is as large as the plan says. */
async function checkSpace(path: string, plan: ArchivePlan, partial: Partial): Promise<void> {
  const { bavail, bsize } = await statfs(dirname(path))
  const needed = plan.size - partial.allocated
  if (needed <= bavail * bsize) return
  if (partial.fresh) await partial.forget()
  throw new FileError(
    'other',
    `no space left on the disk for ${path}: ${mebibytes(needed)} MiB are needed, ${mebibytes(bavail * bsize)} MiB are free`,
  )
}

function mebibytes(bytes: number): number {
  return Math.ceil(bytes / 1024 / 1024)
}

interface Work {
  readonly plan: ArchivePlan
  readonly source: Pick<ImageSource, 'blob'>
  readonly partial: Partial
  readonly watcher: Watcher
  readonly signal: AbortSignal
}

async function fill({ plan, source, partial, watcher, signal }: Work): Promise<void> {
  const { parts, written } = partial
  for (const member of plan.members)
    parts.write([member.header, ...(member.kind === 'bytes' ? [member.bytes] : [])], member.start)
  parts.write([endOfArchive], plan.size - endOfArchive.length)
  const blobs = plan.members
    .filter((member) => member.kind === 'blob')
    // The longest first: none of them is left to be waited for alone.
    .sort((one, other) => other.size - one.size)
  const total = blobs.reduce((sum, { size }) => sum + size, 0)
  watcher.begin(
    total,
    Math.min(
      total,
      [...written.values()].reduce((sum, count) => sum + count, 0),
    ),
  )
  await inParallel(blobs, parallel, signal, (blob, either) =>
    fetchBlob(blob, { plan, source, partial, watcher, signal: either }),
  )
}

type BlobMember = Extract<Member, { readonly kind: 'blob' }>

async function fetchBlob(member: BlobMember, work: Work): Promise<void> {
  const { what, descriptor } = member.blob
  let begun = Math.min(work.partial.written.get(member.path) ?? 0, member.size)
  let problem = ''
  for (let attempt = 1; attempt <= tries; attempt += 1) {
    const got = await tryBlob(member, begun, work)
    if (got === undefined) return
    problem = got
    work.watcher.note(`${what}: ${problem}; fetching it again`)
    begun = 0
  }
  throw new SourceError(
    'damaged',
    `${what} (${descriptor.digest}): ${problem}, ${tries} times`,
    'its registry, or a proxy before it, holds damaged bytes: another mirror may have the right ones',
  )
}

/** @returns what is wrong with the bytes that came */
async function tryBlob(member: BlobMember, begun: number, work: Work): Promise<string | undefined> {
  const { partial, source, watcher, signal } = work
  const { descriptor, references } = member.blob
  const hash = createHash('sha256')
  let at = await replay(member, begun, hash, partial)
  if (at < begun) watcher.bytes(at - begun)
  const reached = blobNotes(member, at, partial)
  const [reference] = references
  if (reference === undefined) throw new RangeError(`nobody has ${member.path}`)
  if (at < member.size)
    for await (const chunk of source.blob(reference, descriptor, at, signal)) {
      // The neighbour's bytes begin there.
      if (at + chunk.length > member.size) return wrongSize(at + chunk.length, member, watcher)
      partial.parts.write([chunk], member.at + at)
      hash.update(chunk)
      at += chunk.length
      watcher.bytes(chunk.length)
      await reached(at)
    }
  if (at !== member.size) return wrongSize(at, member, watcher)
  if (`sha256:${hash.digest('hex')}` === descriptor.digest) return undefined
  watcher.bytes(-at)
  return 'its bytes have another digest'
}

function wrongSize(came: number, { size }: Member, watcher: Watcher): string {
  watcher.bytes(-Math.min(came, size))
  return `${came > size ? 'more than' : `${came} of`} ${size} bytes came`
}

/** Hashes what an earlier run has written. */
async function replay(member: Member, count: number, hash: Hash, { parts }: Partial): Promise<number> {
  const buffer = Buffer.allocUnsafe(Math.min(readSize, count))
  let at = 0
  while (at < count) {
    const length = await parts.read(buffer.subarray(0, Math.min(buffer.length, count - at)), member.at + at)
    if (length === 0) break
    hash.update(buffer.subarray(0, length))
    at += length
  }
  return at
}

/** Notes now and then how far the blob is on the disk. */
function blobNotes(member: Member, from: number, { note }: Partial) {
  let noted = from
  return async (reached: number): Promise<void> => {
    if (reached - noted < noteEvery && reached !== member.size) return
    noted = reached
    await note(member.path, reached)
  }
}
