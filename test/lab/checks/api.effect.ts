import { addressesOf, type Cluster, controlPlanes, machineOf } from '../cluster.effect.ts'
import { eventually } from '../exec.effect.ts'
import { inNetwork } from '../host.effect.ts'
import { run } from '../machine.effect.ts'
import { apiReady, endpointOf, etcdMembers, healthyEtcds, kubectl, kubectlJson } from '../operator.effect.ts'
import { readyNodes } from '../watch.effect.ts'
import { type Check, expectEqual, expectThat, nodesOn } from './check.effect.ts'

type List<T> = { readonly items: readonly T[] }
type Pod = {
  readonly metadata: {
    readonly name: string
    readonly labels?: Readonly<Record<string, string>>
    readonly annotations?: Readonly<Record<string, string>>
  }
  readonly spec: { readonly nodeName?: string }
  readonly status: {
    readonly podIP?: string
    readonly containerStatuses?: readonly { readonly state: { readonly running?: object } }[]
    readonly conditions?: readonly { readonly type: string; readonly status: string }[]
  }
}
type KubernetesNode = {
  readonly metadata: { readonly name: string; readonly labels: Readonly<Record<string, string>> }
  readonly spec: { readonly taints?: readonly { key: string; value?: string; effect: string }[] }
  readonly status: { readonly addresses: readonly { readonly type: string; readonly address: string }[] }
}

const nodes: Check = {
  name: 'every declared node is Ready, and no other is there',
  run: (cluster) =>
    eventually('Ready nodes', 120, async () => {
      const wanted = nodesOn(cluster)
        .map((node) => node.name)
        .sort()
      expectEqual('Ready', [...(await readyNodes(cluster))].sort(), wanted)
      const { items } = await kubectlJson<List<KubernetesNode>>(cluster, ['get', 'nodes'])
      const declared = cluster.topology.nodes.map((node) => node.name).sort()
      expectEqual('nodes', items.map((item) => item.metadata.name).sort(), declared)
      return true
    }),
}

const etcd: Check = {
  name: 'etcd: one started voter per control plane, all healthy',
  async run(cluster) {
    const wanted = controlPlanes(cluster)
      .map((node) => node.name)
      .sort()
    const members = await etcdMembers(cluster)
    expectEqual('members', members.map((member) => member.name).sort(), wanted)
    for (const member of members) {
      expectThat(!member.isLearner, `${member.name} is still a learner`)
      expectThat((member.clientURLs ?? []).length > 0, `${member.name} has not started`)
    }
    const on = nodesOn(cluster, 'control-plane').map((node) => node.name)
    await eventually('healthy etcds', 60, async () => {
      expectEqual('healthy', [...(await healthyEtcds(cluster))].sort(), [...on].sort())
      return true
    })
  },
}

const holder: Check = {
  name: 'exactly one control plane holds the VIP',
  async run(cluster) {
    const { provider, address } = cluster.topology.endpoint
    const holders: string[] = []
    for (const node of nodesOn(cluster)) {
      if ((await addressesOf(cluster, node)).includes(address)) holders.push(node.name)
    }
    const wanted = provider === 'external' ? 0 : 1
    expectThat(holders.length === wanted, `${holders.length} holders: ${holders.join(', ')}`)
    const planes = controlPlanes(cluster).map((node) => node.name)
    expectThat(
      holders.every((name) => planes.includes(name)),
      `${holders.join()} is no control plane`,
    )
  },
}

const ca: Check = {
  name: 'the endpoint is ready under our CA, and unknown to every other',
  async run(cluster) {
    expectThat(await apiReady(cluster), 'readyz is not ok under our CA')
    const stranger = await inNetwork(
      cluster.lab,
      ['curl', '--silent', '--max-time', '3', `https://${endpointOf(cluster)}/readyz`],
      { allowFailure: true },
    )
    expectThat(stranger.code === 60, `curl without our CA ended with ${stranger.code}, wanted 60`)
  },
}

const system: Check = {
  name: 'every kube-system pod is there; static ones run, all others are Ready',
  run: (cluster) => systemPods(cluster, (pod) => (isStatic(pod) ? isRunning(pod) : isReady(pod))),
}

/** Apart, and only once a topology: a kubelet of old tells of a static pod's readiness up to 90 s late. */
export const settled: Check = {
  name: 'every kube-system pod is Ready',
  run: (cluster) => systemPods(cluster, isReady),
}

