/** The pipeline, in order. Same inputs, same bytes, on any machine, on any day. */
import { axes } from './blueprint/assemble.ts'
import { checkRules } from './blueprint/rules.ts'
import { checkShape } from './blueprint/schema.ts'
import { parseSource, type Source } from './blueprint/source.ts'
import { explanations } from './explanations.ts'
import type { KubernetesTable } from './facts/facts.ts'
import type { Blueprint } from './model/blueprint.ts'
import { type Diagnostic, error, hasErrors } from './model/diagnostic.ts'
import type { Lock } from './model/lock.ts'
import type { ClusterPlan, GroupPlan, ImagePlan } from './model/plan.ts'
import type { Role } from './model/role.ts'
import { Secret } from './model/secret.ts'
import type { ClusterSecrets } from './model/secrets.ts'
import { applyAllowances } from './plan/allow.ts'
import { choose, planCluster } from './plan/cluster.ts'
import { planGroup, sketchGroups } from './plan/group.ts'
import { planImage } from './plan/image.ts'
import { lintPlan } from './plan/lints.ts'
import { bakeRules } from './plan/machine.ts'
import { checkTexts, type Texts } from './plan/texts.ts'
import * as registry from './registry.ts'
import { isEllipticKey } from './secrets/inspect.ts'

export interface CompileInputs {
  /** How to name the blueprint in messages. */
  readonly file: string
  readonly blueprint: Uint8Array
  readonly kubernetes: KubernetesTable
  /** Left out: everything is planned, with secrets withheld. */
  readonly secrets?: ClusterSecrets
  /** What the blueprint names under `file`; `textPaths` says which those are. */
  readonly texts?: Texts
  /** What `gen lock` wrote: its checksums take the place of the publishers'. */
  readonly lock?: Lock
}

export interface Compiled {
  readonly source: Pick<Source, 'file' | 'lines' | 'locate'>
  /** In the file's order. */
  readonly diagnostics: readonly Diagnostic[]
  /** Present when the blueprint could be understood, even with errors. */
  readonly plan?: ClusterPlan
  /** Present when there are no errors. */
  readonly groups?: readonly GroupPlan[]
}

/** What is known before the secrets are: everything but the nodes' files. */
export interface Checked extends Omit<Compiled, 'groups'> {
  /** Present when its shape is right. */
  readonly blueprint?: Blueprint
}

export function compile(inputs: CompileInputs): Compiled {
  return complete(check(inputs), inputs.secrets, inputs.texts, inputs.lock)
}

/** Blueprint → plan. The secrets' name and kind follow from it. */
export function check({
  file,
  blueprint: bytes,
  kubernetes,
}: Omit<CompileInputs, 'secrets' | 'texts' | 'lock'>): Checked {
  const loaded = parseSource(file, bytes)
  if ('failed' in loaded) return { source: loaded.source, diagnostics: loaded.failed }
  const { source } = loaded
  const finish = (diagnostics: readonly Diagnostic[], rest: Partial<Checked> = {}): Checked => ({
    source,
    diagnostics: inOrder(source, [...loaded.diagnostics, ...diagnostics]),
    ...rest,
  })
  const shape = checkShape(source.value, source.written)
  if (hasErrors(shape)) return finish(shape)
  const blueprint = source.value as unknown as Blueprint
  const rules = [...shape, ...checkRules(blueprint)]
  const { plan, diagnostics } = planCluster(blueprint, kubernetes)
  const found = [...rules, ...diagnostics]
  if (plan === undefined || hasErrors(found)) return finish(found, { blueprint })
  return finish([...found, ...lintPlan(plan, blueprint), ...providerRules(plan, blueprint)], {
    plan,
    blueprint,
  })
}

/**
 * Plan → groups.
 * @param secrets left out: everything is planned, with secrets withheld
 */
export function complete(
  checked: Checked,
  secrets?: ClusterSecrets,
  texts: Texts = {},
  lock?: Lock,
): Compiled {
  const { source, blueprint, plan } = checked
  if (blueprint === undefined) return checked
  const settle = (diagnostics: readonly Diagnostic[], all: boolean) =>
    inOrder(source, applyAllowances(blueprint, diagnostics, explanations, all))
  const wrongTexts = checkTexts(blueprint, texts)
  if (plan === undefined || hasErrors(wrongTexts))
    return { ...checked, diagnostics: settle([...checked.diagnostics, ...wrongTexts], false) }
  const planned = sketchGroups(plan, blueprint).map((group) =>
    planGroup(plan, blueprint, group, { secrets: secrets ?? withheld, texts, lock }),
  )
  const found = [
    ...checked.diagnostics,
    ...wrongTexts,
    ...secretsFit(plan, secrets),
    ...bakeRules(plan, blueprint, lock),
    ...planned.flatMap((group) => group.diagnostics),
  ]
  const diagnostics = settle(found, true)
  return {
    source,
    diagnostics,
    plan,
    ...(hasErrors(diagnostics) ? {} : { groups: planned.map(({ group }) => group) }),
  }
}

