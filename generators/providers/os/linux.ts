/** One Linux distribution as a provider: its family's ways, its facts, and what every node needs. */
import type { Blueprint } from '../../model/blueprint.ts'
import type { BaseRepository, Contribution, PackageSpec, RepositorySpec } from '../../model/contribution.ts'
import { type Diagnostic, error, warning } from '../../model/diagnostic.ts'
import type { JsonObject } from '../../model/json.ts'
import type { ClusterPlan } from '../../model/plan.ts'
import type { OsProvider, Target } from '../provider.ts'
import { clock } from './clock.ts'
import type { Distribution, Family } from './family.ts'
import { modules, sysctl } from './kernel.ts'
import { kubernetes } from './kubernetes.ts'
import { ports } from './ports.ts'
import { proxyFiles } from './proxy.ts'
import type { Release } from './release.ts'

const options: JsonObject = {
  architecture: {
    description:
      'Processor of the nodes; decides which release binaries are fetched for Kubernetes before 1.24.',
    type: 'string',
    enum: ['amd64', 'arm64'],
    default: 'amd64',
    examples: ['arm64'],
  },
}

export function linux(family: Family, distribution: Distribution): OsProvider {
  const { name, summary, facts } = distribution
  return {
    name,
    id: distribution.id ?? name,
    summary,
    options: { ...options, ...distribution.options },
    releases: facts.releases,
    defaultRelease: facts.defaultRelease,
    amazonImages: (release, architecture) => amazonImages(distribution, release, architecture),
    baseImages: distribution.baseImages,
    installer: distribution.installer,
    rules: (plan, blueprint) => rules(plan, blueprint, distribution),
    ...(distribution.repositories === undefined
      ? {}
      : { baseRepositories: (plan) => baseRepositories(plan, distribution) }),
    contribute: (plan, target) => contribute(plan, target, family, distribution),
  }
}

/** Undefined for a release that we do not know. */
function amazonImages(
  { facts }: Distribution,
  release: string,
  architecture: 'x86_64' | 'arm64',
): { readonly owner: string; readonly names: readonly string[] } | undefined {
  const known = facts.releases[release]
  if (known === undefined) return undefined
  const { owner, names, architectures } = facts.amazonImages
  const values = { release, name: known.repositoryName, arch: architectures[architecture] }
  return {
    owner,
    names: names.map((pattern) =>
      pattern.replaceAll(/\{(release|name|arch)\}/g, (_, key: keyof typeof values) => values[key]),
    ),
  }
}

function baseRepositories(plan: ClusterPlan, distribution: Distribution): readonly BaseRepository[] {
  const mirror = plan.repositories.distribution?.replace(/\/+$/, '')
  const architecture = String(plan.os.options['architecture'] ?? 'amd64')
  return distribution.repositories?.(releaseOf(plan, distribution), architecture, mirror) ?? []
}

function contribute(
  plan: ClusterPlan,
  target: Target,
  family: Family,
  distribution: Distribution,
): Contribution {
  const release = releaseOf(plan, distribution)
  const parts = [
    clock(plan, family),
    kubernetes(plan, family),
    containerd(plan, family, distribution, release),
  ]
  const all = <Item>(pick: (part: Contribution) => readonly Item[] | undefined) =>
    parts.flatMap((part) => pick(part) ?? [])
  const installed: Contribution = {
    packages: [...family.tools(release).map((name) => ({ name })), ...all((part) => part.packages)],
    repositories: all((part) => part.repositories),
    downloads: all((part) => part.downloads),
  }
  const packageFiles = [
    ...(distribution.packageFiles?.(plan) ?? []),
    ...(plan.proxy === undefined ? [] : family.packageProxy(plan.proxy)),
  ]
  return {
    ...(plan.bootstrap.prebaked ? {} : installed),
    files: [
      ...(plan.bootstrap.prebaked ? [] : packageFiles),
      ...all((part) => part.files),
      ...proxyFiles(plan),
    ],
    services: all((part) => part.services),
    modules: modules(plan, release),
    sysctl: { ...sysctl(plan), ...distribution.sysctl },
    ports: ports(plan, target.role),
  }
}

