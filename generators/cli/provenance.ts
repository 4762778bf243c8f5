import { join } from 'node:path'
import { packageVersion } from '../effects/assets.effect.ts'
import { FileError, writeFileAtomic } from '../effects/files.effect.ts'
import { stoppable } from '../effects/interrupt.effect.ts'
import { provenanceOf, type Run } from '../render/provenance.ts'
import { type Command, type Io, text, UsageError, UserError } from './command.ts'
import { openProgress } from './progress.ts'

export const provenance: Command = {
  name: 'provenance',
  summary: 'say what a baked image was made of, and where',
  usage: 'FOLDER [--builder-id URI]',
  description:
    "After packer build: reads what gen packer and Packer left in the folder, and writes provenance.json beside it, an in-toto statement with SLSA's provenance v1. Sign it with cosign attest-blob, or as your pipeline signs.",
  positionals: 1,
  options: {
    'builder-id': {
      type: 'string',
      value: 'URI',
      description: 'who ran the build',
      default: "the pipeline's, on GitHub and GitLab",
    },
  },
  examples: [
    ['gen provenance out/prod/packer/worker/qemu-amd64', 'out/prod/packer/worker/qemu-amd64/provenance.json'],
  ],
  async run(invocation, io) {
    const [shown] = invocation.positionals
    if (shown === undefined) throw new UsageError('which folder?', 'the one in which packer build ran')
    const folder = shown.startsWith('/') ? shown : join(io.cwd, shown)
    const run = runOf(text(invocation, 'builder-id'), io.env)
    const { readBuilt } = await import('../effects/built-folder.effect.ts')
    const progress = await openProgress(io, { json: false })
    const watcher = {
      begin: (total: number) => progress.begin(shown, total),
      bytes: (count: number) => progress.advance(count),
    }
    try {
      const built = await stoppable((signal) => readBuilt(folder, watcher, signal)).finally(progress.end)
      const bytes = new TextEncoder().encode(`${JSON.stringify(provenanceOf(built, run), null, 2)}\n`)
      await writeFileAtomic(join(folder, 'provenance.json'), bytes, 0o644)
    } catch (cause) {
      throw explained(cause, shown)
    }
    io.stderr(`gen: wrote ${join(shown, 'provenance.json')}\n`)
    return 0
  },
}

function explained(cause: unknown, shown: string): unknown {
  if (!(cause instanceof FileError) && !(cause instanceof RangeError)) return cause
  return new UserError(
    `${shown}: ${cause.message}`,
    'name the folder of gen packer in which packer build has ended well',
  )
}

/** Pipelines say who and where they are. */
function runOf(named: string | undefined, env: Io['env']): Run {
  const github = env['GITHUB_ACTIONS'] === 'true'
  const repository = `${env['GITHUB_SERVER_URL']}/${env['GITHUB_REPOSITORY']}`
  const [builder, invocation] = github
    ? [
        `${env['GITHUB_SERVER_URL']}/${env['GITHUB_WORKFLOW_REF']}`,
        `${repository}/actions/runs/${env['GITHUB_RUN_ID']}/attempts/${env['GITHUB_RUN_ATTEMPT']}`,
      ]
    : env['GITLAB_CI'] === 'true'
      ? [`${env['CI_PROJECT_URL']}/-/runners/${env['CI_RUNNER_ID']}`, env['CI_JOB_URL']]
      : ['urn:leaven:by-hand', undefined]
  if (named !== undefined && !/^[a-z][a-z0-9+.-]*:\S+$/i.test(named))
    throw new UsageError(`--builder-id ${named} is no URI`, 'such as https://ci.example.com/runners/7')
  return { builder: named ?? builder ?? '', invocation, version: packageVersion() }
}
