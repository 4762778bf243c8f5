/** ClusterPlan → a machine image of one role: what first boot would install, without what makes a node or a cluster of it. */
import type { Blueprint } from '../model/blueprint.ts'
import type { DownloadSpec, FileSpec } from '../model/contribution.ts'
import type { Diagnostic } from '../model/diagnostic.ts'
import type { ClusterPlan, GroupPlan, ImagePlan } from '../model/plan.ts'
import type { Role } from '../model/role.ts'
import { lines, programs, tableLines } from './boot.ts'
import { groupNames } from './cluster.ts'
import { type GroupInputs, planGroup } from './group.ts'

/**
 * @param plan of a blueprint whose nodes install what they need: `bootstrap.prebaked` is false
 * @param inputs with secrets withheld: none of them gets into an image
 */
export function planImage(
  plan: ClusterPlan,
  blueprint: Blueprint,
  role: Role,
  inputs: GroupInputs,
): { readonly image: ImagePlan; readonly diagnostics: readonly Diagnostic[] } {
  const nodes = plan.nodes.filter((node) => node.role === role)
  const sketch = { name: groupNames[role], role, pool: undefined, labels: {}, taints: [], nodes }
  const { group, diagnostics } = planGroup(plan, blueprint, sketch, inputs)
  const baked = bakedFiles(plan, group)
  const own = new Set(baked.map(({ path }) => path))
  const files = [...baked, ...group.files.filter((file) => isForEverybody(file) && !own.has(file.path))]
  return {
    image: {
      role,
      files: files.sort((one, other) => (one.path < other.path ? -1 : 1)),
      images: group.images,
    },
    diagnostics,
  }
}

/** What only its owner may read may be a secret; what lies under /etc/leaven is the cluster's, and comes by user-data. */
function isForEverybody({ path, mode }: FileSpec): boolean {
  return (mode & 0o004) !== 0 && !path.startsWith('/etc/leaven/')
}

/** What `leaven bake` reads, and the programs that stay. */
function bakedFiles(plan: ClusterPlan, group: GroupPlan): readonly FileSpec[] {
  return [
    {
      path: '/etc/leaven/node.env',
      mode: 0o600,
      body: {
        kind: 'env',
        values: {
          ...Object.fromEntries(Object.entries(group.env).filter(([name]) => environment.has(name))),
          LEAVEN_AIRGAPPED: plan.airgapped ? '1' : '0',
        },
      },
    },
    lines(
      '/etc/leaven/tables',
      tableLines({
        packages: group.packages,
        repositories: group.repositories,
        downloads: [...group.downloads, ...manifests(group)],
        images: group.images,
        // the others need what only a node has
        services: group.services.filter(
          ({ phase, unit }) => phase === 'system' || unit === plan.runtime.unit,
        ),
      }),
    ),
    ...programs(['bake', 'control-plane', 'imds']),
  ]
}

const environment = new Set([
  'LEAVEN_FORMAT',
  'LEAVEN_ROLE',
  'LEAVEN_KUBERNETES_VERSION',
  'LEAVEN_CRI_SOCKET',
  'LEAVEN_RUNTIME_UNIT',
  'LEAVEN_PREBAKED',
  'LEAVEN_SWAP',
  'LEAVEN_BAKED_EXPECT',
])

/** Add-ons that would be fetched while the cluster forms; a name that two of them share says which it is only by folder. */
function manifests({ addons }: GroupPlan): readonly DownloadSpec[] {
  const fetched = addons.flatMap(({ manifest }) => manifest ?? [])
  return fetched
    .filter(({ file }) => fetched.filter((other) => other.file === file).length === 1)
    .flatMap(({ url, sha256, file }) =>
      sha256 === undefined
        ? []
        : [{ url, checksum: { sha256 }, destination: `/var/lib/leaven/bundle/${file}`, mode: 0o644 }],
    )
}
