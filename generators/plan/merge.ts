/** Folds contributions into one, in the order given; two owners of one path are a bug that names both. */
import { pinAddon, pinDownload } from '../lock/pin.ts'
import type { Contribution, FileSpec, KubeadmPatch } from '../model/contribution.ts'
import type { JsonObject } from '../model/json.ts'
import { mergePatch } from '../model/json.ts'
import type { Lock } from '../model/lock.ts'

export interface Owned {
  readonly owner: string
  readonly contribution: Contribution
}

export type Merged = {
  readonly [Key in keyof Contribution]-?: NonNullable<Contribution[Key]>
}

export interface PathConflict {
  readonly path: string
  readonly owners: readonly [string, string]
}

export function mergeContributions(
  parts: readonly Owned[],
  lock?: Lock,
): {
  merged: Merged
  conflicts: readonly PathConflict[]
} {
  const owners = new Map<string, string>()
  const conflicts: PathConflict[] = []
  const files: FileSpec[] = []
  for (const { owner, contribution } of parts)
    for (const file of contribution.files ?? []) {
      const earlier = owners.get(file.path)
      if (earlier === undefined) files.push(file)
      else conflicts.push({ path: file.path, owners: [earlier, owner] })
      owners.set(file.path, owner)
    }
  const all = parts.map((part) => part.contribution)
  const list = <Entry>(pick: (part: Contribution) => readonly Entry[] | undefined): readonly Entry[] =>
    distinct(all.flatMap((part) => pick(part) ?? []))
  const map = <Value>(pick: (part: Contribution) => Readonly<Record<string, Value>> | undefined) =>
    Object.assign({}, ...all.map((part) => pick(part) ?? {})) as Readonly<Record<string, Value>>
  return {
    merged: {
      files,
      fill: list((part) => part.fill),
      services: list((part) => part.services),
      ports: list((part) => part.ports),
      packages: list((part) => part.packages),
      repositories: list((part) => part.repositories),
      downloads: list((part) => part.downloads).map((download) => pinDownload(download, lock)),
      modules: list((part) => part.modules),
      sysctl: map((part) => part.sysctl),
      images: list((part) => part.images),
      addons: [...list((part) => part.addons)]
        .sort((one, other) => one.order - other.order)
        .map((addon) => pinAddon(addon, lock)),
      env: map((part) => part.env),
      cloudConfig: all.reduce<JsonObject>(
        (sum, part) => mergePatch(sum, part.cloudConfig ?? {}) as JsonObject,
        {},
      ),
      kubeadm: mergeKubeadm(all.map((part) => part.kubeadm ?? {})),
    },
    conflicts,
  }
}

function mergeKubeadm(patches: readonly KubeadmPatch[]): KubeadmPatch {
  const object = (pick: (patch: KubeadmPatch) => JsonObject | undefined): JsonObject =>
    patches.reduce<JsonObject>((sum, patch) => mergePatch(sum, pick(patch) ?? {}) as JsonObject, {})
  return {
    certSANs: distinct(patches.flatMap((patch) => patch.certSANs ?? [])),
    apiServerArgs: Object.assign({}, ...patches.map((patch) => patch.apiServerArgs)),
    controllerManagerArgs: Object.assign({}, ...patches.map((patch) => patch.controllerManagerArgs)),
    kubeletArgs: Object.assign({}, ...patches.map((patch) => patch.kubeletArgs)),
    kubeProxy: object((patch) => patch.kubeProxy),
    kubelet: object((patch) => patch.kubelet),
    ignorePreflight: distinct(patches.flatMap((patch) => patch.ignorePreflight ?? [])),
  }
}

/** Without repetitions, compared by content; the first stays in its place. */
function distinct<Entry>(entries: readonly Entry[]): readonly Entry[] {
  const seen = new Set<string>()
  return entries.filter((entry) => {
    const key = JSON.stringify(entry)
    if (seen.has(key)) return false
    seen.add(key)
    return true
  })
}
