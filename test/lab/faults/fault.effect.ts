import { type Cluster, machineOf, type Node, nodeNamed } from '../cluster.effect.ts'
import { eventually } from '../exec.effect.ts'
import { cutPower, exists, powerOn } from '../machine.effect.ts'
import { type Status, statusOf, waitUntilDone } from '../watch.effect.ts'

/** One thing that goes wrong. Afterwards every check must hold again. */
export type Fault = {
  readonly name: string
  /** For people: what happens, and what must come of it. */
  readonly story: string
  /** What it starts from: a formed cluster, or blank machines that are all off. */
  readonly from: 'formed' | 'blank'
  /** Changes the blueprint of a blank cluster. */
  readonly edit?: (blueprint: string) => string
  /** Part of `--ci`. */
  readonly ci?: true
  /** @returns a figure or two for the table @throws when what must come of it does not */
  run(cluster: Cluster): Promise<string>
}

/** Seconds since then, to a tenth. @param start milliseconds since the epoch */
export function secondsSince(start: number): number {
  return Math.round((Date.now() - start) / 100) / 10
}

/** Power on in no particular order, then wait until these are Ready and done. @returns the time it took */
export async function rise(
  cluster: Cluster,
  nodes: readonly Node[],
  others: readonly Node[] = [],
): Promise<number> {
  const start = Date.now()
  await Promise.all(nodes.map((node) => powerOn(machineOf(cluster, node))))
  return (await waitUntilDone(cluster, start, [...nodes, ...others])).done
}

/** The plug is out for a few seconds: enough for peers to notice, too short for anyone to give up. */
export async function powerCycle(cluster: Cluster, node: Node, offFor = 5): Promise<void> {
  const machine = machineOf(cluster, node)
  await cutPower(machine)
  await new Promise((resolve) => setTimeout(resolve, offFor * 1000))
  await powerOn(machine)
}

/** Waits until a file shows on a node's disk; asks often, because the moment matters. */
export function fileOn(cluster: Cluster, node: Node, path: string, seconds = 300): Promise<true> {
  const machine = machineOf(cluster, node)
  return eventually(`${node.name}: ${path}`, seconds, async () => exists(machine, path), 20) as Promise<true>
}

/** Waits until a node's first boot says what is looked for. */
export function statusOn(
  cluster: Cluster,
  node: Node,
  what: string,
  matches: (status: Status) => boolean,
  seconds = 300,
): Promise<Status> {
  return eventually(
    `${node.name} says ${what}`,
    seconds,
    async () => {
      const status = statusOf(cluster, node)
      if (status && matches(status)) return status
      throw new Error(`it says ${JSON.stringify(status)}`)
    },
    50,
  )
}

/** Waits until a node tells people, in its message or its reason. @returns what it says */
export async function saidBy(cluster: Cluster, node: Node, words: RegExp, seconds = 240): Promise<string> {
  const text = (status: Status) => `${status.message}: ${status.reason}`
  return text(await statusOn(cluster, node, String(words), (status) => words.test(text(status)), seconds))
}

/** The node says what is wrong; that is mended, and everything else happens by itself. @returns what it said, and how long it took */
export async function mended(
  cluster: Cluster,
  node: Node,
  complaint: RegExp,
  mend: () => unknown,
): Promise<string> {
  const said = await saidBy(cluster, node, complaint)
  await mend()
  const start = Date.now()
  await waitUntilDone(cluster, start)
  return `said “${said.slice(0, 90)}…”, all done ${secondsSince(start)} s after it was mended`
}

/** The node `first` and all others, in declared order. */
export function apart(
  cluster: Cluster,
  name: string,
): { readonly node: Node; readonly others: readonly Node[] } {
  const node = nodeNamed(cluster, name)
  return { node, others: cluster.topology.nodes.filter((one) => one !== node) }
}
