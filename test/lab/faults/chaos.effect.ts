import { type Cluster, machineOf, powerOnAll } from '../cluster.effect.ts'
import { sleep } from '../exec.effect.ts'
import { cutPower, powerOn } from '../machine.effect.ts'
import { waitUntilDone } from '../watch.effect.ts'
import { secondsSince } from './fault.effect.ts'

/**
 * A soak: from the first power-on, cuts a random node's power at a random time and returns it, again and again.
 * The same seed gives the same nodes and pauses (what the cluster does meanwhile is its own).
 * One node at a time: a cut returns before the next one.
 */
export async function chaos(cluster: Cluster, seed: number, cuts: number): Promise<string> {
  console.log(`chaos: seed ${seed}, ${cuts} cuts`)
  const random = generator(seed)
  const { nodes } = cluster.topology
  const start = Date.now()
  await powerOnAll(cluster)
  for (let cut = 1; cut <= cuts; cut++) {
    await sleep(1000 + random() * 14_000)
    const node = nodes[Math.floor(random() * nodes.length)]
    const offFor = 500 + random() * 9500
    if (!node) throw new Error('the blueprint declares no nodes')
    console.log(
      `chaos: +${secondsSince(start)} s cut ${cut}: ${node.name} for ${Math.round(offFor / 100) / 10} s`,
    )
    await cutPower(machineOf(cluster, node))
    await sleep(offFor)
    await powerOn(machineOf(cluster, node))
  }
  const end = Date.now()
  await waitUntilDone(cluster, end, nodes, 900)
  return `seed ${seed}, ${cuts} cuts in ${secondsSince(start)} s, all done ${secondsSince(end)} s after the last`
}

/** mulberry32: 32 bits of state are enough to pick nodes and pauses. */
function generator(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
