import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { type Cluster, controlPlanes, machineOf, type Node } from '../cluster.effect.ts'
import { eventually, output } from '../exec.effect.ts'
import { exists, type Machine, pathOn, run } from '../machine.effect.ts'
import { endpointOf, kubectl } from '../operator.effect.ts'
import { type Check, expectEqual, expectThat, nodesOn } from './check.effect.ts'

const pki = '/etc/kubernetes/pki'
const shared = [
  'ca.crt',
  'ca.key',
  'front-proxy-ca.crt',
  'front-proxy-ca.key',
  'sa.key',
  'sa.pub',
  'etcd/ca.crt',
  'etcd/ca.key',
]

const authorities: Check = {
  name: 'every control plane has the given CAs and keys, every node our CA',
  async run(cluster) {
    const ours = readFileSync(join(cluster.directory, 'ca.crt'), 'utf8').trim()
    const [first, ...others] = nodesOn(cluster, 'control-plane')
    for (const file of shared) {
      const wanted = read(cluster, first as Node, `${pki}/${file}`)
      expectThat(wanted.length > 50, `${first?.name} ${file} is empty`)
      for (const node of others) {
        expectThat(read(cluster, node, `${pki}/${file}`) === wanted, `${node.name} has another ${file}`)
      }
    }
    for (const node of nodesOn(cluster)) {
      expectThat(read(cluster, node, `${pki}/ca.crt`).trim() === ours, `${node.name} has another ca.crt`)
    }
    const published = await kubectl(cluster, [
      'get',
      'configmap',
      '-n',
      'kube-public',
      'cluster-info',
      '-o',
      'yaml',
    ])
    expectThat(
      published.includes(Buffer.from(`${ours}\n`).toString('base64').slice(0, -8)),
      'cluster-info has another CA',
    )
  },
}

const certificates: Check = {
  name: 'certificates are signed by our CAs, for the VIP and this node; kubeconfigs name the endpoint',
  async run(cluster) {
    for (const node of nodesOn(cluster, 'control-plane')) {
      const machine = machineOf(cluster, node)
      const pairs = [
        ['apiserver', 'ca'],
        ['apiserver-kubelet-client', 'ca'],
        ['front-proxy-client', 'front-proxy-ca'],
        ['etcd/server', 'etcd/ca'],
        ['etcd/peer', 'etcd/ca'],
        ['apiserver-etcd-client', 'etcd/ca'],
      ]
      for (const [leaf, ca] of pairs) {
        await run(machine, ['openssl', 'verify', '-CAfile', `${pki}/${ca}.crt`, `${pki}/${leaf}.crt`])
      }
      const names = ['openssl', 'x509', '-noout', '-ext', 'subjectAltName', '-in', `${pki}/apiserver.crt`]
      const sans = await output([...names.slice(0, -1), pathOn(machine, `${pki}/apiserver.crt`)])
      for (const address of [cluster.topology.endpoint.address, node.address]) {
        expectThat(sans.includes(`IP Address:${address}`), `${node.name}'s certificate lacks ${address}`)
      }
      expectThat(
        read(cluster, node, '/etc/kubernetes/admin.conf').includes(serverLine(cluster)),
        `${node.name} admin.conf`,
      )
    }
    for (const node of nodesOn(cluster)) {
      const server = /server: https:\/\/(\S+)/.exec(read(cluster, node, '/etc/kubernetes/kubelet.conf'))?.[1]
      // Since 1.33 a control plane's kubelet asks its own API server: https://github.com/kubernetes/enhancements/issues/4471
      const own = node.role === 'control-plane' && server === `${node.address}:6443`
      expectThat(own || server === endpointOf(cluster), `${node.name} kubelet.conf: ${server}`)
      const current = '/var/lib/kubelet/pki/kubelet-client-current.pem'
      await run(machineOf(cluster, node), ['openssl', 'verify', '-CAfile', `${pki}/ca.crt`, current])
    }
  },
}

const kernel: Check = {
  name: 'forwarding and bridge filtering are on, modules and sysctls are laid down for the next boot',
  async run(cluster) {
    for (const node of nodesOn(cluster)) {
      const machine = machineOf(cluster, node)
      const values = await run(machine, [
        'sysctl',
        '-n',
        'net.ipv4.ip_forward',
        'net.bridge.bridge-nf-call-iptables',
      ])
      expectEqual(`${node.name} sysctls`, values.stdout.trim().split('\n'), ['1', '1'])
      const modules = read(cluster, node, '/etc/modules-load.d/leaven.conf')
      expectThat(/^br_netfilter$/m.test(modules), `${node.name}: br_netfilter is not in modules-load.d`)
      expectThat(exists(machine, '/etc/sysctl.d/90-leaven.conf'), `${node.name}: no 90-leaven.conf`)
    }
  },
}