async function systemPods(cluster: Cluster, isGood: (pod: Pod) => boolean): Promise<void> {
  const planes = nodesOn(cluster, 'control-plane')
  const vip = cluster.topology.endpoint.provider === 'kube-vip' ? ['kube-vip'] : []
  const statics = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kube-scheduler', ...vip]
  const wanted = planes.flatMap((node) => statics.map((name) => `${name}-${node.name}`))
  await eventually('kube-system', 240, async () => {
    const { items } = await kubectlJson<List<Pod>>(cluster, ['get', 'pods', '-n', 'kube-system'])
    const names = items.map((pod) => pod.metadata.name)
    const missing = wanted.filter((name) => !names.includes(name))
    expectThat(missing.length === 0, `missing: ${missing.join(', ')}`)
    const on = new Set(nodesOn(cluster).map((node) => node.name))
    const proxies = items.filter((pod) => pod.metadata.labels?.['k8s-app'] === 'kube-proxy')
    expectThat(proxies.length >= on.size, `${proxies.length} kube-proxies for ${on.size} nodes`)
    const unfit = items.filter((pod) => on.has(pod.spec.nodeName ?? '') && !isGood(pod))
    const unplaced = items.filter((pod) => !pod.spec.nodeName)
    const bad = [...unfit, ...unplaced].map((pod) => pod.metadata.name)
    expectThat(bad.length === 0, `not Ready: ${bad.join(', ')}`)
    return true
  })
}

const spread: Check = {
  name: 'CoreDNS: two replicas Ready, on different nodes',
  run: (cluster) =>
    eventually('CoreDNS', 180, async () => {
      nodesOn(cluster)
      const ready = (await coreDns(cluster)).filter(isReady)
      expectEqual('Ready replicas', ready.length, 2)
      const on = new Set(ready.map((pod) => pod.spec.nodeName))
      const able = cluster.topology.nodes.filter((node) => !node.taints?.length).length
      expectEqual('nodes', on.size, Math.min(2, able))
      return true
    }).catch(async (cause: Error) => {
      throw new Error(`${cause.message}\n${await spreading(cluster)}`)
    }),
}

/** What whoever spreads it says of it: the pods, the init node's marks, and what it is doing. */
async function spreading(cluster: Cluster): Promise<string> {
  const pods = await kubectl(cluster, [
    'get',
    'pods',
    '-n',
    'kube-system',
    '-l',
    'k8s-app=kube-dns',
    '-o',
    'wide',
  ])
  const [first] = controlPlanes(cluster)
  if (first === undefined) return pods
  const look = 'ls -l --time-style=full-iso /var/lib/leaven; cat /run/leaven/err; pgrep -af "kubectl|sleep"'
  const told = await run(machineOf(cluster, first), ['bash', '-c', look], { allowFailure: true })
  return `${pods}\n${told.stdout}`
}

const writes: Check = {
  name: 'what is written through the endpoint is read from every API server',
  async run(cluster) {
    const value = `v${Date.now()}`
    const create = [
      'create',
      'configmap',
      'lab',
      `--from-literal=value=${value}`,
      '--dry-run=client',
      '-o',
      'yaml',
    ]
    await kubectl(cluster, ['apply', '-f', '-'], { input: await kubectl(cluster, create) })
    for (const node of nodesOn(cluster, 'control-plane')) {
      const read = ['get', 'configmap', 'lab', '-o', 'jsonpath={.data.value}']
      const seen = await kubectl(cluster, read, { at: `${node.address}:6443` })
      expectEqual(node.name, seen, value)
    }
  },
}

const declared: Check = {
  name: 'labels, taints and addresses are as declared; no node IP is the VIP',
  run: (cluster) =>
    eventually('nodes as declared', 60, async () => {
      nodesOn(cluster)
      const { items } = await kubectlJson<List<KubernetesNode>>(cluster, ['get', 'nodes'])
      for (const node of cluster.topology.nodes) {
        const item = items.find((one) => one.metadata.name === node.name)
        if (!item) throw new Error(`${node.name} is missing`)
        const internal = item.status.addresses.filter((one) => one.type === 'InternalIP')
        expectEqual(
          `${node.name} InternalIP`,
          internal.map((one) => one.address),
          [node.address],
        )
        for (const [key, value] of Object.entries(node.labels ?? {})) {
          expectEqual(`${node.name} label ${key}`, item.metadata.labels[key], value)
        }
        const taints = (item.spec.taints ?? []).map((one) => `${one.key}=${one.value ?? ''}:${one.effect}`)
        for (const { key, value = '', effect } of node.taints ?? []) {
          expectThat(
            taints.includes(`${key}=${value}:${effect}`),
            `${node.name} taints: ${taints.join(', ')}`,
          )
        }
        if (node.role !== 'control-plane') continue
        const role = Object.keys(item.metadata.labels).filter((key) =>
          /node-role.*\/(master|control-plane)$/.test(key),
        )
        expectThat(role.length > 0, `${node.name} has no control-plane label`)
        expectThat(
          taints.some((one) => /node-role.*NoSchedule$/.test(one)),
          `${node.name} has no control-plane taint`,
        )
      }
      return true
    }),
}

