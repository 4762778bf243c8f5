import type { Verified } from '../effects/archive/verify.effect.ts'
import { stoppable } from '../effects/interrupt.effect.ts'
import { type Command, type ExitCode, flag, UsageError } from './command.ts'
import { openProgress, size } from './progress.ts'

export const imagesVerify: Command = {
  name: 'verify',
  summary: 'read every byte of an archive and say whether nodes can import it',
  usage: 'FILE [--json]',
  description:
    'Checks digests, sizes, names and platforms, and ends with 1 when anything is wrong. FILE may also be one that docker save or skopeo wrote, or the first part (FILE.001) of one that was split.',
  positionals: 1,
  options: {
    json: { type: 'boolean', description: 'the result as JSON, progress as events on standard error' },
  },
  examples: [
    ['gen images verify out/prod/images/worker.tar', 'on whatever machine it was carried to'],
    ['gen images verify worker.tar.001', 'all parts, as if they were joined'],
  ],
  async run({ positionals, ...invocation }, io): Promise<ExitCode> {
    const [file] = positionals
    if (file === undefined) throw new UsageError('verify which archive?', 'gen images verify FILE')
    const json = flag({ positionals, ...invocation }, 'json')
    const { verifyArchive } = await import('../effects/archive/verify.effect.ts')
    const progress = await openProgress(io, { json })
    const watcher = {
      begin: (total: number) => progress.begin(file, total),
      bytes: (count: number) => progress.advance(count),
    }
    const path = file.startsWith('/') ? file : `${io.cwd}/${file}`
    const verified = await stoppable((signal) => verifyArchive(path, watcher, signal)).finally(progress.end)
    await io.stdout(json ? `${JSON.stringify(verified, null, 2)}\n` : inWords(file, verified))
    for (const problem of json ? [] : verified.problems) io.stderr(`gen: ${problem}\n`)
    return verified.problems.length === 0 ? 0 : 1
  },
}

function inWords(file: string, { images, blobs, bytes, kind, without, problems, notes }: Verified): string {
  const lines = images.map(
    ({ name, digest, platforms }) => `${name}  ${digest}  ${platforms.join(',') || '-'}\n`,
  )
  const delta = without === 0 ? '' : `, and ${without} more that the node has to have`
  const verdict = problems.length === 0 ? 'ok' : `${problems.length} wrong`
  return [
    ...lines,
    ...notes.map((note) => `note: ${note}\n`),
    `${file}: ${verdict}: ${images.length} names, ${blobs} blobs${delta}, ${size(bytes)}${kind === 'docker' ? ', as docker save writes it' : ''}\n`,
  ].join('')
}
