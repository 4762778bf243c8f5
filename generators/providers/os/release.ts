/** What we know of a distribution, as data in its `facts.json`. */
import type { Source } from '../../facts/facts.ts'
import type { AmazonImages, OsRelease } from '../provider.ts'

export interface Release extends OsRelease {
  /** What package repositories call the release: a code name, or the major number. */
  readonly repositoryName: string
  /** Series of containerd in the distribution's own repositories; null: none. */
  readonly containerdSeries: string | null
  /** Series of containerd.io in Docker's repository, where it no longer builds new ones; null: all. */
  readonly dockerSeries: readonly string[] | null
  /** The module that tracks connections; its IPv4 half was merged into it in kernel 4.19. */
  readonly conntrackModule: 'nf_conntrack' | 'nf_conntrack_ipv4'
  /** The firewall that the release's images bring; first boot opens ports in whichever it finds running. */
  readonly firewall: 'ufw' | 'firewalld' | 'none'
  /** Fingerprints of the keys that sign its rpm packages, 40 hex digits each. */
  readonly signingKeys?: readonly string[]
  /** When free security updates ended, `YYYY-MM-DD`; null: they go on. */
  readonly updatesEnded: string | null
}

export interface DistributionFacts {
  readonly amazonImages: AmazonImages
  readonly defaultRelease: string
  readonly releases: Readonly<Record<string, Release>>
  readonly sources: readonly Source[]
}
