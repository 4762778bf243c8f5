/** One archive on disk: a file, or several that follow each other (FILE.001, FILE.002 …) and that `cat` joins. */
import { constants, writevSync } from 'node:fs'
import { type FileHandle, open, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'

export interface Parts {
  readonly size: number
  /** Writes buffers one after the other, from `position` on, across the borders of files. */
  readonly write: (buffers: readonly Uint8Array[], position: number) => void
  /** Fills the buffer from `position` on; fewer bytes only at the end. */
  readonly read: (buffer: Uint8Array, position: number) => Promise<number>
  /** What was written is on the disk. */
  readonly sync: () => Promise<void>
  readonly close: () => Promise<void>
}

interface Part {
  readonly handle: FileHandle
  /** Where it begins in the archive. */
  readonly start: number
  readonly size: number
}

/** `FILE`, or its parts in order. */
export function partNames(path: string, size: number, partSize: number | undefined): readonly string[] {
  if (partSize === undefined || size <= partSize) return [path]
  const count = Math.ceil(size / partSize)
  return Array.from({ length: count }, (_, index) => `${path}.${String(index + 1).padStart(3, '0')}`)
}

/**
 * Makes files of the archive's final size, or opens those of an earlier run.
 * @param names as `partNames` has them
 */
export async function createParts(
  names: readonly string[],
  size: number,
  partSize = Number.POSITIVE_INFINITY,
): Promise<Parts> {
  return gather(names, async (name, index) => {
    const start = index === 0 ? 0 : index * partSize
    const length = Math.min(size - start, partSize)
    const handle = await open(name, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o644)
    if ((await handle.stat()).size !== length) await handle.truncate(length)
    return { handle, start, size: length }
  })
}

export async function openParts(names: readonly string[]): Promise<Parts> {
  let start = 0
  return gather(names, async (name) => {
    const handle = await open(name, constants.O_RDONLY | constants.O_NONBLOCK)
    const { size } = await handle.stat()
    start += size
    return { handle, start: start - size, size }
  })
}

async function gather(
  names: readonly string[],
  openOne: (name: string, index: number) => Promise<Part>,
): Promise<Parts> {
  const parts: Part[] = []
  const close = async () => {
    for (const { handle } of parts) await handle.close()
  }
  try {
    for (const [index, name] of names.entries()) parts.push(await openOne(name, index))
  } catch (cause) {
    await close()
    throw cause
  }
  return { ...access(parts), close }
}

/** How much is written before the disk is told to take it: at the end there is little left to wait for. */
const flushEvery = 32 * 1024 * 1024

/** What was written goes to the disk meanwhile; what that says is told when it counts. */
function backgroundFlush() {
  let behind = 0
  let flushing: Promise<void> | undefined
  let lost: unknown
  return {
    written: ({ handle }: Part, bytes: number) => {
      behind += bytes
      if (behind < flushEvery || flushing !== undefined) return
      behind = 0
      flushing = handle
        .datasync()
        .catch((cause: unknown) => {
          lost ??= cause
        })
        .finally(() => {
          flushing = undefined
        })
    },
    /** @throws what the disk could not take: it says so once, to whoever asks first */
    ended: async () => {
      await flushing
      if (lost !== undefined) throw lost
    },
  }
}

function access(parts: readonly Part[]): Omit<Parts, 'close'> {
  const last = parts.at(-1)
  const flush = backgroundFlush()
  const partAt = (position: number) => parts.findLast(({ start }) => start <= position)
  return {
    size: last === undefined ? 0 : last.start + last.size,
    write: (buffers, position) => {
      let at = position
      let rest = buffers.filter(({ length }) => length > 0)
      while (rest.length > 0) {
        const part = partAt(at)
        if (part === undefined || at >= part.start + part.size) throw new RangeError('beyond the archive')
        const written = writeSome(part, rest, at - part.start)
        flush.written(part, written)
        at += written
        rest = dropBytes(rest, written)
      }
    },
    read: async (buffer, position) => {
      let done = 0
      while (done < buffer.length) {
        const part = partAt(position + done)
        if (part === undefined) break
        const wanted = Math.min(buffer.length - done, part.start + part.size - position - done)
        const { bytesRead } =
          wanted <= 0
            ? { bytesRead: 0 }
            : await part.handle.read(buffer, done, wanted, position + done - part.start)
        if (bytesRead === 0) break
        done += bytesRead
      }
      return done
    },
    sync: async () => {
      await flush.ended()
      for (const { handle } of parts) await handle.sync()
    },
  }
}

/**
 * For more at once Linux makes pages of 128 KiB, and those a virtual machine has often given back to its host: to get
 * them again takes ten times as long as to fill them (`page_reporting_order`,
 * https://docs.kernel.org/mm/free_page_reporting.html).
 */
const writeSize = 64 * 1024

/**
 * As much as one call writes, and never beyond the part's end. Not by Node's threads: to wake one takes longer than to
 * copy these few bytes to where the kernel keeps them.
 */
function writeSome(part: Part, buffers: readonly Uint8Array[], offset: number): number {
  return writevSync(part.handle.fd, takeBytes(buffers, Math.min(writeSize, part.size - offset)), offset)
}

function takeBytes(buffers: readonly Uint8Array[], count: number): readonly Uint8Array[] {
  let left = count
  return buffers.flatMap((buffer) => {
    const taken = buffer.subarray(0, Math.max(0, left))
    left -= buffer.length
    return taken.length > 0 ? [taken] : []
  })
}

function dropBytes(buffers: readonly Uint8Array[], count: number): Uint8Array[] {
  let left = count
  return buffers.flatMap((buffer) => {
    const dropped = buffer.subarray(Math.min(left, buffer.length))
    left = Math.max(0, left - buffer.length)
    return dropped.length > 0 ? [dropped] : []
  })
}

/** Gives files their final names. One file appears in one step; of several the first comes last. */
export async function placeParts(from: readonly string[], to: readonly string[]): Promise<void> {
  for (let index = from.length - 1; index >= 0; index -= 1)
    await rename(from[index] as string, to[index] as string)
  const folder = await open(dirname(to[0] as string), constants.O_RDONLY)
  // Not every file system lets a folder be synchronised.
  await folder.sync().catch(() => undefined)
  await folder.close()
}

export async function removeFiles(names: readonly string[]): Promise<void> {
  for (const name of names) await rm(name, { force: true })
}

/**
 * The files that an archive's name stands for: itself, or its parts from `.001` on.
 * @returns none when neither is there
 */
export async function findParts(path: string): Promise<readonly string[]> {
  const isThere = (name: string) =>
    stat(name).then(
      () => true,
      () => false,
    )
  if (await isThere(path)) {
    const [, whole, number] = /^(.*)\.(\d{3})$/.exec(path) ?? []
    return number === '001' && whole !== undefined ? numbered(whole, isThere) : [path]
  }
  return numbered(path, isThere)
}

async function numbered(whole: string, isThere: (name: string) => Promise<boolean>) {
  const found: string[] = []
  for (let index = 1; index <= 999; index += 1) {
    const name = `${whole}.${String(index).padStart(3, '0')}`
    if (!(await isThere(name))) break
    found.push(name)
  }
  return found
}
