/** Every image of a cluster, who needs it, and why. */
import type { GroupPlan } from '../model/plan.ts'
import type { Role } from '../model/role.ts'
import { fullName } from './reference.ts'

export interface WantedImage {
  /** Full name with tag or digest. */
  readonly reference: string
  readonly why: readonly string[]
  /** Groups of nodes: `control-plane`, `workers`, or a pool. */
  readonly groups: readonly string[]
}

/** What an addon's manifest runs. */
export interface AddonImages {
  readonly addon: string
  /** Full names. */
  readonly references: readonly string[]
}

/**
 * @param role only what its nodes need; undefined for all
 * @param addons their pods may run on any node
 * @returns sorted by name
 */
export function listImages(
  groups: readonly GroupPlan[],
  role: Role | undefined,
  addons: readonly AddonImages[] = [],
): readonly WantedImage[] {
  const found = new Map<string, { why: Set<string>; groups: Set<string> }>()
  const add = (reference: string, why: string, group: string) => {
    const entry = found.get(reference) ?? { why: new Set(), groups: new Set() }
    found.set(reference, entry)
    entry.why.add(why)
    entry.groups.add(group)
  }
  for (const group of groups) {
    if (role !== undefined && group.role !== role) continue
    for (const { reference, why } of group.images) add(fullName(reference), why, group.name)
    for (const { addon, references } of addons)
      for (const reference of references) add(reference, `runs in addon ${addon}`, group.name)
  }
  return [...found]
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([reference, { why, groups: needed }]) => ({ reference, why: [...why], groups: [...needed] }))
}