/**
 * Plan → the machine image of one role. What is asked of a blueprint that installs is asked here of every one.
 * @returns diagnostics of the whole blueprint, and the image when there are no errors
 */
export function completeImage(
  { source, blueprint, plan, diagnostics }: Checked,
  role: Role,
  texts: Texts = {},
  lock?: Lock,
): Pick<Compiled, 'source' | 'diagnostics'> & { readonly image?: ImagePlan } {
  if (blueprint === undefined || plan === undefined) return { source, diagnostics }
  const wrongTexts = checkTexts(blueprint, texts)
  const settle = (found: readonly Diagnostic[]) =>
    inOrder(
      source,
      applyAllowances(blueprint, [...diagnostics, ...wrongTexts, ...found], explanations, false),
    )
  const installing = { ...plan, bootstrap: { ...plan.bootstrap, prebaked: false } }
  const rules = providerRules(installing, blueprint)
  if (hasErrors([...wrongTexts, ...rules])) return { source, diagnostics: settle(rules) }
  const planned = planImage(installing, blueprint, role, { secrets: withheld, texts, lock })
  const all = settle([...rules, ...planned.diagnostics])
  return { source, diagnostics: all, ...(hasErrors(all) ? {} : { image: planned.image }) }
}

function providerRules(plan: ClusterPlan, blueprint: Blueprint): readonly Diagnostic[] {
  const chosen = {
    endpoint: plan.endpoint.provider,
    cni: plan.network.cni,
    os: plan.os.provider,
    runtime: plan.runtime.provider,
    cloud: plan.cloud.provider,
    etcd: plan.etcd.topology,
  }
  return [...axes.map(({ axis }) => axis), 'etcd' as const].flatMap(
    (axis) =>
      choose<(typeof registry)[typeof axis][number]>(registry[axis], chosen[axis]).rules?.(plan, blueprint) ??
      [],
  )
}

/** Secrets that are sound in themselves, but not for this cluster. */
function secretsFit(plan: ClusterPlan, secrets: ClusterSecrets | undefined): readonly Diagnostic[] {
  if (secrets === undefined) return []
  const found: Diagnostic[] = []
  if (plan.bootstrap.credential === 'certificate' && secrets.clients.workerBootstrap === undefined)
    found.push(
      error(
        'secrets/no-worker-certificate',
        ['bootstrap', 'credential'],
        'the secrets hold no client certificate for workers',
        'make one that expires: gen secrets worker-certificate',
      ),
    )
  const { facts } = plan.kubernetes
  if (!facts.supports.ecdsaServiceAccountKey && isEllipticKey(secrets.serviceAccount.publicKey))
    found.push(
      error(
        'secrets/ecdsa-service-account',
        ['kubernetes', 'version'],
        `kubeadm of Kubernetes ${facts.minor} reads no ECDSA key for service accounts, and the secrets hold one`,
        'make the secrets for this version: gen secrets create --force, before any node exists',
      ),
    )
  return found
}

/** Stands in for the secrets while only a plan is wanted. */
const none = new Secret('')
const pair = { certificate: '', key: none }
const withheld: ClusterSecrets = {
  cluster: '',
  createdAt: '',
  keyAlgorithm: 'ecdsa-p256',
  authorities: { kubernetes: pair, etcd: pair, frontProxy: pair },
  serviceAccount: { publicKey: '', privateKey: none },
  bootstrapToken: none,
  encryptionKey: none,
  clients: { controlPlane: pair, workerBootstrap: pair },
  caCertHash: '',
}

/** In the file's order, each once. */
export function inOrder(
  source: Compiled['source'],
  diagnostics: readonly Diagnostic[],
): readonly Diagnostic[] {
  // What is wrong for every group is said once.
  const distinct = [...new Map(diagnostics.map((entry) => [JSON.stringify(entry), entry])).values()]
  const placed = distinct.map((diagnostic) => {
    const { line, column } = diagnostic.position ?? source.locate(diagnostic.path, diagnostic.atKey)
    return { diagnostic, line, column }
  })
  placed.sort((one, other) => one.line - other.line || one.column - other.column)
  return placed.map(({ diagnostic }) => diagnostic)
}
