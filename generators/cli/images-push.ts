import { basename, isAbsolute, join } from 'node:path'
import { stoppable } from '../effects/interrupt.effect.ts'
import type { Pushed } from '../effects/registry/push.effect.ts'
import { readContents } from '../images/contents.ts'
import { parseTarget, planPush } from '../images/push-plan.ts'
import {
  type Command,
  type ExitCode,
  flag,
  type Invocation,
  type Io,
  UsageError,
  UserError,
} from './command.ts'
import { openProgress, size } from './progress.ts'
import { readRegistryOptions, registryOptions } from './registry-options.ts'

const { 'plain-http': plainHttp, ca } = registryOptions

export const imagesPush: Command = {
  name: 'push',
  summary: 'carry the images of an archive into a registry',
  usage: 'FILE REGISTRY[/PATH] [--json]',
  description:
    'FILE is an archive of gen images export, any OCI layout in a tar, or what docker save wrote. Names keep all but their registry: registry.k8s.io/pause:3.10 becomes REGISTRY/PATH/pause:3.10, where nodes find it once runtime.mirrors of the blueprint names it. What is there already is not sent again, and names come last: a run that was stopped leaves nothing half, and the same command goes on. Credentials are those of docker login.',
  positionals: 2,
  options: {
    ...(plainHttp === undefined ? {} : { 'plain-http': plainHttp }),
    ...(ca === undefined ? {} : { ca }),
    json: { type: 'boolean', description: 'the result as JSON, progress as events on standard error' },
  },
  examples: [
    ['gen images push out/prod/images/worker.tar harbor.example.com/k8s', 'into a project of Harbor'],
    ['gen images push worker.tar 10.0.0.5:5000 --plain-http', 'into a registry without TLS'],
  ],
  async run(invocation, io): Promise<ExitCode> {
    const [file, registry] = invocation.positionals
    if (file === undefined || registry === undefined)
      throw new UsageError('push which archive where?', 'gen images push FILE REGISTRY')
    const parsed = parseTarget(registry)
    if ('problem' in parsed) throw new UsageError(parsed.problem)
    const pushed = await pushFile(file, parsed.target, invocation, io)
    if (flag(invocation, 'json')) await io.stdout(`${JSON.stringify(pushed, null, 2)}\n`)
    else {
      await io.stdout(pushed.names.map(({ to, digest }) => `${to}  ${digest}\n`).join(''))
      io.stderr(inWords(file, pushed))
    }
    return 0
  },
}

async function pushFile(
  file: string,
  target: { readonly registry: string; readonly prefix: string },
  invocation: Invocation,
  io: Io,
): Promise<Pushed> {
  const { push } = await import('../effects/registry/push.effect.ts')
  const { openArchiveFile } = await import('../effects/sources/archive-file.effect.ts')
  const progress = await openProgress(io, { json: flag(invocation, 'json') })
  const options = readRegistryOptions(invocation, io, undefined, progress.note)
  const archive = await openArchiveFile(isAbsolute(file) ? file : join(io.cwd, file), file)
  try {
    const index = new TextEncoder().encode(JSON.stringify({ manifests: await archive.entries() }))
    const plan = planPush(await readContents(index, archive.document), target)
    if ('problems' in plan)
      throw new UserError(
        `${file}: ${plan.problems.join('\ngen: ')}`,
        'gen images verify FILE reads all of it',
      )
    for (const note of plan.notes) progress.note(note)
    const begin = (total: number) => progress.begin(basename(file), total)
    const watcher = { begin, advance: progress.advance }
    return await stoppable((signal) => push(plan, archive, options, watcher, signal))
  } finally {
    await archive.close()
    progress.end()
  }
}

function inWords(file: string, { names, uploaded, mounted, present }: Pushed): string {
  const sent = `${uploaded.blobs} blobs sent, ${size(uploaded.bytes)}`
  return `gen: ${file}: ${names.length} names; ${sent}; ${mounted} taken over from other repositories, ${present} there already\n`
}
