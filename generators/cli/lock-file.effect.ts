/** `<name>.lock.json` beside the blueprint. */
import { join } from 'node:path'
import { FileError, readFileLimited, writeFileAtomic } from '../effects/files.effect.ts'
import { parseLock, serialiseLock } from '../lock/lock.ts'
import type { Lock } from '../model/lock.ts'
import { UserError } from './command.ts'

const maxLockBytes = 4 * 1024 * 1024

export function lockName(cluster: string): string {
  return `${cluster}.lock.json`
}

/**
 * @returns undefined when there is none
 * @throws UserError when it cannot be read, or belongs to another blueprint
 */
export async function readLock(folder: string, cluster: string): Promise<Lock | undefined> {
  const name = lockName(cluster)
  let bytes: Uint8Array
  try {
    ;({ bytes } = await readFileLimited(join(folder, name), maxLockBytes))
  } catch (cause) {
    if (!(cause instanceof FileError)) throw cause
    if (cause.reason === 'missing') return undefined
    throw new UserError(cause.message)
  }
  const parsed = parseLock(new TextDecoder().decode(bytes))
  if ('problem' in parsed)
    throw new UserError(
      `${name}: ${parsed.problem}`,
      'take it from version control again, or delete it and run gen lock',
    )
  if (parsed.lock.cluster !== cluster)
    throw new UserError(
      `${name} is the lock of cluster ${parsed.lock.cluster}, not of ${cluster}`,
      'each blueprint has a lock of its own: delete this copy and run gen lock',
    )
  return parsed.lock
}

/** @returns whether it changed */
export function writeLock(folder: string, lock: Lock): Promise<boolean> {
  return writeFileAtomic(
    join(folder, lockName(lock.cluster)),
    new TextEncoder().encode(serialiseLock(lock)),
    0o644,
  )
}
