import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  controlPlanes,
  installAll,
  installNode,
  machineOf,
  type Node,
  powerOnAll,
} from '../cluster.effect.ts'
import { eventually, sleep } from '../exec.effect.ts'
import {
  cutPower,
  exists,
  install,
  machineNamed,
  powerOn,
  run,
  setLink,
  slowLink,
} from '../machine.effect.ts'
import { apiReady, etcdMembers, kubectl } from '../operator.effect.ts'
import { statusOf, waitUntilDone } from '../watch.effect.ts'
import { apart, type Fault, fileOn, rise, saidBy, secondsSince, statusOn } from './fault.effect.ts'

/** Minutes that an impatient operator would not wait. */
const patience = 10 * 60

const workerFirst: Fault = {
  name: 'worker-first',
  story:
    'a worker boots 10 minutes before any master: it says that it waits, and joins when there is something to join',
  from: 'blank',
  async run(cluster) {
    const worker = cluster.topology.nodes.find((node) => node.role === 'worker') as Node
    const { others } = apart(cluster, worker.name)
    await powerOn(machineOf(cluster, worker))
    await sleep(patience * 1000)
    await statusOn(
      cluster,
      worker,
      'waiting',
      ({ state, phase }) => state === 'waiting' && phase === 'join',
      60,
    )
    return `all done ${await rise(cluster, others, [worker])} s after the masters`
  },
}

const othersFirst: Fault = {
  name: 'first-master-late',
  story: 'the second and third master come first, the first one 5 minutes later: nobody else forms a cluster',
  from: 'blank',
  async run(cluster) {
    const [first, ...later] = controlPlanes(cluster)
    const rest = cluster.topology.nodes.filter((node) => node !== first)
    await powerOnAll(cluster, rest)
    await sleep(300_000)
    for (const node of later) {
      if (exists(machineOf(cluster, node), '/var/lib/leaven/init-started'))
        throw new Error(`${node.name} has formed a cluster`)
      await statusOn(cluster, node, 'waiting', ({ state }) => state === 'waiting', 60)
    }
    return `all done ${await rise(cluster, [first as Node], rest)} s after the first master`
  },
}

const races: Fault = {
  name: 'race-5',
  story: 'all machines at once, five times: the etcd joins never collide',
  from: 'blank',
  async run(cluster) {
    const times: number[] = []
    for (let round = 0; round < 5; round++) {
      if (round > 0) await installAll(cluster)
      times.push(await rise(cluster, cluster.topology.nodes))
      const members = await etcdMembers(cluster)
      if (members.length !== controlPlanes(cluster).length) throw new Error(`${members.length} etcd members`)
    }
    return `all done in ${times.join(', ')} s`
  },
}

const twins: Fault = {
  name: 'two-first-masters',
  story:
    'two machines claim to be the first master: there is no second cluster, the reason is said, and one going away is enough',
  from: 'blank',
  edit: withoutMac,
  async run(cluster) {
    const first = controlPlanes(cluster)[0] as Node
    const twin = machineNamed(cluster.lab, 'twin')
    await install(twin, { image: cluster.recipe.machine, seed: join(cluster.directory, 'seed', first.name) })
    await Promise.all([powerOn(twin), powerOnAll(cluster)])
    const said = await eventually('one of them says why', 180, async () => {
      const texts = [statusOf(cluster, first), statusAt(twin.directory)].map(
        (status) => `${status?.message}: ${status?.reason}`,
      )
      return texts.find((text) => /another machine|also has|claim/.test(text))
    })
    const formed = [machineOf(cluster, first), twin].filter((one) =>
      exists(one, '/var/lib/leaven/init-started'),
    )
    if (formed.length > 1) throw new Error('both form a cluster')
    await cutPower(formed[0]?.name === 'twin' ? machineOf(cluster, first) : twin)
    const start = Date.now()
    await waitUntilDone(cluster, start)
    await cutPower(twin)
    return `said “${said.slice(0, 60)}…”, all done ${secondsSince(start)} s after one went away`
  },
}

