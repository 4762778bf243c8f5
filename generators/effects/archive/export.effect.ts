/** From names to an archive: resolves them, plans, and writes, taking what older archives have from there. */
import { statSync } from 'node:fs'
import { planArchive, type ResolvedImage } from '../../images/layout.ts'
import { formatPlatform, type Platform } from '../../images/platform.ts'
import { formatReference, type Reference } from '../../images/reference.ts'
import { resolveImage } from '../../images/resolve.ts'
import { type ImageSource, SourceError } from '../../images/source.ts'
import { inParallel } from '../parallel.ts'
import { findParts } from './parts.effect.ts'
import { type OpenArchive, openArchive, preferArchive } from './read.effect.ts'
import { type Outcome, type Target, type Watcher, writeArchive } from './write.effect.ts'

export interface Wish {
  /** The name that the node is to know. */
  readonly reference: Reference
  /** The same image, as it is asked for: by the digest that a lock has. */
  readonly pull?: Reference
}

export interface ExportJob extends Target {
  readonly wishes: readonly Wish[]
  readonly platforms: readonly Platform[]
  readonly indexNames: boolean
  /** Archives that may hold some of the blobs already. */
  readonly older: readonly string[]
}

export interface Exported {
  /** The archive, or its parts. */
  readonly files: readonly string[]
  readonly outcome: Outcome
  readonly bytes: number
  readonly blobs: number
  readonly images: readonly {
    readonly name: string
    readonly digest: string
    readonly platforms: readonly string[]
  }[]
}

/** @throws SourceError, an AggregateError of several, FileError, or the signal's reason */
export async function exportArchive(
  job: ExportJob,
  source: ImageSource,
  watcher: Watcher,
  signal: AbortSignal,
): Promise<Exported> {
  const resolved = await resolveAll(job, source, signal)
  const plan = planArchive(resolved, job)
  // The archive that is about to be replaced has most of it, if it is one.
  const older = await openThose([...(await findParts(job.path)).slice(0, 1), ...job.older])
  try {
    const nearest = older.reduce((rest, archive) => preferArchive(archive, rest), source)
    const outcome = await writeArchive(plan, nearest, job, watcher, signal)
    return {
      files: await findParts(job.path),
      outcome,
      bytes: plan.size,
      blobs: plan.members.filter(({ kind }) => kind === 'blob').length,
      images: resolved
        .map(({ reference, root, platforms }) => ({
          name: formatReference(reference),
          digest: root.descriptor.digest,
          platforms: platforms.map(({ platform }) => formatPlatform(platform)),
        }))
        .sort((one, other) => (one.name < other.name ? -1 : 1)),
    }
  } finally {
    for (const archive of older) await archive.close()
  }
}

/**
 * What a registry says of one image does not end the others: a list is mended at once, not name by name. A registry
 * that does not answer ends them: nobody waits for it in vain.
 * @throws SourceError, or an AggregateError of several, in the order of the wishes
 */
async function resolveAll(
  { wishes, platforms }: ExportJob,
  source: ImageSource,
  signal: AbortSignal,
): Promise<readonly ResolvedImage[]> {
  const outcomes: (ResolvedImage | SourceError)[] = []
  await inParallel(
    [...wishes.entries()],
    wishes.length,
    signal,
    async ([at, { reference, pull }], either) => {
      outcomes[at] = await resolveImage(source, reference, platforms, either, pull).catch(refusalOf)
    },
  )
  const refusals = outcomes.filter((one) => one instanceof SourceError)
  if (refusals.length > 0) throw refusals.length === 1 ? refusals[0] : new AggregateError(refusals)
  return outcomes.flatMap((one) => (one instanceof SourceError ? [] : [one]))
}

/** @throws what is no answer about the image */
function refusalOf(cause: unknown): SourceError {
  if (cause instanceof SourceError && ['missing', 'denied', 'unsupported'].includes(cause.reason))
    return cause
  throw cause
}

async function openThose(paths: readonly string[]): Promise<readonly OpenArchive[]> {
  const opened = await Promise.all(
    paths.filter(isFile).map((path) => openArchive(path).catch(() => undefined)),
  )
  return opened.filter((archive) => archive !== undefined)
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false
}