function containerd(
  plan: ClusterPlan,
  family: Family,
  { dockerFolder }: Distribution,
  release: Release,
): { packages: readonly PackageSpec[]; repositories: readonly RepositorySpec[] } {
  if (plan.runtime.provider !== 'containerd') return { packages: [], repositories: [] }
  if (fromDistribution(plan)) return { packages: [{ name: 'containerd' }], repositories: [] }
  const base = (plan.repositories.containerd ?? 'https://download.docker.com').replace(/\/+$/, '')
  return {
    packages: [{ name: 'containerd.io', version: containerdGlob(plan) }],
    repositories: [family.dockerRepository(base, dockerFolder, release)],
  }
}

/**
 * A version that somebody asked for is taken exactly. Our default stands for its series, as does `1.7`: Docker's
 * repository lags behind containerd's patches, and has not all of them for every release.
 */
function containerdGlob({ runtime, kubernetes: { facts } }: ClusterPlan): string {
  const exact = runtime.version !== facts.containerd.default && runtime.version.split('.').length === 3
  return exact ? `${runtime.version}-*` : `${seriesOf(runtime.version)}.*`
}

function rules(plan: ClusterPlan, { runtime }: Blueprint, distribution: Distribution): readonly Diagnostic[] {
  const { release: name } = plan.os
  const release = distribution.facts.releases[name]
  if (release === undefined) return []
  const found: Diagnostic[] = []
  if (release.updatesEnded !== null)
    found.push(
      warning(
        'os/updates-ended',
        ['os', 'release'],
        `${distribution.title} ${name} gets no free security updates since ${release.updatesEnded}`,
        isCurrent(distribution.facts.defaultRelease, distribution)
          ? `take ${distribution.title} ${distribution.facts.defaultRelease}, unless you pay for updates`
          : 'plan to move to another distribution, such as os.provider: rocky',
      ),
    )
  if (!plan.bootstrap.prebaked && plan.runtime.provider === 'containerd')
    found.push(...containerdRules(plan, distribution, release, runtime?.version !== undefined))
  return found
}

function isCurrent(release: string, { facts }: Distribution): boolean {
  return facts.releases[release]?.updatesEnded === null
}

function containerdRules(
  plan: ClusterPlan,
  { title }: Distribution,
  release: Release,
  written: boolean,
): readonly Diagnostic[] {
  const asked = seriesOf(plan.runtime.version)
  const own = release.containerdSeries
  const offered = fromDistribution(plan) ? (own === null ? [] : [own]) : release.dockerSeries
  if (offered === null || offered.includes(asked)) return []
  const whose = fromDistribution(plan) ? title : 'Docker'
  return [
    error(
      'os/containerd-not-packaged',
      written ? ['runtime', 'version'] : ['os', 'release'],
      `${whose} packages containerd ${offered.join(' and ')} for ${title} ${plan.os.release}, not ${plan.runtime.version}`,
      `set runtime.version: "${offered.at(-1) ?? ''}", or take a machine image and set bootstrap.prebaked: true`,
    ),
  ]
}

function fromDistribution({ os }: ClusterPlan): boolean {
  return os.options['containerdSource'] === 'distribution'
}

/** `1.7.28` → `1.7` */
function seriesOf(version: string): string {
  return version.split('.').slice(0, 2).join('.')
}

/** The plan has refused unknown releases, so a miss here is our bug. */
function releaseOf({ os }: ClusterPlan, { facts }: Distribution): Release {
  const release = facts.releases[os.release]
  if (release === undefined) throw new RangeError(`no facts of ${os.provider} ${os.release}`)
  return release
}