const status: Check = {
  name: 'leaven status says done on every node, to people and to programs',
  run: (cluster) =>
    eventually('leaven status', 60, async () => {
      for (const node of nodesOn(cluster)) {
        const machine = machineOf(cluster, node)
        const told = JSON.parse((await run(machine, ['leaven', 'status', '--json'])).stdout) as Record<
          string,
          unknown
        >
        const { cluster: name, node: self, role, state } = told
        const wanted = { name: cluster.topology.name, self: node.name, role: node.role, state: 'done' }
        expectEqual(node.name, { name, self, role, state }, wanted)
        const words = (await run(machine, ['leaven', 'status'])).stdout
        expectThat(words.includes(node.name) && words.includes('done'), `${node.name}: ${words}`)
      }
      return true
    }),
}

const cloudInit: Check = {
  name: 'cloud-init ended without an error',
  async run(cluster) {
    for (const node of nodesOn(cluster)) {
      const machine = machineOf(cluster, node)
      const told = await run(machine, ['cloud-init', 'status', '--long'], { allowFailure: true })
      expectThat(/^status: (done|error)$/m.test(told.stdout), `${node.name}: ${told.stdout.trim()}`)
      const result = JSON.parse(read(cluster, node, '/run/cloud-init/result.json')) as {
        v1: { errors: unknown[] }
      }
      // It marks a module as done before it runs it: cut off while it makes its user, it never makes that user.
      const noUser = /^\('ssh-authkey-fingerprints', KeyError\(.getpwnam/
      const errors = result.v1.errors.filter((error) => !noUser.test(String(error)))
      expectEqual(`${node.name} errors`, errors, [])
    }
  },
}

const noSecrets: Check = {
  name: "secrets are gone from cloud-init's copies",
  async run(cluster) {
    for (const node of nodesOn(cluster)) {
      const found = await grep(machineOf(cluster, node), secretParts(cluster, node), [
        '/var/lib/cloud',
        '/run/cloud-init',
        '/var/log/cloud-init.log',
        '/var/log/cloud-init-output.log',
      ])
      expectThat(found === '', `${node.name}: ${found}`)
    }
  },
}

const noKeys: Check = {
  name: 'no worker has a CA key, and only root reads what is secret',
  async run(cluster) {
    const planes = nodesOn(cluster, 'control-plane')
    const keys = ['ca.key', 'etcd/ca.key', 'front-proxy-ca.key', 'sa.key'].map((file) => {
      const lines = read(cluster, planes[0] as Node, `${pki}/${file}`)
        .trim()
        .split('\n')
      return lines[Math.floor(lines.length / 2)] as string
    })
    for (const node of cluster.topology.nodes.filter((one) => one.role === 'worker')) {
      const patterns = keys.flatMap((line) => [line, Buffer.from(line).toString('base64').slice(4, -8)])
      const where = ['/etc', '/root', '/run', '/var/lib/leaven', '/var/lib/cloud', '/var/lib/kubelet']
      const found = await grep(machineOf(cluster, node), patterns, where)
      expectThat(found === '', `${node.name}: ${found}`)
    }
    for (const node of planes) {
      const where = ['/etc/leaven', '/etc/kubernetes', '/var/lib/leaven']
      const open = ['find', ...where, '-name', '*.key', '-perm', '/077']
      const loose = await run(machineOf(cluster, node), open)
      expectEqual(`${node.name} readable keys`, loose.stdout.trim(), '')
    }
  },
}

const services: Check = {
  name: 'containerd runs with the configuration that was laid down, and first boot returns after a cut',
  async run(cluster) {
    for (const node of nodesOn(cluster)) {
      const machine = machineOf(cluster, node)
      // Whole seconds on both sides: systemd does not say more.
      const script =
        'echo $(date -d "$(systemctl show -P ActiveEnterTimestamp containerd)" +%s) $(stat -c %Y /etc/containerd/config.toml)'
      const [started, written] = (await run(machine, ['bash', '-c', script])).stdout
        .trim()
        .split(' ')
        .map(Number)
      expectThat(Number(started) >= Number(written), `${node.name}: containerd is older than its config.toml`)
      // By a file, so that it holds even if runcmd never ran.
      const wants = await run(machine, ['systemctl', 'show', '-P', 'Wants', 'multi-user.target'])
      expectThat(
        wants.stdout.includes('leaven.service'),
        `${node.name}: multi-user.target does not want leaven`,
      )
      const dropIn = '/etc/systemd/system/multi-user.target.d/leaven.conf'
      expectThat(exists(machine, dropIn), `${node.name}: no ${dropIn}`)
    }
  },
}

const marks: Check = {
  name: 'the mark of init was on disk before the first static pod',
  async run(cluster) {
    let initialised = 0
    for (const node of nodesOn(cluster, 'control-plane')) {
      const machine = machineOf(cluster, node)
      if (!exists(machine, '/var/lib/leaven/init-started')) continue
      initialised++
      const files = ['/var/lib/leaven/init-started', '/etc/kubernetes/manifests/kube-apiserver.yaml']
      const [mark, act] = (await run(machine, ['stat', '-c', '%Y', ...files])).stdout
        .trim()
        .split('\n')
        .map(Number)
      expectThat(
        Number(mark) <= Number(act),
        `${node.name}: init-started is younger than the API server's manifest`,
      )
    }
    const off = controlPlanes(cluster).length - nodesOn(cluster, 'control-plane').length
    // The one that formed it may have been rebuilt since: then all that are here remember that they joined.
    const joined = nodesOn(cluster, 'control-plane').every((node) =>
      exists(machineOf(cluster, node), '/var/lib/leaven/joined'),
    )
    expectThat(
      initialised + off >= 1 || joined,
      'no control plane remembers that it formed the cluster, and not all that they joined it',
    )
    expectThat(initialised <= 1, `${initialised} control planes say they formed the cluster`)
  },
}

const userData: Check = {
  offline: true,
  name: "user-data: one text for all of a role, small enough for OpenStack's 64 KiB of base64",
  async run(cluster) {
    for (const role of ['control-plane', 'worker'] as const) {
      const texts = cluster.topology.nodes
        .filter((node) => node.role === role)
        .map((node) => readFileSync(seed(cluster, node), 'utf8'))
      expectThat(new Set(texts).size <= 1, `${role}s differ in user-data`)
      for (const text of texts) expectThat(Buffer.byteLength(text) <= 49_149, `${role}: ${text.length} bytes`)
    }
  },
}

function serverLine(cluster: Cluster): string {
  return `server: https://${endpointOf(cluster)}`
}

function read(cluster: Cluster, node: Node, path: string): string {
  return readFileSync(pathOn(machineOf(cluster, node), path), 'utf8')
}

function seed(cluster: Cluster, node: Node): string {
  return join(cluster.directory, 'seed', node.name, 'user-data')
}

/** A piece from the middle of every secret file's content, as it stands in this node's user-data. */
function secretParts(cluster: Cluster, node: Node): readonly string[] {
  const { write_files: files } = parse(readFileSync(seed(cluster, node), 'utf8')) as {
    write_files: readonly { path: string; permissions?: string; content: string }[]
  }
  const secret = files.filter((file) => /^'?0?600/.test(String(file.permissions ?? '')))
  if (secret.length === 0) throw new Error(`${node.name}: no file of its user-data is secret`)
  return secret.map(({ content }) => {
    const line = content
      .split('\n')
      .reduce((longest, one) => (one.trim().length > longest.length ? one.trim() : longest), '')
    const middle = Math.floor(line.length / 2)
    return line.slice(Math.max(0, middle - 20), middle + 20)
  })
}

/** Files below the paths that contain one of the patterns; fails when grep itself does. */
async function grep(
  machine: Machine,
  patterns: readonly string[],
  where: readonly string[],
): Promise<string> {
  const there = where.filter((path) => exists(machine, path))
  const input = `${patterns.filter((pattern) => pattern.length >= 12).join('\n')}\n`
  const argv = ['grep', '-rlF', '--devices=skip', '--exclude-dir=netns', '-f', '-', ...there]
  const done = await run(machine, argv, { input, allowFailure: true })
  if (done.code > 1 || there.length === 0) throw new Error(`${machine.name}: grep: ${done.stderr.trim()}`)
  return done.stdout.trim().split('\n').join(' ')
}

export const nodeChecks: readonly Check[] = [
  authorities,
  certificates,
  kernel,
  status,
  cloudInit,
  noSecrets,
  noKeys,
  services,
  marks,
  userData,
]
