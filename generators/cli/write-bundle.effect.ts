/** Runs the making of a bundle, and tells how far it is. */
import type { BundlePlan } from '../bundle/plan.ts'
import { type Exported, exportArchive } from '../effects/archive/export.effect.ts'
import { makeBundle } from '../effects/bundle.effect.ts'
import { checkPackaging, collectPackages } from '../effects/packages/distribution.effect.ts'
import type { ImageSource } from '../images/source.ts'
import type { Lock } from '../model/lock.ts'
import type { Io } from './command.ts'
import { pinWish, readPlatforms, readWish } from './export-request.ts'
import { openProgress, type Progress, size } from './progress.ts'

export interface Order {
  readonly lock: Lock | undefined
  readonly bundle: BundlePlan
  /** Closed by whoever opened it. */
  readonly source: ImageSource
  readonly output: string
  /** As the user named it. */
  readonly shown: string
  readonly base: string | undefined
  readonly json: boolean
}

/** @throws UserError, SourceError, FileError, or the signal's reason; what has come stays beside the output */
export async function writeBundle(order: Order, io: Io, signal: AbortSignal): Promise<void> {
  const { bundle, base, output, shown, json } = order
  await checkPackaging({ bundle, base, signal }, io.env['PATH'] ?? '')
  const progress = await openProgress(io, { json })
  try {
    const made = await makeBundle({
      plan: bundle,
      output,
      signal,
      onStep: (step) => progress.note(step),
      packages: (pool, scratch, keys) => {
        const onProgress = barOf(progress, 'packages')
        return collectPackages({ bundle, pool, scratch, keys, base, signal, onProgress }).finally(
          progress.end,
        )
      },
      images: (archive) => exportImages(order, { archive, progress, signal }, io),
    })
    const { contents, sum, tarSum } = made
    const counts = `${contents.packages.length} packages, ${contents.files.length} files, ${contents.images.length} images`
    if (json)
      await io.stdout(
        `${JSON.stringify({ output: shown, sha256: tarSum ?? null, sha256sums: sum, ...contents }, null, 2)}\n`,
      )
    else
      io.stderr(
        `gen: ${shown}: ${counts}\ngen: ${tarSum === undefined ? `its SHA256SUMS has the sha256 ${sum} (install.sh --sha256)` : `its sha256 is ${tarSum} (airgap.bundle.sha256)`}\n`,
      )
  } finally {
    progress.end()
  }
}

/** apt tells how far it is, not what came since it last did. */
function barOf(progress: Progress, title: string) {
  let before: number | undefined
  return ({ bytes, total }: { readonly bytes: number; readonly total: number }) => {
    if (before === undefined) progress.begin(title, total, bytes)
    else progress.advance(bytes - before)
    before = bytes
  }
}

interface Export {
  readonly archive: string
  readonly progress: Progress
  readonly signal: AbortSignal
}

/** One archive of all images, each with the digest that the lock has for it. */
async function exportImages(
  { bundle, lock, source }: Order,
  { archive, progress, signal }: Export,
  io: Io,
): Promise<Exported['images']> {
  const watcher = {
    begin: (total: number, done: number) => progress.begin('images', total, done),
    bytes: progress.advance,
    note: progress.note,
  }
  const exported = await exportArchive(
    {
      wishes: bundle.images.map((name) => pinWish(readWish(name, '', io), lock)),
      platforms: readPlatforms(`linux/${bundle.os.architecture}`),
      path: archive,
      partSize: undefined,
      indexNames: false,
      older: [],
    },
    source,
    watcher,
    signal,
  ).finally(progress.end)
  progress.note(`images: ${exported.images.length}, ${size(exported.bytes)}`)
  return exported.images
}
