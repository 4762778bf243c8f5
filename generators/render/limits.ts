/** Does every text of a cluster fit the cloud that the blueprint names? */
import type { Diagnostic } from '../model/diagnostic.ts'
import type { ClusterPlan, GroupPlan } from '../model/plan.ts'
import * as registry from '../registry.ts'
import type { Assets } from './file.ts'
import { fit } from './fit.ts'
import { renderUserData } from './user-data.ts'

/**
 * One problem for each text that is too large. Without secrets the texts are a few kilobytes smaller than they will be.
 */
export function limitProblems(
  plan: ClusterPlan,
  groups: readonly GroupPlan[],
  assets: Assets,
): readonly Diagnostic[] {
  const cloud = registry.cloud.find(({ name }) => name === plan.cloud.provider)
  if (cloud?.userDataLimit === undefined) return []
  return groups.flatMap((group) => {
    const fitted = fit((how) => renderUserData(group, plan.name, assets, how), cloud)
    if (!('problem' in fitted)) return []
    return [{ ...fitted.problem, message: `${group.name}: ${fitted.problem.message}` }]
  })
}
