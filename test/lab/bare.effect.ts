import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { type Cluster, controlPlanes, machineOf, type Node, powerOnAll } from './cluster.effect.ts'
import { eventually } from './exec.effect.ts'
import { install, run } from './machine.effect.ts'
import { readyNodes } from './watch.effect.ts'

/** Seconds that `kubeadm` itself takes, by hand and one after another, on the same machines. */
export type Bare = {
  readonly init: number
  readonly joins: readonly number[]
  readonly sum: number
  readonly ready: number
}

/**
 * The cluster of the same blueprint, made as the manual says: no first boot, an address added by hand as VIP.
 * What has to be on the nodes before kubeadm is taken from gen's user-data and laid down before the clock runs.
 */
export async function bareKubeadm(cluster: Cluster): Promise<Bare> {
  for (const node of cluster.topology.nodes) await installBare(cluster, node)
  await powerOnAll(cluster)
  for (const node of cluster.topology.nodes) await layDown(cluster, node)
  const [first, ...masters] = controlPlanes(cluster)
  const { address } = cluster.topology.endpoint
  const init = first as Node
  const machine = machineOf(cluster, init)
  await run(machine, ['ip', 'address', 'add', `${address}/32`, 'dev', 'eth0'])

  const start = Date.now()
  const made = await run(machine, ['kubeadm', 'init', '--config', '/root/init.yaml', '--upload-certs'], {
    allowFailure: true,
  })
  if (made.code !== 0) {
    const telling =
      'journalctl -qu kubelet -o cat | grep -v "not found\\|connection refused" | tail -n 8; crictl ps -a'
    const why = await run(machine, ['bash', '-c', telling], { allowFailure: true })
    throw new Error(`kubeadm init: ${made.stderr.trim()}\n${why.stdout}`)
  }
  const initTook = seconds(start)
  const command = await run(machine, ['kubeadm', 'token', 'create', '--print-join-command'])
  const uploaded = await run(machine, ['kubeadm', 'init', 'phase', 'upload-certs', '--upload-certs'])
  const key = uploaded.stdout.trim().split('\n').at(-1) as string
  const words = command.stdout.trim().split(/\s+/)
  const joins: number[] = []
  for (const node of masters) {
    const control = [
      '--control-plane',
      '--certificate-key',
      key,
      '--apiserver-advertise-address',
      node.address,
    ]
    joins.push(await timed(cluster, node, [...words, ...control]))
  }
  for (const node of cluster.topology.nodes.filter((one) => one.role === 'worker')) {
    joins.push(await timed(cluster, node, words))
  }
  await eventually(
    'all nodes Ready',
    300,
    async () => (await readyNodes(cluster)).length === cluster.topology.nodes.length,
  )
  const sum = Math.round((initTook + joins.reduce((total, one) => total + one, 0)) * 10) / 10
  return { init: initTook, joins, sum, ready: seconds(start) }
}

async function timed(cluster: Cluster, node: Node, words: readonly string[]): Promise<number> {
  const start = Date.now()
  const ignored = ['--ignore-preflight-errors', 'DirAvailable--etc-kubernetes-manifests']
  await run(machineOf(cluster, node), [...words, ...ignored])
  return seconds(start)
}

function seconds(start: number): number {
  return Math.round((Date.now() - start) / 100) / 10
}

/** A seed that sets the name and the network, no more. */
async function installBare(cluster: Cluster, node: Node): Promise<void> {
  const seed = join(cluster.directory, 'bare', node.name)
  mkdirSync(seed, { recursive: true })
  const given = join(cluster.directory, 'seed', node.name)
  for (const file of ['meta-data', 'network-config'])
    writeFileSync(join(seed, file), readFileSync(join(given, file)))
  writeFileSync(join(seed, 'user-data'), '#cloud-config\nlocale: false\n')
  const mac = node.mac ? { mac: node.mac } : {}
  await install(machineOf(cluster, node), { image: cluster.recipe.machine, seed, ...mac })
}

/** Everything of gen's user-data that is no part of first boot itself: containerd, kernel, CNI, kubeadm's config. */
async function layDown(cluster: Cluster, node: Node): Promise<void> {
  const machine = machineOf(cluster, node)
  await eventually(`${node.name}: cloud-init`, 120, async () => {
    const told = await run(machine, ['cloud-init', 'status'], { allowFailure: true })
    return told.stdout.includes('done')
  })
  const text = readFileSync(join(cluster.directory, 'seed', node.name, 'user-data'), 'utf8')
  const { write_files: files } = parse(text) as { write_files: readonly { path: string; content: string }[] }
  const wanted =
    /^\/etc\/(containerd|modules-load\.d|sysctl\.d)\/|kubelet\.service|^\/etc\/leaven\/(cni|pod-routes|kubeadm\/init)/
  const podCidr = readPodCidr(files, node)
  for (const { path, content } of files.filter((file) => wanted.test(file.path))) {
    const filled = content
      .replaceAll('@NODE_NAME@', node.name)
      .replaceAll('@NODE_IP@', node.address)
      .replaceAll('@POD_CIDR@', podCidr)
    const to = path.endsWith('kubeadm/init.yaml')
      ? '/root/init.yaml'
      : path.replace(/^\/etc\/leaven\/cni\/?/, '/etc/cni/net.d/')
    await run(machine, ['bash', '-c', 'mkdir -p "${0%/*}" && cat > "$0"', to], { input: filled })
  }
  await run(machine, ['bash', '-c', prepareByHand(cluster, node)])
}

function prepareByHand(cluster: Cluster, node: Node): string {
  const hosts = cluster.topology.nodes.map((one) => `${one.address} ${one.name}`).join('\\n')
  const routes = cluster.topology.nodes
    .map((one, index) => ({ one, cidr: `10.244.${index}.0/24` }))
    .filter(({ one }) => one !== node)
    .map(({ one, cidr }) => `ip route replace ${cidr} via ${one.address}`)
  return [
    `printf '${hosts}\\n' >> /etc/hosts`,
    // Where kubelet's configuration looks; first boot would have put it there.
    'mkdir -p /etc/leaven && ln -sfn /etc/resolv.conf /etc/leaven/resolv.conf',
    'sysctl -q --system 2>/dev/null',
    'systemctl daemon-reload && systemctl restart containerd && systemctl enable -q kubelet',
    ...routes,
  ].join('\n')
}

function readPodCidr(files: readonly { path: string; content: string }[], node: Node): string {
  const nodes = files.find((file) => file.path === '/etc/leaven/tables')?.content ?? ''
  const row = nodes.split('\n').find((line) => line.startsWith(`nodes\t${node.name}\t`))
  return row?.split('\t')[7] ?? '-'
}
