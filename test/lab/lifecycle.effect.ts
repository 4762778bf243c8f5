import { startBalancer } from './balancer.effect.ts'
import { type Cluster, compile, installAll, kubernetesOf, powerOnAll } from './cluster.effect.ts'
import { endPrograms, installPackages, type Lab, obstacles, prepareHost, removeHost } from './host.effect.ts'
import { cutPower, machinesOf } from './machine.effect.ts'
import { prepare, type Recipe } from './recipes.effect.ts'
import { type Milestones, waitUntilDone } from './watch.effect.ts'

/** The operator's address on the machines' network; the blueprints name it as gateway. */
const gateway = '10.88.0.1/24'

/** Checks the host, builds what is missing and makes the network. @throws naming what this host lacks */
export async function ready(lab: Lab, blueprint: string): Promise<Recipe> {
  const reasons = obstacles()
  if (reasons.length > 0)
    throw new Error(`the lab cannot run here:\n${reasons.map((one) => `  ${one}`).join('\n')}`)
  await installPackages()
  const recipe = await prepare(kubernetesOf(blueprint))
  await prepareHost(lab, gateway)
  return recipe
}

export type Formed = { readonly cluster: Cluster; readonly milestones: Milestones }

/** A new cluster of the blueprint: blank machines, all powered on at once. Machines of an earlier one are gone. */
export async function form(
  lab: Lab,
  recipe: Recipe,
  blueprint: string,
  edit?: (text: string) => string,
): Promise<Formed> {
  const cluster = await blank(lab, recipe, blueprint, edit)
  const start = Date.now()
  await powerOnAll(cluster)
  return { cluster, milestones: await waitUntilDone(cluster, start) }
}

/** The same, but all machines are still off. */
export async function blank(
  lab: Lab,
  recipe: Recipe,
  blueprint: string,
  edit?: (text: string) => string,
): Promise<Cluster> {
  await allOff(lab)
  const cluster = await compile(lab, recipe, blueprint, edit)
  await installAll(cluster)
  if (cluster.topology.endpoint.provider === 'external') await startBalancer(cluster)
  return cluster
}

export async function allOff(lab: Lab): Promise<void> {
  await Promise.all(machinesOf(lab).map(cutPower))
  await endPrograms(lab)
}

/** Removes the lab, however it was left. */
export async function down(lab: Lab): Promise<void> {
  await allOff(lab)
  await removeHost(lab)
}
