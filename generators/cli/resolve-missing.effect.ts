/** Looks up what a lock lacks: everything, or what changed. */
import { availableParallelism } from 'node:os'
import type { Access } from '../effects/aws/clients.effect.ts'
import { lockBase, lockDownload, lockImage } from '../effects/resolve.effect.ts'
import { formatPlatform, type Platform } from '../images/platform.ts'
import { type ImageSource, SourceError } from '../images/source.ts'
import { neededImages, type Wanted } from '../lock/wanted.ts'
import type { Lock } from '../model/lock.ts'
import { type Io, UserError } from './command.ts'

export interface Missing {
  readonly cluster: string
  readonly wanted: Wanted
  readonly platforms: readonly Platform[]
  /** What is right already. */
  readonly kept: Required<Pick<Lock, 'images' | 'downloads' | 'bases'>>
  readonly source: ImageSource
  readonly aws: Access
}

/**
 * @returns the whole lock; undefined after everything that could not be looked up was said
 * @throws the signal's reason
 */
export async function resolveMissing(
  { cluster, wanted, platforms, kept, source, aws }: Missing,
  io: Pick<Io, 'stderr'>,
  signal: AbortSignal,
): Promise<Lock | undefined> {
  const failures: string[] = []
  const attempt = async <T>(
    name: string,
    work: () => Promise<T>,
  ): Promise<readonly [string, T] | undefined> => {
    try {
      const found = await work()
      io.stderr(`gen: ${name}\n`)
      return [name, found]
    } catch (cause) {
      signal.throwIfAborted()
      if (!(cause instanceof SourceError || cause instanceof UserError)) throw cause
      failures.push(`gen: ${cause.message}\n${cause.hint === undefined ? '' : `  hint: ${cause.hint}\n`}`)
      return undefined
    }
  }
  const newDownloads = wanted.downloads.filter(({ url }) => kept.downloads[url] === undefined)
  const downloads = {
    ...kept.downloads,
    ...(await all(newDownloads, (download) => attempt(download.url, () => lockDownload(download, signal)))),
  }
  const needed = neededImages(wanted, downloads)
  const names = needed.filter((name) => kept.images[name] === undefined)
  const images = {
    ...Object.fromEntries(Object.entries(kept.images).filter(([name]) => needed.includes(name))),
    ...(await all(names, (name) => attempt(name, () => lockImage(source, name, platforms, signal)))),
  }
  const newBases = (wanted.bases ?? []).filter(({ name }) => kept.bases[name] === undefined)
  const bases = {
    ...kept.bases,
    ...(await all(newBases, (base) => attempt(base.name, () => lockBase(base, aws, signal)))),
  }
  for (const failure of failures.sort()) io.stderr(failure)
  if (failures.length > 0) return undefined
  return { format: 1, cluster, platforms: platforms.map(formatPlatform), images, downloads, bases }
}

/** Most of the time is waiting for answers. */
const parallel = Math.max(8, 2 * availableParallelism())

async function all<Entry, Found>(
  entries: readonly Entry[],
  work: (entry: Entry) => Promise<readonly [string, Found] | undefined>,
): Promise<Readonly<Record<string, Found>>> {
  const found: (readonly [string, Found])[] = []
  const queue = entries.values()
  const worker = async () => {
    for (const entry of queue) {
      const result = await work(entry)
      if (result !== undefined) found.push(result)
    }
  }
  await Promise.all(Array.from({ length: parallel }, worker))
  return Object.fromEntries(found)
}
