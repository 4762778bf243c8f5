/** What differs between versions of containerd. */

import facts from './containerd.json' with { type: 'json' }
import type { KubernetesFacts } from './facts.ts'
import { inRange, parseVersion } from './version.ts'

export interface ContainerdFacts {
  readonly version: string
  /** `version` of config.toml: 2 with one CRI plugin, 3 with `io.containerd.cri.v1.runtime` and `….images`. */
  readonly configVersion: 2 | 3
  /** Where registry mirrors go: a folder with one hosts.toml per registry, or config.toml itself. */
  readonly mirrors: 'certs.d' | 'inline'
  readonly criV1: boolean
  readonly criV1alpha2: boolean
  /** What it runs pods in when it is not told; Kubernetes' own differs, so always tell it. */
  readonly sandboxImage: string
}

/** Facts of `1.7.28`, `v1.7.28` or `1.7`; undefined when it is no version or one that we know nothing of. */
export function lookupContainerd(version: string): ContainerdFacts | undefined {
  if (parseVersion(version) === undefined) return undefined
  const series = facts.series.find((candidate) => inRange(version, candidate))
  if (series === undefined) return undefined
  const { configVersion, mirrors, criV1, criV1alpha2, sandboxImage } = series
  return {
    version: version.replace(/^v/, ''),
    configVersion: configVersion === 2 ? 2 : 3,
    mirrors: mirrors === 'inline' ? 'inline' : 'certs.d',
    criV1,
    criV1alpha2,
    sandboxImage,
  }
}

/**
 * `impossible`: they share no CRI version. `untested`: containerd's own table does not name the pair.
 * `1.7` stands for its newest patch.
 */
export function containerdFits(
  kubernetes: KubernetesFacts,
  containerd: ContainerdFacts,
): 'recommended' | 'untested' | 'impossible' {
  const { criV1, criV1Only } = kubernetes.supports
  const shared = (criV1 && containerd.criV1) || (!criV1Only && containerd.criV1alpha2)
  if (!shared) return 'impossible'
  const parts = parseVersion(containerd.version) ?? []
  const version = parts.length === 2 ? `${containerd.version}.9999` : containerd.version
  return kubernetes.containerd.supported.some((range) => inRange(version, range)) ? 'recommended' : 'untested'
}
