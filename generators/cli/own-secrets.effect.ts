/** The secrets of the cluster that the blueprint names: found, read, written. */
import { basename, dirname, join } from 'node:path'
import { now } from '../effects/clock.effect.ts'
import { createFileAtomic, FileError, readFileLimited, writeFileAtomic } from '../effects/files.effect.ts'
import { readSecretsFile, type SecretsFile } from '../effects/secrets-file.effect.ts'
import type { ClusterPlan } from '../model/plan.ts'
import type { ClusterSecrets } from '../model/secrets.ts'
import { maxSecretsBytes, serialiseSecrets } from '../secrets/file.ts'
import { flag, type Invocation, type Io, UserError } from './command.ts'
import { compileOrReport, printProblems, secretsPath } from './inputs.effect.ts'

export interface Target {
  readonly plan: ClusterPlan
  readonly path: string
}

/**
 * The cluster that the blueprint names, and where its secrets lie or will lie.
 * @returns undefined when problems were printed and the command has to end with exit code 1
 */
export async function findTarget(invocation: Invocation, io: Io): Promise<Target | undefined> {
  const ready = await compileOrReport(invocation, io, { withSecrets: false })
  if (ready === undefined) return undefined
  const { plan, blueprint } = ready
  return { plan, path: secretsPath(plan.name, blueprint.folder, invocation, io) }
}

/**
 * The same with the secrets read and checked.
 * @param clock to judge dates with; undefined accepts expired certificates
 */
export async function readTarget(
  invocation: Invocation,
  io: Io,
  clock: Date | undefined,
): Promise<(Target & Pick<SecretsFile, 'text'> & { readonly secrets: ClusterSecrets }) | undefined> {
  const target = await findTarget(invocation, io)
  if (target === undefined) return undefined
  const file = await readSecretsFile(target.path, {
    cluster: target.plan.name,
    ...(clock ? { now: clock } : {}),
  })
  printProblems(file.diagnostics, io)
  return file.secrets === undefined ? undefined : { ...target, text: file.text, secrets: file.secrets }
}

/** Writes secrets where none are yet, or with --force keeps the old ones beside them. */
export async function writeNew(
  path: string,
  secrets: ClusterSecrets,
  invocation: Invocation,
  io: Io,
): Promise<void> {
  const bytes = new TextEncoder().encode(serialiseSecrets(secrets))
  try {
    await createFileAtomic(path, bytes, 0o600)
  } catch (cause) {
    if (!(cause instanceof FileError && cause.reason === 'exists')) throw cause
    if (!flag(invocation, 'force'))
      throw new UserError(
        `${path} exists already`,
        'gen secrets show tells what it holds; --force replaces it, and then nodes made with it and new ones do not fit',
      )
    const backup = await keepOld(path)
    await writeFileAtomic(path, bytes, 0o600)
    io.stderr(`gen: the old secrets are now ${backup}\n`)
    io.stderr('gen: nodes made with them keep running, but no node made from now on can join them\n')
  }
  io.stderr(`gen: wrote ${path}; back it up, keep it out of Git\n`)
}

/** Still named `*.secrets.yaml`, so that what ignores the one in Git ignores the other. */
async function keepOld(path: string): Promise<string> {
  const stamp = now()
    .toISOString()
    .replaceAll(/[-:]|\.\d+/g, '')
  const backup = join(
    dirname(path),
    `${basename(path).replace(/\.secrets\.yaml$/, '')}.${stamp}.secrets.yaml`,
  )
  const { bytes } = await readFileLimited(path, maxSecretsBytes)
  await createFileAtomic(backup, bytes, 0o600)
  return backup
}
