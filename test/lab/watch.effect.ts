import { readFileSync } from 'node:fs'
import { type Cluster, machineOf, type Node } from './cluster.effect.ts'
import { eventually } from './exec.effect.ts'
import { isOn, pathOn } from './machine.effect.ts'
import { apiReady, kubectl } from './operator.effect.ts'

/** Seconds after the first power-on. */
export type Milestones = {
  readonly endpoint: number
  readonly firstReady: number
  readonly allReady: number
  /** Every node's first boot says done. */
  readonly done: number
}

/**
 * Watches from outside until every one of the nodes is Ready and its first boot done.
 * @param since milliseconds since the epoch
 */
export async function waitUntilDone(
  cluster: Cluster,
  since: number,
  nodes: readonly Node[] = cluster.topology.nodes,
  seconds = 600,
): Promise<Milestones> {
  const elapsed = () => Math.round((Date.now() - since) / 100) / 10
  await eventually('the endpoint answers readyz', seconds, () => apiReady(cluster), 250)
  const endpoint = elapsed()
  let firstReady: number | undefined
  await eventually(
    'every node is Ready',
    seconds - endpoint,
    async () => {
      const ready = await readyNodes(cluster)
      if (ready.length > 0) firstReady ??= elapsed()
      const missing = nodes.filter((node) => !ready.includes(node.name))
      if (missing.length > 0) throw new Error(explain(cluster, missing))
      return true
    },
    500,
  )
  const allReady = elapsed()
  await eventually(
    'first boot is done everywhere',
    seconds - allReady,
    async () => {
      const late = nodes.filter((node) => statusOf(cluster, node)?.state !== 'done')
      if (late.length > 0) throw new Error(explain(cluster, late))
      return true
    },
    250,
  )
  return { endpoint, firstReady: firstReady ?? allReady, allReady, done: elapsed() }
}

export async function readyNodes(cluster: Cluster): Promise<readonly string[]> {
  const path = '{range .items[*]}{.metadata.name} {.status.conditions[?(@.type=="Ready")].status}{"\\n"}{end}'
  const listed = await kubectl(cluster, ['get', 'nodes', '-o', `jsonpath=${path}`])
  return [...listed.matchAll(/^(\S+) True$/gm)].map((match) => match[1] as string)
}

/** What the node's own first boot says about itself. */
export type Status = {
  readonly phase: string
  readonly state: 'running' | 'waiting' | 'failed' | 'done'
  readonly message: string
  readonly reason: string
  readonly node: string
}

export function statusOf(cluster: Cluster, node: Node): Status | undefined {
  const machine = machineOf(cluster, node)
  for (const file of ['/run/leaven/status.json', '/var/lib/leaven/status.json']) {
    try {
      return JSON.parse(readFileSync(pathOn(machine, file), 'utf8')) as Status
    } catch {
      // not there yet, or off
    }
  }
  return undefined
}

/** One line a node: where it is and why it waits. */
export function explain(cluster: Cluster, nodes: readonly Node[] = cluster.topology.nodes): string {
  return nodes
    .map((node) => {
      const machine = machineOf(cluster, node)
      const status = statusOf(cluster, node)
      const power = isOn(machine) ? '' : ' (off)'
      if (!status) return `${node.name}${power}: first boot has not begun`
      const why = status.reason ? `: ${status.reason}` : ''
      return `${node.name}${power}: ${status.phase}, ${status.state}: ${status.message}${why}`
    })
    .join('\n')
}
