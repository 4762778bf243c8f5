import { spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Cluster, controlPlanes, fetchAdminConf, machineOf, type Node } from './cluster.effect.ts'
import { exec } from './exec.effect.ts'
import { inNetwork } from './host.effect.ts'
import { isOn, pathOn } from './machine.effect.ts'

/** Where the cluster's API is reached from outside. */
export function endpointOf(cluster: Cluster): string {
  const { address, port = 6443 } = cluster.topology.endpoint
  return `${address}:${port}`
}

/** Whether `readyz` says ok with a certificate of *our* CA; anything else at that address is not our cluster. */
export async function apiReady(cluster: Cluster, at: string = endpointOf(cluster)): Promise<boolean> {
  const ca = ['--cacert', join(cluster.directory, 'ca.crt')]
  const argv = ['curl', '--silent', '--max-time', '2', ...ca, `https://${at}/readyz`]
  const answer = await inNetwork(cluster.lab, argv, { allowFailure: true })
  return answer.code === 0 && answer.stdout === 'ok'
}

/**
 * kubectl as the cluster's admin.
 * @param at which API server, default the endpoint
 * @returns standard output; an empty answer is still an answer, so callers must count what they expect
 */
export async function kubectl(
  cluster: Cluster,
  args: readonly string[],
  options: { readonly at?: string; readonly input?: string } = {},
): Promise<string> {
  const server = `https://${options.at ?? endpointOf(cluster)}`
  const config = ['--kubeconfig', fetchAdminConf(cluster), '--server', server, '--request-timeout=6s']
  const argv = [join(cluster.recipe.binaries, 'kubectl'), ...config, ...args]
  const done = await inNetwork(cluster.lab, argv, {
    timeout: 20_000,
    ...(options.input ? { input: options.input } : {}),
  })
  return done.stdout.trimEnd()
}

export async function kubectlJson<T>(cluster: Cluster, args: readonly string[]): Promise<T> {
  return JSON.parse(await kubectl(cluster, [...args, '-o', 'json'])) as T
}

export type EtcdMember = {
  readonly ID: number
  readonly name: string
  readonly peerURLs: readonly string[]
  readonly clientURLs?: readonly string[]
  readonly isLearner?: boolean
}

/** The members as one running control plane knows them. */
export async function etcdMembers(cluster: Cluster): Promise<readonly EtcdMember[]> {
  const listed = await etcdctl(cluster, ['member', 'list', '-w', 'json'])
  return (JSON.parse(listed) as { members: EtcdMember[] }).members
}

/** Names of the control planes whose etcd serves a linearizable read. */
export async function healthyEtcds(cluster: Cluster): Promise<readonly string[]> {
  const healthy: string[] = []
  for (const node of controlPlanes(cluster)) {
    if (!isOn(machineOf(cluster, node))) continue
    const answer = await etcdctl(cluster, ['get', 'health'], node).catch(() => undefined)
    if (answer !== undefined) healthy.push(node.name)
  }
  return healthy
}

async function etcdctl(cluster: Cluster, args: readonly string[], node?: Node): Promise<string> {
  const on = controlPlanes(cluster).filter((one) => isOn(machineOf(cluster, one)))
  const asked = node ? [node] : on
  let last = 'no control plane is on'
  for (const one of asked) {
    const pki = pathOn(machineOf(cluster, one), '/etc/kubernetes/pki/etcd')
    const tls = ['--cacert', `${pki}/ca.crt`, '--cert', `${pki}/server.crt`, '--key', `${pki}/server.key`]
    const argv = [
      join(cluster.recipe.binaries, 'etcdctl'),
      '--endpoints',
      `https://${one.address}:2379`,
      ...tls,
    ]
    const options = { env: { ETCDCTL_API: '3' }, timeout: 10_000, allowFailure: true }
    const done = await inNetwork(cluster.lab, [...argv, ...args], options)
    if (done.code === 0) return done.stdout
    last = `${one.name}: ${done.stderr.trim()}`
  }
  throw new Error(`etcd: ${last}`)
}

export type Probe = {
  /** Ends the probe. @returns seconds between the last good answer before the first bad one and the next good one */
  stop(): Gap
}

/** Seconds without API; `undefined` while it never failed, `unfinished` when it never came back. */
export type Gap = { readonly seconds: number; readonly unfinished: boolean }

/** Asks the endpoint ten times a second, from one process inside the machines' network. */
export function probeApi(cluster: Cluster): Probe {
  const file = join(cluster.directory, 'probe.log')
  const out = openSync(file, 'w')
  const script =
    'while :; do a=$(curl -s -m 1 --cacert "$1" "https://$2/readyz"); echo "$(date +%s%3N) ${a:-none}"; sleep 0.1; done'
  const ca = join(cluster.directory, 'ca.crt')
  const argv = [
    `--net=/run/netns/${cluster.lab.netns}`,
    '--',
    'bash',
    '-c',
    script,
    'probe',
    ca,
    endpointOf(cluster),
  ]
  const child = spawn('nsenter', argv, { stdio: ['ignore', out, 'ignore'] })
  return {
    stop() {
      child.kill('SIGKILL')
      closeSync(out)
      return longestGap(readFileSync(file, 'utf8'))
    },
  }
}

/** Lines `milliseconds answer` → the longest time between two answers `ok` with something else between. */
export function longestGap(log: string): Gap {
  let lastOk: number | undefined
  let bad = false
  let longest = 0
  for (const line of log.trim().split('\n')) {
    const [time, answer] = line.split(' ')
    if (answer !== 'ok') {
      bad = true
      continue
    }
    if (bad && lastOk !== undefined) longest = Math.max(longest, Number(time) - lastOk)
    bad = false
    lastOk = Number(time)
  }
  return { seconds: longest / 1000, unfinished: bad }
}

/** The last lines of a unit's journal, read from the disk: also of a machine that is off. */
export async function journalOf(cluster: Cluster, node: Node, unit: string, lines: number): Promise<string> {
  const journal = join(machineOf(cluster, node).directory, 'var/log/journal')
  const argv = ['journalctl', '-D', journal, '-u', unit, '-n', String(lines), '-o', 'short-iso', '--no-pager']
  return (await exec(argv, { allowFailure: true })).stdout
}
