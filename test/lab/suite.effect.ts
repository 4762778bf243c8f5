import { bareKubeadm } from './bare.effect.ts'
import { apiChecks, settled } from './checks/api.effect.ts'
import { type Check, runChecks } from './checks/check.effect.ts'
import { nodeChecks } from './checks/node.effect.ts'
import { type Cluster, machineOf } from './cluster.effect.ts'
import { output } from './exec.effect.ts'
import { chaos } from './faults/chaos.effect.ts'
import type { Fault } from './faults/fault.effect.ts'
import { orderFaults } from './faults/order.effect.ts'
import { powerFaults } from './faults/power.effect.ts'
import { worldFaults } from './faults/world.effect.ts'
import type { Lab } from './host.effect.ts'
import { allOff, blank, form, ready } from './lifecycle.effect.ts'
import { isOn, memoryOf, pathOn } from './machine.effect.ts'
import { journalOf } from './operator.effect.ts'
import type { Recipe } from './recipes.effect.ts'
import type { Row } from './report.ts'
import { explain, type Milestones, statusOf } from './watch.effect.ts'

export const faults: readonly Fault[] = [...powerFaults, ...orderFaults, ...worldFaults]
export const checks: readonly Check[] = [...apiChecks, ...nodeChecks]

/** The cluster that stands now, so that the next fault need not form its own. */
export type Stage = { readonly lab: Lab; readonly blueprint: string; cluster: Cluster | undefined }

/** Forms the topology, runs every check and measures what it costs. */
export async function runTopology(stage: Stage): Promise<Row> {
  const act = async () => {
    const recipe = await ready(stage.lab, stage.blueprint)
    const formed = await form(stage.lab, recipe, stage.blueprint)
    stage.cluster = formed.cluster
    return `${milestonesOf(formed.milestones)}; ${await costOf(formed.cluster)}`
  }
  return row(stage, stage.blueprint, act, [...checks, settled])
}

export async function runFault(stage: Stage, fault: Fault): Promise<Row> {
  console.log(`fault ${fault.name}: ${fault.story}`)
  return row(stage, fault.name, async () => {
    const recipe = await ready(stage.lab, stage.blueprint)
    if (fault.from === 'blank') stage.cluster = await blank(stage.lab, recipe, stage.blueprint, fault.edit)
    else stage.cluster ??= await formedAnew(stage, recipe)
    return fault.run(stage.cluster)
  })
}

async function formedAnew({ lab, blueprint }: Stage, recipe: Recipe): Promise<Cluster> {
  const { cluster, milestones } = await form(lab, recipe, blueprint)
  console.log(`  formed: ${milestonesOf(milestones)}`)
  return cluster
}

export async function runChaos(stage: Stage, seed: number, cuts: number): Promise<Row> {
  return row(stage, 'chaos', async () => {
    const recipe = await ready(stage.lab, stage.blueprint)
    stage.cluster = await blank(stage.lab, recipe, stage.blueprint)
    return chaos(stage.cluster, seed, cuts)
  })
}

/** The checker is checked: of a cluster without power nothing may be found good but what only reads our own files. */
export async function runDead(stage: Stage): Promise<Row> {
  const start = Date.now()
  console.log('every check of a cluster that has no power must fail')
  const recipe = await ready(stage.lab, stage.blueprint)
  const cluster = stage.cluster ?? (await formedAnew(stage, recipe))
  await allOff(stage.lab)
  const needPower = [...checks, settled].filter((check) => !check.offline)
  const results = await runChecks(cluster, needPower, () => undefined)
  const fooled = results.filter((result) => result.problem === undefined)
  for (const { name } of fooled) console.log(`  FAIL “${name}” holds of a dead cluster`)
  stage.cluster = undefined
  const passed = results.length - fooled.length
  return { what: 'dead-cluster', seconds: since(start), figure: '', passed, failed: fooled.length }
}

/** The yardstick: the same cluster by hand. */
export async function runBare(stage: Stage): Promise<Row> {
  const start = Date.now()
  const recipe = await ready(stage.lab, stage.blueprint)
  const bare = await bareKubeadm(await blank(stage.lab, recipe, stage.blueprint))
  stage.cluster = undefined
  const figure = `init ${bare.init} s + joins ${bare.joins.join(' + ')} s = ${bare.sum} s by hand, all Ready ${bare.ready} s after init began`
  return { what: 'bare-kubeadm', seconds: since(start), figure, passed: 1, failed: 0 }
}

/** Does it, then every check; a failure is explained and leaves no cluster for the next one. */
async function row(
  stage: Stage,
  what: string,
  act: () => Promise<string>,
  afterwards: readonly Check[] = checks,
): Promise<Row> {
  const start = Date.now()
  let figure: string
  try {
    figure = await act()
    console.log(`  ok   ${what}: ${figure}`)
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    console.log(`  FAIL ${what}: ${message}`)
    await explainFailure(stage)
    stage.cluster = undefined
    return { what, seconds: since(start), figure: message.split('\n')[0] ?? '', passed: 0, failed: 1 }
  }
  const results = await runChecks(stage.cluster as Cluster, afterwards)
  const failed = results.filter((result) => result.problem !== undefined).length
  if (failed > 0) {
    await explainFailure(stage)
    stage.cluster = undefined
  }
  return { what, seconds: since(start), figure, passed: 1 + results.length - failed, failed }
}

async function explainFailure({ cluster }: Stage): Promise<void> {
  if (!cluster) return
  console.log(explain(cluster))
  for (const node of cluster.topology.nodes) {
    const journal = await journalOf(cluster, node, 'leaven', 8).catch(() => '')
    if (journal) console.log(`--- ${node.name}\n${journal.trimEnd()}`)
    if (statusOf(cluster, node)?.state === 'done') continue
    // What kubeadm printed is gone with the disk otherwise.
    const story = await output(
      ['tail', '-n', '60', pathOn(machineOf(cluster, node), '/var/lib/leaven/leaven.log')],
      {
        allowFailure: true,
      },
    )
    console.log(story)
  }
}

export function milestonesOf(one: Milestones): string {
  return `VIP ${one.endpoint} s, first Ready ${one.firstReady} s, all Ready ${one.allReady} s, done ${one.done} s`
}

/** What the machines take of the host, apart from what they share. */
async function costOf(cluster: Cluster): Promise<string> {
  const machines = cluster.topology.nodes.map((node) => machineOf(cluster, node))
  const memory = machines.filter(isOn).reduce((sum, machine) => sum + memoryOf(machine), 0)
  const folders = machines.flatMap(({ directory }) => [`${directory}/upper`, `${directory}/var`])
  const sizes = await output(['du', '-cms', '--exclude=containerd', '--exclude=images', ...folders], {
    allowFailure: true,
  })
  const disk = Number(/^(\d+)\ttotal$/m.exec(sizes)?.[1] ?? 0)
  return `${memory} MiB of memory, ${Math.round(disk / machines.length)} MiB of disk a node`
}

function since(start: number): number {
  return (Date.now() - start) / 1000
}
