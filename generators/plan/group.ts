/** ClusterPlan → GroupPlan: asks every provider, adds what first boot itself needs, settles the result. */
import type { Blueprint, StringMap, Taint } from '../model/blueprint.ts'
import type { Contribution, FileSpec, SecretJson } from '../model/contribution.ts'
import { type Diagnostic, error, warning } from '../model/diagnostic.ts'
import { type JsonObject, mergePatch } from '../model/json.ts'
import type { Lock } from '../model/lock.ts'
import type { ClusterPlan, GroupPlan, NodePlan } from '../model/plan.ts'
import type { Role } from '../model/role.ts'
import type { ClusterSecrets } from '../model/secrets.ts'
import type { Target } from '../providers/provider.ts'
import * as registry from '../registry.ts'
import { bootFiles, nodeEnvironment } from './boot.ts'
import { choose, groupNames } from './cluster.ts'
import { spreadCoreDns } from './coredns.ts'
import { imagesInFiles, kubernetesImages, namedImages } from './images.ts'
import { type KubeadmDocuments, kubeadmDocuments } from './kubeadm.ts'
import { mergeContributions, type Owned, type PathConflict } from './merge.ts'
import { renderTexts, type Texts } from './texts.ts'

export interface GroupSketch {
  readonly name: string
  readonly role: Role
  readonly pool: string | undefined
  readonly labels: StringMap
  readonly taints: readonly Taint[]
  readonly nodes: readonly NodePlan[]
}

/** The user-data texts that a cluster needs: one for control planes, one for workers, one a pool. */
export function sketchGroups(plan: ClusterPlan, blueprint: Blueprint): readonly GroupSketch[] {
  const declared = (['control-plane', 'worker'] as const).map((role) => ({
    name: groupNames[role],
    role,
    pool: undefined,
    labels: {},
    taints: [],
    nodes: plan.nodes.filter((node) => node.role === role),
  }))
  const pools = (blueprint.pools ?? []).map((pool) => ({
    name: pool.name,
    role: 'worker' as const,
    pool: pool.name,
    labels: pool.labels ?? {},
    taints: pool.taints ?? [],
    nodes: [],
  }))
  return [...declared.filter((group) => group.nodes.length > 0), ...pools]
}

export interface GroupInputs {
  readonly secrets: ClusterSecrets
  readonly texts: Texts
  readonly lock: Lock | undefined
}

export function planGroup(
  plan: ClusterPlan,
  blueprint: Blueprint,
  group: GroupSketch,
  { secrets, texts, lock }: GroupInputs,
): { readonly group: GroupPlan; readonly diagnostics: readonly Diagnostic[] } {
  const { merged, conflicts } = mergeContributions(
    [
      ...providerContributions(plan, group, secrets),
      {
        owner: 'kubernetes',
        contribution: { images: kubernetesImages(plan, group.role), addons: spreadCoreDns(plan) },
      },
      { owner: 'the blueprint', contribution: userContribution(plan, blueprint, group, texts) },
    ],
    lock,
  )
  const kubeadm = kubeadmDocuments(plan, group, merged, secrets)
  const files = [...merged.files, ...bootFiles(plan, group, merged, secrets), ...kubeadmFiles(kubeadm)]
  const { role, pool, labels, taints } = group
  return {
    group: {
      name: group.name,
      role,
      pool,
      labels,
      taints,
      nodes: group.nodes.map((node) => node.name),
      files: [...files].sort((one, other) => (one.path < other.path ? -1 : 1)),
      fill: merged.fill,
      services: merged.services,
      ports: merged.ports,
      packages: merged.packages,
      repositories: merged.repositories,
      downloads: merged.downloads,
      modules: merged.modules,
      sysctl: merged.sysctl,
      images: merged.images,
      addons: role === 'control-plane' ? merged.addons : [],
      env: nodeEnvironment(plan, group, merged),
      cloudConfig: mergePatch(merged.cloudConfig, plan.overrides.cloudConfig) as JsonObject,
    },
    diagnostics: [
      ...conflicts.map((conflict) => pathConflict(conflict, blueprint)),
      ...kubeadm.idle.map(idleOverride),
    ],
  }
}

function pathConflict({ path, owners }: PathConflict, { files }: Blueprint): Diagnostic {
  const index = (files ?? []).findIndex((file) => file.path === path)
  return error(
    'blueprint/path-conflict',
    ['files', Math.max(0, index), 'path'],
    `${path} is written by ${owners[0]} and by ${owners[1]}`,
    'remove the file, or use overrides to change what is generated',
  )
}

/** The fixed order os → runtime → cloud → etcd → endpoint → cni; the user comes last. */
function providerContributions(
  plan: ClusterPlan,
  group: GroupSketch,
  secrets: ClusterSecrets,
): readonly Owned[] {
  const target: Target = { role: group.role, pool: group.pool }
  return [
    choose(registry.os, plan.os.provider),
    choose(registry.runtime, plan.runtime.provider),
    choose(registry.cloud, plan.cloud.provider),
    choose(registry.etcd, plan.etcd.topology),
    choose(registry.endpoint, plan.endpoint.provider),
    choose(registry.cni, plan.network.cni),
  ].map((provider) => ({
    owner: provider.name,
    contribution: provider.contribute?.(plan, target, secrets) ?? {},
  }))
}

function userContribution(
  plan: ClusterPlan,
  blueprint: Blueprint,
  group: GroupSketch,
  texts: Texts,
): Contribution {
  const { users, mounts } = blueprint
  const files = renderTexts(plan, blueprint, group, texts)
  return {
    files,
    images: [...namedImages(blueprint.airgap?.images ?? []), ...imagesInFiles(files)],
    ports: (blueprint.firewall?.extraPorts ?? []).map((entry) => {
      const [port = '', protocol] = entry.split('/')
      return { protocol: protocol === 'udp' ? 'udp' : 'tcp', port, purpose: 'blueprint', from: 'anyone' }
    }),
    packages: (blueprint.packages ?? []).map((entry) => {
      const [name = '', version] = entry.split('=')
      return { name, ...(version === undefined ? {} : { version }) }
    }),
    modules: blueprint.modules ?? [],
    sysctl: blueprint.sysctl ?? {},
    addons: (blueprint.addons ?? []).map((addon, index) => ({
      order: 50 + index,
      name: addon.name,
      manifest: {
        url: addon.url,
        file: 'manifest.yaml',
        ...(addon.sha256 === undefined ? {} : { sha256: addon.sha256 }),
      },
      files: {},
    })),
    cloudConfig: {
      // cloud-init makes its default user, who has the platform's SSH key, only when the list names it.
      ...(users === undefined ? {} : { users: ['default', ...users] }),
      ...(mounts === undefined ? {} : { mounts }),
    },
  }
}

function kubeadmFiles({ init, join }: KubeadmDocuments): readonly FileSpec[] {
  const file = (name: string, documents: readonly SecretJson[]): FileSpec => ({
    path: `/etc/leaven/kubeadm/${name}.yaml`,
    mode: 0o600,
    body: { kind: 'secret-yaml', documents },
  })
  return [...(init === undefined ? [] : [file('init', init)]), file('join', join)]
}

function idleOverride(path: readonly string[]): Diagnostic {
  return warning(
    'blueprint/idle-override',
    path,
    `${path.join('.')} changes nothing: what is generated is so anyway`,
    'check the name against what is generated: gen userdata --role master; or remove it',
  )
}
