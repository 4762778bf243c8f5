/** Finds and reads what a command compiles: the blueprint and the secrets beside it. Prints what is wrong with them. */

import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { suggestion } from '../blueprint/schema.ts'
import { maxBlueprintBytes } from '../blueprint/source.ts'
import { type Checked, type Compiled, check, complete, inOrder } from '../compile.ts'
import { builtInBlueprint, builtInBlueprints, loadKubernetesTable } from '../effects/assets.effect.ts'
import { now } from '../effects/clock.effect.ts'
import { createFileAtomic, FileError, readFileLimited } from '../effects/files.effect.ts'
import { readSecretsFile } from '../effects/secrets-file.effect.ts'
import { readTexts } from '../effects/texts.effect.ts'
import type { Blueprint } from '../model/blueprint.ts'
import { type Diagnostic, hasErrors } from '../model/diagnostic.ts'
import type { Lock } from '../model/lock.ts'
import type { ClusterPlan, GroupPlan } from '../model/plan.ts'
import type { ClusterSecrets } from '../model/secrets.ts'
import { serialiseSecrets } from '../secrets/file.ts'
import { flag, type Invocation, type Io, text, UserError } from './command.ts'
import { readLock } from './lock-file.effect.ts'
import { readReporting, report } from './report.ts'

export interface BlueprintText {
  /** As it is named in messages. */
  readonly file: string
  readonly bytes: Uint8Array
  /** Where its secrets file lies unless one is named. */
  readonly folder: string
  readonly builtIn: boolean
}

const example = 'ha-kube-vip'

/** `--blueprint`, else cluster.yaml here, else the built-in example. */
export async function readBlueprint(invocation: Invocation, io: Io): Promise<BlueprintText> {
  const named = text(invocation, 'blueprint')
  if (named === '-') return { file: '<stdin>', bytes: await io.stdin(), folder: io.cwd, builtIn: false }
  if (named === undefined) {
    const own = join(io.cwd, 'cluster.yaml')
    if (existsSync(own))
      return { file: 'cluster.yaml', bytes: await read(own, 'cluster.yaml'), folder: io.cwd, builtIn: false }
    io.stderr(`gen: no cluster.yaml here: using the built-in example ${example}\n`)
    io.stderr('gen: to start your own: gen init, then gen secrets create\n')
    return { file: `${example}.yaml`, bytes: builtInBlueprint(example), folder: io.cwd, builtIn: true }
  }
  const path = join(io.cwd === '' ? '.' : '', named.startsWith('/') ? named : join(io.cwd, named))
  if (!named.includes('/') && !existsSync(path)) {
    if (builtInBlueprints().includes(named))
      return { file: `${named}.yaml`, bytes: builtInBlueprint(named), folder: io.cwd, builtIn: true }
    throw new UserError(
      `there is no file and no built-in blueprint named ${named}`,
      `built in: ${suggestion(named, builtInBlueprints()).replace(/^known: /, '')}`,
    )
  }
  return { file: named, bytes: await read(path, named), folder: dirname(path), builtIn: false }
}

async function read(path: string, name: string): Promise<Uint8Array> {
  try {
    return (await readFileLimited(path, maxBlueprintBytes)).bytes
  } catch (cause) {
    if (!(cause instanceof FileError)) throw cause
    const hint = {
      directory: 'name a file',
      'too-large': 'a blueprint is a few kilobytes of YAML: is this the right file?',
    }
    throw new UserError(
      cause.message.replace(path, name),
      cause.reason in hint ? hint[cause.reason as keyof typeof hint] : undefined,
    )
  }
}

export interface Ready {
  readonly blueprint: BlueprintText
  readonly written: Blueprint
  readonly plan: ClusterPlan
  readonly groups: readonly GroupPlan[]
  /** What `gen lock` wrote beside the blueprint. */
  readonly lock: Lock | undefined
}

/**
 * Compiles, prints every problem, and hands back the plan when there is no error.
 * @param asked the problems are what the command is about
 * @returns undefined when the command has to end with exit code 1
 */
export async function compileOrReport(
  invocation: Invocation,
  io: Io,
  { withSecrets, asked = false }: { readonly withSecrets: boolean; readonly asked?: boolean },
): Promise<Ready | undefined> {
  const reporting = readReporting(invocation, io)
  const blueprint = await readBlueprint(invocation, io)
  const checked = check({
    file: blueprint.file,
    blueprint: blueprint.bytes,
    kubernetes: loadKubernetesTable(),
  })
  const sound = checked.plan !== undefined && !hasErrors(checked.diagnostics)
  const secrets = !sound
    ? undefined
    : withSecrets
      ? await loadSecrets(checked.plan, blueprint, invocation, io)
      : asked
        ? await glanceAtSecrets(checked.plan, blueprint, invocation, io)
        : undefined
  const lock = sound ? await readLock(blueprint.folder, checked.plan.name) : undefined
  const texts = await readTexts(checked.blueprint, blueprint.folder)
  const compiled = complete(checked, secrets, texts, lock)
  const found = asked ? await withLimits(compiled) : compiled.diagnostics
  await report(compiled, found, reporting, io, asked)
  if (hasErrors(found)) return undefined
  return withSecrets && secrets === undefined
    ? undefined
    : ready(blueprint, checked.blueprint, compiled, lock, invocation)
}

