/** Does every text of a cluster fit the cloud that the blueprint names? */
import type { Diagnostic } from '../model/diagnostic.ts'
import type { ClusterPlan, GroupPlan } from '../model/plan.ts'
import * as registry from '../registry.ts'
import { fit } from './fit.ts'
import { renderUserData } from './user-data.ts'

/**
 * One problem for each text that is too large. Without secrets the texts are a few kilobytes smaller than they will be.
 */
export async function limitProblems(
  plan: ClusterPlan,
  groups: readonly GroupPlan[],
): Promise<readonly Diagnostic[]> {
  const cloud = registry.cloud.find(({ name }) => name === plan.cloud.provider)
  if (cloud?.userDataLimit === undefined) return []
  const found: Diagnostic[] = []
  for (const group of groups) {
    const fitted = await fit((how) => renderUserData(group, plan.name, how), cloud)
    if ('problem' in fitted)
      found.push({ ...fitted.problem, message: `${group.name}: ${fitted.problem.message}` })
  }
  return found
}
