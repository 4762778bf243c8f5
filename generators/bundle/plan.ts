/** What a bundle holds, decided from the plan alone: files by their place in it, and the table that nodes read. */
import type {
  BaseRepository,
  DownloadSpec,
  FileSpec,
  PackageSpec,
  RepositorySpec,
} from '../model/contribution.ts'
import type { Lock } from '../model/lock.ts'
import type { ClusterPlan, GroupPlan } from '../model/plan.ts'
import type { Role } from '../model/role.ts'
import { isSecret, renderBody } from '../render/file.ts'

export interface BundlePlan {
  readonly cluster: string
  readonly roles: readonly Role[]
  readonly kubernetes: string
  readonly os: { readonly provider: string; readonly release: string; readonly architecture: string }
  /** `name` or `name=version-glob`, of all roles, sorted. */
  readonly packages: readonly string[]
  /** The distribution's own repositories; empty where there is none that everybody can read. */
  readonly distribution: readonly BaseRepository[]
  readonly repositories: readonly RepositorySpec[]
  readonly downloads: readonly BundledFile[]
  /** Keys of the repositories: needed to make the bundle, not part of it. */
  readonly keys: readonly BundledFile[]
  /** Full references, sorted. */
  readonly images: readonly string[]
  /** Configuration without secrets, and programs that are the same on every node. */
  readonly files: readonly { readonly path: string; readonly mode: number; readonly text: string }[]
  /** Rows of `tables`, which install.sh and first boot read. */
  readonly rows: readonly (readonly string[])[]
}

export interface BundledFile {
  readonly url: string
  /** Relative to the bundle. */
  readonly path: string
  /** Hex; undefined when there is no lock and the publisher has none. */
  readonly sha256: string | undefined
  readonly sha256Url: string | undefined
}

/** `https://dl.k8s.io/a?b` → `files/dl.k8s.io/a_b`: without what FAT, exFAT and NTFS refuse. boot/bundle does the same. */
export function placeOf(url: string): string {
  return `files/${url.replace(/^[a-z]+:\/\//, '').replaceAll(/[:?*]/g, '_')}`
}

export interface BundleInputs {
  readonly plan: ClusterPlan
  readonly groups: readonly GroupPlan[]
  /** Full references of all these groups. */
  readonly images: ReadonlyMap<GroupPlan, readonly string[]>
  readonly lock: Lock | undefined
  readonly os: {
    /** In os-release(5) of the nodes. */
    readonly id: string
    readonly repositories: readonly BaseRepository[]
  }
}

export function planBundle({ plan, groups, images, lock, os }: BundleInputs): BundlePlan {
  const roles = unique(groups.map(({ role }) => role))
  const architecture = String(plan.os.options['architecture'] ?? 'amd64')
  const placed = roles.flatMap((role) => placedFiles(role, firstOf(groups, role)))
  const fetched = [
    ...groups.flatMap(({ downloads }) => downloads.map(({ url, checksum }) => ({ url, ...checksum }))),
    ...groups.flatMap(({ addons }) => addons.flatMap(({ manifest }) => manifest ?? [])),
  ]
  const file = (entry: { url: string; sha256?: string; sha256Url?: string }): BundledFile => ({
    url: entry.url,
    path: placeOf(entry.url),
    sha256: entry.sha256 ?? lock?.downloads[entry.url]?.sha256,
    sha256Url: entry.sha256Url,
  })
  const repositories = distinct(groups.flatMap((group) => group.repositories))
  const ofDistribution = os.repositories.flatMap((one) => (one.kind === 'yum' ? one.keyUrl : []))
  return {
    cluster: plan.name,
    roles,
    kubernetes: plan.kubernetes.version,
    os: { provider: plan.os.provider, release: plan.os.release, architecture },
    packages: unique(groups.flatMap(({ packages }) => packages.map(packageName))).sort(),
    distribution: os.repositories,
    repositories,
    downloads: distinct(fetched.map(file)).sort(byPath),
    keys: distinct(
      [...repositories.map(({ keyUrl }) => keyUrl), ...ofDistribution].map((url) => file({ url })),
    ),
    images: unique([...images.values()].flat()).sort(),
    files: placed.map(({ path, spec }) => ({ path, mode: spec.mode, text: renderBody(spec.body) })),
    rows: [
      ['bundle', plan.name, roles.join(','), plan.kubernetes.version, os.id, plan.os.release, architecture],
      ...roles.flatMap((role) => roleRows(role, groups, images)),
      ...placed.map(({ role, path, spec }) => ['place', role, path, spec.path, octal(spec.mode)]),
    ],
  }
}

function roleRows(
  role: Role,
  all: readonly GroupPlan[],
  images: ReadonlyMap<GroupPlan, readonly string[]>,
): readonly (readonly string[])[] {
  const groups = all.filter((group) => group.role === role)
  const packages = unique(groups.flatMap((group) => group.packages.map(packageName)))
  return [
    ...(packages.length === 0 ? [] : [['packages', role, ...packages]]),
    ...distinct(groups.flatMap(({ downloads }) => downloads)).map((download) => [
      'downloads',
      role,
      placeOf(download.url),
      download.destination,
      octal(download.mode),
      kindOf(download),
    ]),
    ...unique(groups.flatMap((group) => images.get(group) ?? [])).map((image) => ['images', role, image]),
  ]
}

interface Placed {
  readonly role: Role
  /** In the bundle. */
  readonly path: string
  readonly spec: FileSpec
}

/**
 * What the node's own user-data brings stays out: secrets, names, everything that is filled in on the node, and the
 * file that starts first boot, which could only fail without the others.
 */
function placedFiles(role: Role, { files }: GroupPlan): readonly Placed[] {
  return files
    .filter(({ body, mode }) => !isSecret(body) && (mode & 0o004) !== 0)
    .filter(({ path }) => !path.startsWith('/etc/leaven/') && !path.includes('/multi-user.target.d/'))
    .map((spec) => ({ role, path: `place/${role}${spec.path}`, spec }))
}

/** A pool's nodes are configured as the declared ones of their role, where there are any. */
function firstOf(groups: readonly GroupPlan[], role: Role): GroupPlan {
  const own = groups.filter((group) => group.role === role)
  const found = own.find(({ pool }) => pool === undefined) ?? own[0]
  if (found === undefined) throw new RangeError(`no group of ${role}`)
  return found
}

function kindOf({ stripComponents }: DownloadSpec): string {
  return stripComponents === undefined ? 'file' : `tar:${stripComponents}`
}

function packageName({ name, version }: PackageSpec): string {
  return version === undefined ? name : `${name}=${version}`
}

function octal(mode: number): string {
  return mode.toString(8).padStart(4, '0')
}

function unique<Entry>(entries: readonly Entry[]): Entry[] {
  return [...new Set(entries)]
}

function distinct<Entry>(entries: readonly Entry[]): Entry[] {
  return [...new Map(entries.map((entry) => [JSON.stringify(entry), entry])).values()]
}

function byPath(one: BundledFile, other: BundledFile): number {
  return one.path < other.path ? -1 : 1
}
