import { spawn } from 'node:child_process'
import { copyFileSync, renameSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { controlPlanes, installNode, machineOf, type Node, powerOnAll } from '../cluster.effect.ts'
import { exec, sleep } from '../exec.effect.ts'
import { inNetwork } from '../host.effect.ts'
import { exists, run, setClock } from '../machine.effect.ts'
import { endpointOf } from '../operator.effect.ts'
import { waitUntilDone } from '../watch.effect.ts'
import { type Fault, mended, saidBy, secondsSince, statusOn } from './fault.effect.ts'

const foreign: Fault = {
  name: 'foreign-cluster',
  story: 'another cluster answers at the VIP: everyone refuses it and says so; when it is gone ours forms',
  from: 'blank',
  async run(cluster) {
    const { address } = cluster.topology.endpoint
    const ip = ['ip', '-n', cluster.lab.netns, 'address']
    const files = join(cluster.directory, 'foreign')
    await exec(
      [
        'openssl',
        'req',
        '-x509',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:P-256',
        '-nodes',
        '-days',
        '2',
      ].concat(
        ['-subj', '/CN=kubernetes', '-addext', `subjectAltName=IP:${address}`],
        ['-keyout', `${files}.key`, '-out', `${files}.crt`],
      ),
    )
    await exec([...ip, 'add', `${address}/32`, 'dev', 'br0'])
    const serve = ['openssl', 's_server', '-accept', endpointOf(cluster), '-www', '-quiet']
    const argv = [
      `--net=/run/netns/${cluster.lab.netns}`,
      '--',
      ...serve,
      '-key',
      `${files}.key`,
      '-cert',
      `${files}.crt`,
    ]
    const server = spawn('nsenter', argv, { stdio: 'ignore' })
    try {
      await powerOnAll(cluster)
      const first = controlPlanes(cluster)[0] as Node
      for (const node of cluster.topology.nodes) {
        await saidBy(cluster, node, /refused|not this cluster/)
      }
      await sleep(20_000)
      if (exists(machineOf(cluster, first), '/var/lib/leaven/init-started'))
        throw new Error('a cluster was formed beside it')
    } finally {
      server.kill('SIGKILL')
      await exec([...ip, 'delete', `${address}/32`, 'dev', 'br0'])
    }
    const start = Date.now()
    await waitUntilDone(cluster, start)
    return `all done ${secondsSince(start)} s after it was gone`
  },
}

const clock: Fault = {
  name: 'clock-off',
  story: "one master's clock is 2 hours behind: it says so and waits; set right, it joins",
  from: 'blank',
  async run(cluster) {
    const node = controlPlanes(cluster)[1] as Node
    setClock(machineOf(cluster, node), -7200)
    await powerOnAll(cluster)
    return mended(cluster, node, /clock/, () => setClock(machineOf(cluster, node), 0))
  },
}

const dns: Fault = {
  name: 'dns-dead',
  story: 'the name server answers nothing at all: slower, no more',
  from: 'blank',
  async run(cluster) {
    const rule = ['-p', 'udp', '--dport', '53', '-j', 'DROP']
    await inNetwork(cluster.lab, ['iptables', '-I', 'INPUT', ...rule])
    try {
      const start = Date.now()
      await powerOnAll(cluster)
      const { done } = await waitUntilDone(cluster, start)
      return `all done at ${done} s`
    } finally {
      await inNetwork(cluster.lab, ['iptables', '-D', 'INPUT', ...rule])
    }
  },
}

const full: Fault = {
  name: 'disk-full',
  story: '/var runs full while the images are imported: said; freed, it goes on by itself',
  from: 'blank',
  async run(cluster) {
    const node = controlPlanes(cluster)[1] as Node
    const machine = machineOf(cluster, node)
    await installNode(cluster, node, { size: 4096 })
    await powerOnAll(cluster)
    const fill = 'fallocate -l $(( $(df --output=avail -B1 /var | tail -1) - 100000000 )) /var/ballast'
    await run(machine, ['bash', '-c', fill])
    return mended(cluster, node, /disk full|no space/i, () => run(machine, ['rm', '/var/ballast']))
  },
}

const damaged: Fault = {
  name: 'archive-damaged',
  story: 'the offline archive is cut short: said, and nothing else happens; replaced, it goes on by itself',
  from: 'blank',
  async run(cluster) {
    const node = controlPlanes(cluster)[1] as Node
    const machine = machineOf(cluster, node)
    await installNode(cluster, node, { archiveOnly: true })
    const archive = join(machine.directory, 'var/lib/leaven/images/images.tar')
    const good = join(cluster.recipe.images, 'images.tar')
    replaceBy(archive, good, 100_000_000)
    await powerOnAll(cluster)
    return mended(cluster, node, /damaged|incomplete|not completely/, () => replaceBy(archive, good))
  },
}

/** Never in place: the file is a hard link to the cache. */
function replaceBy(file: string, source: string, bytes?: number): void {
  copyFileSync(source, `${file}.new`)
  if (bytes !== undefined) truncateSync(`${file}.new`, bytes)
  renameSync(`${file}.new`, file)
}

const killed: Fault = {
  name: 'containerd-killed',
  story: 'containerd is killed in the middle of the import: imported anew',
  from: 'blank',
  async run(cluster) {
    const node = controlPlanes(cluster)[1] as Node
    const machine = machineOf(cluster, node)
    await installNode(cluster, node, { archiveOnly: true })
    const start = Date.now()
    await powerOnAll(cluster)
    await statusOn(cluster, node, 'importing', ({ message }) => /import/.test(message))
    await sleep(700)
    await run(machine, ['pkill', '-KILL', '-x', 'containerd'])
    const at = secondsSince(start)
    const { done } = await waitUntilDone(cluster, start)
    return `killed at ${at} s, all done at ${done} s`
  },
}

export const worldFaults: readonly Fault[] = [foreign, clock, dns, full, damaged, killed]
