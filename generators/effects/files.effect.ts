/** Reading with a limit, writing whole or not at all. */
import { randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { type FileHandle, link, mkdir, open, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { uninterrupted } from './interrupt.effect.ts'

/** Why a file could not be read or written, without a stack trace's worth of detail. */
export class FileError extends Error {
  readonly reason: 'missing' | 'exists' | 'denied' | 'directory' | 'too-large' | 'other'
  constructor(reason: FileError['reason'], message: string) {
    super(message)
    this.reason = reason
  }
}

export interface ReadFile {
  readonly bytes: Uint8Array
  /** POSIX permission bits of the very file that was read. */
  readonly mode: number
}

/**
 * Reads a file, but never more than it should have.
 * @throws FileError
 */
export async function readFileLimited(path: string, maxBytes: number): Promise<ReadFile> {
  return explained(path, async () => {
    // Without O_NONBLOCK a named pipe would hang here until somebody writes to it.
    const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
    try {
      const status = await handle.stat()
      if (status.isDirectory()) throw new FileError('directory', `${path} is a directory`)
      const bytes = await readUpTo(handle, maxBytes + 1)
      if (bytes.length > maxBytes)
        throw new FileError('too-large', `${path} is larger than ${maxBytes} bytes`)
      return { bytes, mode: status.mode & 0o7777 }
    } finally {
      await handle.close()
    }
  })
}

async function readUpTo(handle: FileHandle, limit: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let total = 0
  while (total < limit) {
    const { bytesRead, buffer } = await handle.read(Buffer.alloc(Math.min(limit - total, 65_536)))
    if (bytesRead === 0) break
    chunks.push(buffer.subarray(0, bytesRead))
    total += bytesRead
  }
  return Buffer.concat(chunks)
}

/**
 * Replaces a file in one step: a reader sees the old bytes or the new ones, and a crash leaves one of the two.
 * A file that already has these bytes and this mode is left alone.
 * @param mode POSIX permission bits, whatever the umask
 * @returns whether anything was written
 * @throws FileError
 */
export async function writeFileAtomic(
  path: string,
  bytes: Uint8Array,
  mode: number,
  // What can be made again at any time need not wait for the disk.
  { durable } = { durable: true },
): Promise<boolean> {
  return explained(path, async () => {
    if (await isSame(path, bytes, mode)) return false
    await uninterrupted(() =>
      throughTemporary(path, bytes, mode, durable, (temporary) => rename(temporary, path)),
    )
    return true
  })
}

/**
 * The same for a file that must not exist yet, also when somebody else creates it at this very moment.
 * @throws FileError with reason `exists`
 */
export async function createFileAtomic(path: string, bytes: Uint8Array, mode: number): Promise<void> {
  const place = async (temporary: string) => {
    await link(temporary, path)
    await rm(temporary)
  }
  await explained(path, () => uninterrupted(() => throughTemporary(path, bytes, mode, true, place)))
}

/**
 * Makes a folder and those above it.
 * @param mode POSIX permission bits, less the umask
 * @throws FileError
 */
export async function makeFolder(path: string, mode = 0o755): Promise<void> {
  await explained(path, () => makeFolders(resolve(path), mode))
}

/** Not `recursive`: Node's tries for ever below /proc, which refuses with ENOENT what is there. */
async function makeFolders(path: string, mode: number): Promise<void> {
  try {
    await mkdir(path, mode)
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    if (code === 'ENOENT' && dirname(path) !== path && !(await isFolder(dirname(path)))) {
      await makeFolders(dirname(path), mode)
      await makeFolders(path, mode)
    } else if (!(await isFolder(path))) throw cause
  }
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (status) => status.isDirectory(),
    () => false,
  )
}

async function throughTemporary(
  path: string,
  bytes: Uint8Array,
  mode: number,
  durable: boolean,
  place: (temporary: string) => Promise<void>,
): Promise<void> {
  // In the same folder, because neither rename nor link crosses file systems.
  const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}.tmp`)
  try {
    const handle = await open(temporary, 'wx', 0o600)
    try {
      await handle.writeFile(bytes)
      await handle.chmod(mode)
      if (durable) await handle.sync()
    } finally {
      await handle.close()
    }
    await place(temporary)
  } catch (cause) {
    await rm(temporary, { force: true })
    throw cause
  }
}

async function isSame(path: string, bytes: Uint8Array, mode: number): Promise<boolean> {
  try {
    const present = await readFileLimited(path, bytes.length)
    return present.mode === mode && Buffer.from(bytes).equals(present.bytes)
  } catch {
    return false
  }
}

/** Runs work on `path`, and says what went wrong there in words. */
export async function explained<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code
    // What is not the file's fault is somebody else's to explain.
    if (cause instanceof FileError || typeof code !== 'string') throw cause
    if (code === 'EEXIST') throw new FileError('exists', `${path} exists already`)
    if (code === 'ENOENT') throw new FileError('missing', `${path} does not exist`)
    if (code === 'EACCES' || code === 'EPERM') throw new FileError('denied', `no permission for ${path}`)
    if (code === 'EISDIR') throw new FileError('directory', `${path} is a directory`)
    if (code === 'ENOSPC' || code === 'EDQUOT')
      throw new FileError('other', `no space left on the disk for ${path}`)
    if (code === 'EROFS') throw new FileError('denied', `${path} is on a read-only disk`)
    if (code === 'ENOTDIR') throw new FileError('other', `a folder on the way to ${path} is a file`)
    throw new FileError('other', `${path}: ${code}`)
  }
}
