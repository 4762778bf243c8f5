import { archiveBlobs, contentsOf, openArchive } from '../effects/archive/read.effect.ts'
import { stoppable } from '../effects/interrupt.effect.ts'
import type { Contents } from '../images/contents.ts'
import { type Delta, planDelta } from '../images/delta.ts'
import type { ImageSource } from '../images/source.ts'
import {
  type Command,
  type ExitCode,
  flag,
  type Invocation,
  type Io,
  text,
  UsageError,
  UserError,
} from './command.ts'
import { openProgress, size } from './progress.ts'

export const imagesDiff: Command = {
  name: 'diff',
  summary: 'make a small archive of what a node with an older archive lacks',
  usage: 'OLD NEW -o FILE [--json]',
  description:
    'FILE holds the names that are new or changed, and only blobs that OLD has not. A node that has imported OLD, and still has its images, imports it like any other archive: ctr -n k8s.io images import FILE. An import takes no image away.',
  positionals: 2,
  options: {
    output: { type: 'string', short: 'o', value: 'FILE', description: 'the archive to write' },
    json: { type: 'boolean', description: 'the result as JSON, progress as events on standard error' },
  },
  examples: [['gen images diff old/worker.tar new/worker.tar -o delta.tar', 'for the USB stick']],
  async run(invocation, io): Promise<ExitCode> {
    const [older, newer] = invocation.positionals
    const output = text(invocation, 'output')
    if (older === undefined || newer === undefined)
      throw new UsageError('diff which archives?', 'gen images diff OLD NEW -o FILE')
    if (output === undefined) throw new UsageError('where to?', 'gen images diff OLD NEW -o FILE')
    const at = (path: string) => (path.startsWith('/') ? path : `${io.cwd}/${path}`)
    if ([older, newer].map(at).includes(at(output)))
      throw new UsageError('-o names one of the archives that are compared')
    return stoppable(async (signal) => {
      const old = await openArchive(at(older))
      try {
        const fresh = await openArchive(at(newer))
        try {
          const pair = [sound(older, await contentsOf(old)), sound(newer, await contentsOf(fresh))] as const
          return await write(
            planDelta(...pair),
            archiveBlobs(fresh),
            { shown: output, path: at(output) },
            { invocation, io, signal },
          )
        } finally {
          await fresh.close()
        }
      } finally {
        await old.close()
      }
    })
  },
}

interface Run {
  readonly invocation: Invocation
  readonly io: Io
  readonly signal: AbortSignal
}

async function write(
  { plan, added, gone, saved }: Delta,
  source: Pick<ImageSource, 'blob'>,
  { shown, path }: { readonly shown: string; readonly path: string },
  { invocation, io, signal }: Run,
): Promise<ExitCode> {
  const { writeArchive } = await import('../effects/archive/write.effect.ts')
  const json = flag(invocation, 'json')
  const progress = await openProgress(io, { json })
  const watcher = {
    begin: (total: number, done: number) => progress.begin(shown, total, done),
    bytes: progress.advance,
    note: progress.note,
  }
  await writeArchive(plan, source, { path, partSize: undefined }, watcher, signal).finally(progress.end)
  if (json)
    await io.stdout(`${JSON.stringify({ file: shown, bytes: plan.size, saved, added, gone }, null, 2)}\n`)
  else
    io.stderr(
      `gen: ${shown}: ${added.length} names new or changed, ${size(plan.size)}; ${size(saved)} are left out${gone.length === 0 ? '' : `; nodes keep ${gone.join(', ')}`}\n`,
    )
  return 0
}

/** @throws UserError for what no delta can be made of */
function sound(file: string, contents: Contents | undefined): Contents {
  if (contents === undefined)
    throw new UserError(
      `${file} is no OCI layout`,
      'archives of docker save have no digests to compare: export it with gen images export',
    )
  const [problem] = contents.problems
  if (problem !== undefined)
    throw new UserError(`${file}: ${problem}`, `gen images verify ${file} says everything that is wrong`)
  if (contents.without.size > 0) throw new UserError(`${file} is a delta itself`, 'compare whole archives')
  return contents
}
