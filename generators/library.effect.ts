/** `import … from 'leaven'`: clusters for programs. The command line is one such program. */
import { dirname } from 'node:path'
import { printReport } from './blueprint/report.ts'
import { maxBlueprintBytes } from './blueprint/source.ts'
import { check, complete } from './compile.ts'
import { loadKubernetesTable } from './effects/assets.effect.ts'
import { now } from './effects/clock.effect.ts'
import { readFileLimited } from './effects/files.effect.ts'
import { readSecretsFile } from './effects/secrets-file.effect.ts'
import { readTexts } from './effects/texts.effect.ts'
import { type Diagnostic, hasErrors } from './model/diagnostic.ts'
import type { ClusterPlan, GroupPlan } from './model/plan.ts'
import { parseRole } from './model/role.ts'
import { choose, groupNames } from './plan/cluster.ts'
import type { UserDataEncoding } from './providers/provider.ts'
import * as registry from './registry.ts'
import { fit } from './render/fit.ts'
import { renderUserData } from './render/user-data.ts'

export { type Compiled, type CompileInputs, compile } from './compile.ts'
export { loadKubernetesTable as loadFacts } from './effects/assets.effect.ts'
export type { KubernetesTable } from './facts/facts.ts'
export type { Diagnostic } from './model/diagnostic.ts'
export type { ClusterPlan, GroupPlan, NodePlan } from './model/plan.ts'
export { Secret } from './model/secret.ts'
export type { ClusterSecrets } from './model/secrets.ts'
export type { UserDataEncoding } from './providers/provider.ts'
export { parseSecrets } from './secrets/file.ts'

/** What is wrong with a blueprint or its secrets; the message is the whole report. */
export class BlueprintError extends Error {
  override readonly name = 'BlueprintError'
  readonly diagnostics: readonly Diagnostic[]
  constructor(message: string, diagnostics: readonly Diagnostic[]) {
    super(message)
    this.diagnostics = diagnostics
  }
}

/** Whose user-data; exactly one of the three. */
export type Whose =
  | { readonly role: 'control-plane' | 'master' | 'worker' }
  | { readonly node: string }
  | { readonly pool: string }

export interface UserData {
  /** As the cloud takes them. */
  readonly bytes: Uint8Array
  readonly encoding: UserDataEncoding
  /** For fields such as `userDataBase64`. */
  readonly base64: string
}

export interface Cluster {
  readonly plan: ClusterPlan
  readonly groups: readonly GroupPlan[]
  /** Warnings and notes. */
  readonly diagnostics: readonly Diagnostic[]
  /**
   * The text of a role, a node or a pool, in the first encoding that fits the blueprint's cloud.
   * @throws BlueprintError when nothing fits, RangeError when there is no such node or pool
   */
  userData(whose: Whose, options?: { readonly encoding?: UserDataEncoding }): Promise<UserData>
}

/**
 * A cluster from its blueprint, the hooks beside it, and its secrets.
 * @param blueprint path of the file
 * @param options.secrets path of the secrets; `<name>.secrets.yaml` beside the blueprint when left out
 * @throws BlueprintError with every problem that there is, FileError when the blueprint cannot be read
 */
export async function loadCluster(
  blueprint: string,
  options: { readonly secrets?: string } = {},
): Promise<Cluster> {
  const { bytes } = await readFileLimited(blueprint, maxBlueprintBytes)
  const folder = dirname(blueprint)
  const checked = check({ file: blueprint, blueprint: bytes, kubernetes: loadKubernetesTable() })
  const texts = await readTexts(checked.blueprint, folder)
  const planned = complete(checked, undefined, texts)
  if (planned.plan === undefined || hasErrors(planned.diagnostics))
    throw new BlueprintError(
      printReport(planned.source, planned.diagnostics, { color: false }),
      planned.diagnostics,
    )
  const { name, bootstrap } = planned.plan
  const { secrets, diagnostics } = await readSecretsFile(
    options.secrets ?? `${folder}/${name}.secrets.yaml`,
    {
      cluster: name,
      now: now(),
      workerCertificate: bootstrap.credential === 'certificate',
    },
  )
  if (secrets === undefined)
    throw new BlueprintError(diagnostics.map(({ message }) => message).join('\n'), diagnostics)
  const compiled = complete(checked, secrets, texts)
  const { plan, groups } = compiled
  if (plan === undefined || groups === undefined)
    throw new BlueprintError(
      printReport(compiled.source, compiled.diagnostics, { color: false }),
      compiled.diagnostics,
    )
  return {
    plan,
    groups,
    diagnostics: [...compiled.diagnostics, ...diagnostics],
    userData: (whose, { encoding } = {}) => userData(plan, groupOf(groups, whose), encoding),
  }
}

async function userData(
  plan: ClusterPlan,
  group: GroupPlan,
  wanted: UserDataEncoding | undefined,
): Promise<UserData> {
  const cloud = choose(registry.cloud, plan.cloud.provider)
  const fitted = await fit((how) => renderUserData(group, plan.name, how), cloud, wanted)
  if ('problem' in fitted) throw new BlueprintError(fitted.problem.message, [fitted.problem])
  const { bytes, encoding } = fitted
  return { bytes, encoding, base64: Buffer.from(bytes).toString('base64') }
}

function groupOf(groups: readonly GroupPlan[], whose: Whose): GroupPlan {
  const found = groups.find((group) => {
    if ('node' in whose) return group.nodes.includes(whose.node)
    if ('pool' in whose) return group.pool === whose.pool
    return group.name === groupNames[parseRole(whose.role) ?? 'worker']
  })
  if (found === undefined)
    throw new RangeError(`the blueprint has no ${Object.entries(whose).flat().join(' ')}`)
  return found
}