const partition: Fault = {
  name: 'partition-mid-join',
  story:
    'a joining master loses its network for a minute, in the middle: it finishes when the network is back',
  from: 'blank',
  async run(cluster) {
    const { node } = apart(cluster, (controlPlanes(cluster)[1] as Node).name)
    const start = Date.now()
    await powerOnAll(cluster)
    await fileOn(cluster, node, '/etc/kubernetes/pki/etcd/peer.crt')
    const at = secondsSince(start)
    await setLink(machineOf(cluster, node), 'down')
    await sleep(60_000)
    await setLink(machineOf(cluster, node), 'up')
    const { done } = await waitUntilDone(cluster, start)
    return `cut off at ${at} s, all done at ${done} s`
  },
}

const slow: Fault = {
  name: 'slow-joiner',
  story: 'one master has a line of 2 Mbit/s: it joins, late',
  from: 'blank',
  async run(cluster) {
    const last = controlPlanes(cluster).at(-1) as Node
    const start = Date.now()
    await powerOnAll(cluster)
    await slowLink(machineOf(cluster, last), 2000)
    const { done } = await waitUntilDone(cluster, start, cluster.topology.nodes, 900)
    return `all done at ${done} s`
  },
}

const expired: Fault = {
  name: 'token-expired',
  story:
    'the bootstrap token is gone, as 24 hours later: a new master still joins, a new worker is told what to do and does it',
  from: 'blank',
  async run(cluster) {
    const master = controlPlanes(cluster).at(-1) as Node
    const worker = cluster.topology.nodes.filter((node) => node.role === 'worker').at(-1) as Node
    const early = cluster.topology.nodes.filter((node) => node !== master && node !== worker)
    await rise(cluster, early)
    // What the controller manager's token cleaner does at its hour.
    const tokens = ['--field-selector', 'type=bootstrap.kubernetes.io/token']
    await kubectl(cluster, ['delete', 'secret', '-n', 'kube-system', ...tokens])
    const joined = await rise(cluster, [master], early)
    await powerOn(machineOf(cluster, worker))
    const said = await saidBy(cluster, worker, /token has expired/, 180)
    const command = /'(leaven [a-z ]+)'/.exec(said)?.[1]
    if (!command) throw new Error(`no command in: ${said}`)
    await run(machineOf(cluster, controlPlanes(cluster)[0] as Node), command.split(' '))
    const start = Date.now()
    await waitUntilDone(cluster, start)
    return `master joined in ${joined} s, worker ${secondsSince(start)} s after “${command}”`
  },
}

const lateImport: Fault = {
  name: 'import-at-first-boot',
  story: 'the images are only in the archive: every node imports them first',
  from: 'blank',
  async run(cluster) {
    for (const node of cluster.topology.nodes) await installNode(cluster, node, { archiveOnly: true })
    const took = await rise(cluster, cluster.topology.nodes)
    if (!(await apiReady(cluster))) throw new Error('the API went away')
    return `all done in ${took} s`
  },
}

/** Nodes that know themselves by name and address only. */
function withoutMac(blueprint: string): string {
  return blueprint
    .replaceAll(/, mac: [0-9a-f:]+/g, '')
    .replaceAll(/^ +mac: .*\n/gm, '')
    .replace('address: 10.88.0.100', '$&, interface: eth0')
}

function statusAt(directory: string): { message: string; reason: string } | undefined {
  try {
    return JSON.parse(readFileSync(join(directory, 'var/lib/leaven/status.json'), 'utf8')) as {
      message: string
      reason: string
    }
  } catch {
    return undefined
  }
}

export const orderFaults: readonly Fault[] = [
  workerFirst,
  othersFirst,
  races,
  twins,
  partition,
  slow,
  expired,
  lateImport,
]
