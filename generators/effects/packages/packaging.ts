/** What the families of distributions have in common when packages are collected. */
import type { BundleContents } from '../../bundle/manifest.ts'
import type { BundlePlan } from '../../bundle/plan.ts'
import { UserError } from '../../cli/command.ts'

export interface PackagesRequest {
  readonly bundle: BundlePlan
  /** Where packages and their repository go; packages that are there and right are not fetched again. */
  readonly pool: string
  readonly scratch: string
  /** Files of the repositories' keys, by the URL that they came from. */
  readonly keys: ReadonlyMap<string, string>
  /** What the nodes have installed already, as the package manager itself keeps it; undefined: nothing. */
  readonly base: string | undefined
  readonly signal: AbortSignal
  readonly onProgress: (progress: { readonly bytes: number; readonly total: number }) => void
}

/** What a package manager is asked for. */
export interface ClosureRequest<Source>
  extends Pick<PackagesRequest, 'pool' | 'base' | 'signal' | 'onProgress'> {
  /** Scratch tree, absolute; what is left of an earlier run is used again. */
  readonly root: string
  readonly release: string
  readonly architecture: string
  readonly sources: readonly Source[]
  /** Names, each with `=VERSION` when it is pinned. */
  readonly packages: readonly string[]
}

/** @param root of the package manager, below `scratch` */
export function closureRequest<Source>(
  { bundle, pool, base, signal, onProgress }: PackagesRequest,
  root: string,
  sources: readonly Source[],
): ClosureRequest<Source> {
  const { release, architecture } = bundle.os
  return { root, release, architecture, sources, packages: bundle.packages, pool, base, signal, onProgress }
}

/**
 * @param complaints of the package manager, the reason first
 * @param unknown whether a package is not there at all, rather than out of reach
 */
export function refusal(
  program: string,
  what: string,
  [first, second]: readonly string[],
  unknown: boolean,
): UserError {
  return new UserError(
    `${what}: ${first ?? `${program} gives no reason`}${second === undefined ? '' : ` · ${second}`}`,
    unknown
      ? 'check packages, kubernetes.version and runtime.version of the blueprint, and repositories'
      : 'check repositories of the blueprint, and whether this machine reaches them',
  )
}

/** What signing takes in every family. */
export const signingPrograms: Packaging['programs'] = [
  ['gpg', 'gpg'],
  // It holds the key while gpg signs; gpg only recommends it.
  ['gpg-agent', 'gpg-agent'],
  ['gpgv', 'gpgv'],
  ['gpgconf', 'gpgconf'],
]

export interface Collected {
  readonly packages: BundleContents['packages']
  /** The repository's other files, relative to the pool. */
  readonly index: readonly string[]
}

export interface RepositoryRequest {
  readonly cluster: string
  readonly architecture: string
  /** Holds the packages, and gets the rest. */
  readonly pool: string
  /** The packages' file names. */
  readonly packages: readonly string[]
  readonly signal: AbortSignal
}

/** How a family has its packages collected: by its own package manager, in a root that knows nothing of this machine. */
export interface Packaging {
  /** What it runs, and the Debian package that brings it. */
  readonly programs: readonly (readonly [program: string, from: string])[]
  /** @throws UserError before anything is fetched */
  readonly check: (request: Pick<PackagesRequest, 'bundle' | 'base' | 'signal'>) => Promise<void>
  /**
   * Puts the packages with everything that they depend on into the pool, as a signed repository.
   * @throws UserError with the package manager's own reason
   */
  readonly collect: (request: PackagesRequest) => Promise<Collected>
}