/** A blueprint can be checked before it has secrets; where they are there, sizes are exact. */
async function glanceAtSecrets(
  plan: ClusterPlan,
  blueprint: BlueprintText,
  invocation: Invocation,
  io: Io,
): Promise<ClusterSecrets | undefined> {
  const path = secretsPath(plan.name, blueprint.folder, invocation, io)
  return existsSync(path) ? (await readSecretsFile(path, { cluster: plan.name })).secrets : undefined
}

/** What its cloud will not take is found before the cloud says so. */
async function withLimits({ plan, groups, diagnostics, source }: Compiled): Promise<readonly Diagnostic[]> {
  if (plan === undefined || groups === undefined) return diagnostics
  const { limitProblems } = await import('../render/limits.ts')
  return inOrder(source, [...diagnostics, ...(await limitProblems(plan, groups))])
}

/** What a blueprint says, without a word about what is wrong with it. */
export async function checkQuietly(
  values: Invocation['values'],
  io: Io,
): Promise<Pick<Checked, 'blueprint'>> {
  try {
    const quiet = { ...io, stderr: () => {} }
    const { file, bytes } = await readBlueprint({ values, positionals: [] }, quiet)
    return check({ file, blueprint: bytes, kubernetes: loadKubernetesTable() })
  } catch {
    return {}
  }
}

function ready(
  blueprint: BlueprintText,
  written: Blueprint | undefined,
  { plan, groups, diagnostics }: Compiled,
  lock: Lock | undefined,
  invocation: Invocation,
): Ready | undefined {
  const refused =
    hasErrors(diagnostics) ||
    (flag(invocation, 'strict') && diagnostics.some(({ severity }) => severity === 'warning'))
  return plan === undefined || groups === undefined || written === undefined || refused
    ? undefined
    : { blueprint, written, plan, groups, lock }
}

/** Where the secrets of a cluster lie. */
export function secretsPath(name: string, folder: string, invocation: Invocation, io: Io): string {
  const named = text(invocation, 'secrets')
  if (named === undefined) return join(folder, `${name}.secrets.yaml`)
  return named.startsWith('/') ? named : join(io.cwd, named)
}

async function loadSecrets(
  plan: ClusterPlan,
  blueprint: BlueprintText,
  invocation: Invocation,
  io: Io,
): Promise<ClusterSecrets | undefined> {
  const path = secretsPath(plan.name, blueprint.folder, invocation, io)
  if (blueprint.builtIn && text(invocation, 'secrets') === undefined && !existsSync(path))
    await createExampleSecrets(plan, path, io)
  const { secrets, diagnostics } = await readSecretsFile(path, {
    cluster: plan.name,
    now: now(),
    workerCertificate: plan.bootstrap.credential === 'certificate',
  })
  printProblems(diagnostics, io)
  return secrets
}

/** Problems of the secrets file: each message names its place, which is not in the blueprint. */
export function printProblems(diagnostics: readonly Diagnostic[], io: Io): void {
  for (const { code, severity, message, hint } of diagnostics)
    io.stderr(
      `${severity === 'error' ? 'gen' : 'gen: warning'}: ${message} [${code}]\n${hint === undefined ? '' : `  hint: ${hint}\n`}`,
    )
}

/** Two runs on the example, master and worker, have to fit each other: so its secrets are kept too. */
async function createExampleSecrets(plan: ClusterPlan, path: string, io: Io): Promise<void> {
  const { createSecrets } = await import('../secrets/create.ts')
  const { systemRandomness } = await import('../effects/random.effect.ts')
  const secrets = await createSecrets({
    cluster: plan.name,
    keyAlgorithm: plan.bootstrap.keyAlgorithm,
    ecdsaServiceAccountKey: plan.kubernetes.facts.supports.ecdsaServiceAccountKey,
    now: now(),
    randomness: systemRandomness,
  })
  try {
    await createFileAtomic(path, new TextEncoder().encode(serialiseSecrets(secrets)), 0o600)
  } catch (cause) {
    // Another run was faster; its secrets are the cluster's.
    if (cause instanceof FileError && cause.reason === 'exists') return
    throw cause
  }
  io.stderr(
    `gen: made the example's secrets: ${path} (keep it private; the other roles' user-data needs it)\n`,
  )
}
