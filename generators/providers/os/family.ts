/** What differs between the families of distributions; everything else is the same Linux. */
import type { BaseRepository, FileSpec, PackageSpec, RepositorySpec } from '../../model/contribution.ts'
import type { JsonObject } from '../../model/json.ts'
import type { ClusterPlan } from '../../model/plan.ts'
import type { BaseImages, Installer } from '../provider.ts'
import type { DistributionFacts, Release } from './release.ts'

export interface Family {
  /** What Kubernetes, kube-proxy and kubeadm's preflight call, beside the distribution's minimum. */
  readonly tools: (release: Release) => readonly string[]
  /** Where the kubelet's unit looks for a user's extra arguments. */
  readonly kubeletEnvironment: string
  readonly chrony: { readonly configuration: string; readonly unit: string }
  /** `base` ends without `/`; `minor` is `1.31`. */
  readonly kubernetesRepository: (base: string, minor: string) => RepositorySpec
  readonly dockerRepository: (base: string, folder: string, release: Release) => RepositorySpec
  /** Files that make the package manager itself use the HTTP proxy. */
  readonly packageProxy: (proxy: NonNullable<ClusterPlan['proxy']>) => readonly FileSpec[]
}

export interface Distribution {
  /** Its own repositories; `mirror` ends without `/`. */
  readonly repositories?: (
    release: Release,
    architecture: string,
    mirror: string | undefined,
  ) => readonly BaseRepository[]
  readonly name: string
  /** ID in os-release(5), where it is another. */
  readonly id?: string
  readonly title: string
  readonly summary: string
  /** Its folder below Docker's `linux/`. */
  readonly dockerFolder: string
  readonly facts: DistributionFacts
  readonly baseImages: Readonly<Record<string, BaseImages>>
  readonly installer: Installer
  /** Options beside those of every Linux. */
  readonly options?: JsonObject
  readonly sysctl?: Readonly<Record<string, string>>
  /** Files that its package manager needs before anything can be installed. */
  readonly packageFiles?: (plan: ClusterPlan) => readonly FileSpec[]
}

/** A package of exactly this version, whatever the packager's own revision: `1.28.9-2.1` was a rebuild. */
export function pinned(name: string, version: string): PackageSpec {
  return { name, version: `${version}-*` }
}
