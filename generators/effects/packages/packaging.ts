/** What the families of distributions have in common when packages are collected. */
import type { BundleContents } from '../../bundle/manifest.ts'
import type { BundlePlan } from '../../bundle/plan.ts'

export interface PackagesRequest {
  readonly bundle: BundlePlan
  /** Where packages and their repository go. */
  readonly pool: string
  readonly scratch: string
  /** Files of the repositories' keys, by the URL that they came from. */
  readonly keys: ReadonlyMap<string, string>
  /** What the nodes have installed already, as the package manager itself keeps it; undefined: nothing. */
  readonly base: string | undefined
  readonly signal: AbortSignal
  readonly onProgress: (progress: { readonly bytes: number; readonly total: number }) => void
}

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
