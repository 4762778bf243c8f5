import { spawn } from 'node:child_process'
import { connect, createServer, type Socket } from 'node:net'
import { type Cluster, controlPlanes } from './cluster.effect.ts'
import { exec } from './exec.effect.ts'

/**
 * The load balancer that a blueprint with an external endpoint takes for granted: plain TCP, at the endpoint's
 * address, to whichever control plane accepts. It runs in the operator's network and ends with it.
 */
export async function startBalancer(cluster: Cluster): Promise<void> {
  const { address, port = 6443 } = cluster.topology.endpoint
  const { netns } = cluster.lab
  await exec(['ip', '-n', netns, 'address', 'replace', `${address}/32`, 'dev', 'br0'])
  const targets = controlPlanes(cluster).map((node) => node.address)
  const self = [process.execPath, process.argv[1] as string, 'balance', address, String(port), ...targets]
  spawn('nsenter', [`--net=/run/netns/${netns}`, '--', ...self], { detached: true, stdio: 'ignore' }).unref()
}

/** Serves until it is killed. @param targets addresses, tried in turn from a moving start */
export function balance(address: string, port: number, targets: readonly string[]): Promise<never> {
  let turn = 0
  const server = createServer((client) => {
    turn++
    join(client, port, [...targets.slice(turn % targets.length), ...targets.slice(0, turn % targets.length)])
  })
  server.listen(port, address)
  return new Promise(() => undefined)
}

function join(client: Socket, port: number, targets: readonly string[]): void {
  const [target, ...others] = targets
  if (!target) {
    client.destroy()
    return
  }
  const upstream = connect({ host: target, port, timeout: 1000 })
  const next = () => {
    upstream.destroy()
    join(client, port, others)
  }
  upstream.once('error', next).once('timeout', next)
  upstream.once('connect', () => {
    upstream.off('error', next).off('timeout', next).setTimeout(0)
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      one.on('error', () => other.destroy()).on('close', () => other.destroy())
      one.pipe(other)
    }
  })
}