const network: Check = {
  name: 'service IP and cluster DNS work from every node',
  async run(cluster) {
    const service = serviceAddress(cluster.topology.network?.serviceSubnet, 1)
    const dns = serviceAddress(cluster.topology.network?.serviceSubnet, 10)
    const pods = (await coreDns(cluster)).filter(isReady).map((pod) => pod.status.podIP ?? 'none')
    expectEqual('CoreDNS addresses', pods.length, 2)
    for (const node of nodesOn(cluster)) {
      const machine = machineOf(cluster, node)
      // Several times: kube-proxy picks an endpoint by chance.
      for (let times = 0; times < 6; times++) {
        const answer = await run(machine, ['curl', '-sk', '--max-time', '5', `https://${service}/readyz`])
        expectEqual(`${node.name} → ${service}`, answer.stdout, 'ok')
      }
      for (const server of [dns, ...pods]) {
        const answer = await run(machine, ['python3', '-c', dnsQuery, server], { timeout: 20_000 })
        expectEqual(`${node.name} asks ${server}`, answer.stdout.trim(), service)
      }
    }
  },
}

const podToPod: Check = {
  name: 'a pod on one node reaches a pod on another, and the service IP',
  async run(cluster) {
    const service = serviceAddress(cluster.topology.network?.serviceSubnet, 1)
    const pods = (await coreDns(cluster)).filter(isReady)
    expectEqual('CoreDNS pods', pods.length, 2)
    for (const [from, to] of [
      [pods[0], pods[1]],
      [pods[1], pods[0]],
    ] as const) {
      const node = cluster.topology.nodes.find((one) => one.name === from?.spec.nodeName)
      if (!node || !to?.status.podIP) throw new Error('a CoreDNS pod has no node or address')
      const inside = 'pid=$(pgrep -xo coredns) && exec nsenter -t "$pid" -n -- "$@"'
      const inPod = ['bash', '-c', inside, 'in-pod']
      const machine = machineOf(cluster, node)
      const asked = await run(machine, [...inPod, 'python3', '-c', dnsQuery, to.status.podIP], {
        timeout: 20_000,
      })
      expectEqual(`pod on ${node.name} asks ${to.spec.nodeName}`, asked.stdout.trim(), service)
      const api = await run(machine, [
        ...inPod,
        'curl',
        '-sk',
        '--max-time',
        '5',
        `https://${service}/readyz`,
      ])
      expectEqual(`pod on ${node.name} → ${service}`, api.stdout, 'ok')
    }
  },
}

async function coreDns(cluster: Cluster): Promise<readonly Pod[]> {
  const query = ['get', 'pods', '-n', 'kube-system', '-l', 'k8s-app=kube-dns']
  return (await kubectlJson<List<Pod>>(cluster, query)).items
}

function isStatic(pod: Pod): boolean {
  return pod.metadata.annotations?.['kubernetes.io/config.mirror'] !== undefined
}

function isRunning({ status: { containerStatuses = [] } }: Pod): boolean {
  return containerStatuses.length > 0 && containerStatuses.every(({ state }) => state.running !== undefined)
}

function isReady(pod: Pod): boolean {
  return pod.status.conditions?.some((one) => one.type === 'Ready' && one.status === 'True') ?? false
}

/** The nth address of the service subnet, which the lab's blueprints leave aligned at a byte. */
export function serviceAddress(subnet: string | undefined, nth: number): string {
  return (subnet ?? '10.96.0.0/12').replace(/\.\d+\/\d+$/, `.${nth}`)
}

/** Asks argv[1] for the API service's A record and prints it. */
const dnsQuery = `
import socket, struct, sys
name = b"".join(bytes([len(p)]) + p for p in b"kubernetes.default.svc.cluster.local".split(b"."))
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(5)
s.sendto(struct.pack(">HHHHHH", 7, 0x100, 1, 0, 0, 0) + name + b"\\0\\0\\1\\0\\1", (sys.argv[1], 53))
print(socket.inet_ntoa(s.recv(512)[-4:]))
`

export const apiChecks: readonly Check[] = [
  nodes,
  etcd,
  holder,
  ca,
  system,
  spread,
  writes,
  declared,
  network,
  podToPod,
]
