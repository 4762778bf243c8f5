/** Kustomize old and new, the real CNI plugins and ip: what they make of our files. */
import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { compileWithSecrets, fileAt, filesOf, tableOf, userDataOf } from './support/compiled.ts'
import { newKustomize, oldKubectl } from './support/programs.ts'
import { isRoot, run, withTools } from './support/tools.ts'

const scratch = mkdtempSync(join(tmpdir(), 'leaven-cni-'))
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

async function controlPlane(cni: object, network: object = {}): Promise<string> {
  const compiled = await compileWithSecrets({
    name: 'prod',
    kubernetes: { version: '1.31.4' },
    endpoint: { provider: 'external', address: '172.31.253.60' },
    network: { ...network, cni },
    nodes: [1, 2, 3].map((n) => ({ name: `m${n}`, role: 'control-plane', address: `172.31.253.6${n}` })),
  })
  const group = compiled.groups.find(({ name }) => name === 'control-plane')
  if (group === undefined) throw new Error('no control plane')
  return userDataOf(compiled, group)
}

/** The add-on's folder as it is on the node, with the stand-in where the manifest would be fetched to. */
function addonFolder(text: string, name: string): string {
  const folder = mkdtempSync(join(scratch, `${name}-`))
  for (const { path, content } of filesOf(text))
    if (path.startsWith(`/etc/leaven/addons/10-${name}/`))
      writeFileSync(join(folder, basename(path)), content)
  const file = tableOf(text, 'addons').find(([addon]) => addon === `10-${name}`)?.[3] ?? ''
  copyFileSync(join(import.meta.dirname, `support/manifests/${name}.yaml`), join(folder, file))
  return folder
}

const old = oldKubectl()
const recent = newKustomize()
const builders = [
  ['kubectl 1.20', old === undefined ? undefined : [old, 'kustomize']],
  ['kustomize 5', recent === undefined ? undefined : [recent, 'build']],
] as const

interface Container {
  readonly name: string
  readonly image: string
  readonly args?: readonly string[]
  readonly env?: readonly { readonly name: string; readonly value?: string }[]
}
interface Resource {
  readonly kind: string
  readonly metadata: { readonly name: string }
  readonly data?: Readonly<Record<string, string>>
  readonly spec?: {
    readonly template?: {
      readonly spec: {
        readonly containers: readonly Container[]
        readonly initContainers?: readonly Container[]
      }
    }
  }
}

function build(command: readonly string[], folder: string) {
  const [program = '', ...args] = command
  const resources = parseAllDocuments(run(program, [...args, folder])).map(
    (document) => document.toJS() as Resource,
  )
  const named = (kind: string, name: string): Resource => {
    const found = resources.find((resource) => resource.kind === kind && resource.metadata.name === name)
    if (found === undefined) throw new Error(`no ${kind} ${name}`)
    return found
  }
  return {
    resources,
    named,
    container: (kind: string, name: string) =>
      named(kind, name).spec?.template?.spec.containers[0] as Container,
  }
}

const valuesOf = ({ env = [] }: Container) => Object.fromEntries(env.map(({ name, value }) => [name, value]))

describe.each(builders)('%s', (_, command) => {
  const withIt = command ? test : test.skip

  withIt('calico: our settings, everything else untouched', async () => {
    const text = await controlPlane(
      { provider: 'calico', mtu: 1400, imageRepository: 'registry.example.com:5000/calico' },
      { podSubnet: '10.200.0.0/16' },
    )
    const { resources, named, container } = build(command ?? [], addonFolder(text, 'calico'))
    expect(resources.length).toBe(5)
    const node = container('DaemonSet', 'calico-node')
    expect(node.image).toBe('registry.example.com:5000/calico/node:v3.29.1')
    expect(valuesOf(node)).toEqual({
      DATASTORE_TYPE: 'kubernetes',
      NODENAME: undefined,
      FELIX_VXLANMTU: undefined,
      CALICO_IPV4POOL_CIDR: '10.200.0.0/16',
      CALICO_IPV4POOL_IPIP: 'Never',
      CALICO_IPV4POOL_VXLAN: 'Always',
      IP_AUTODETECTION_METHOD: 'kubernetes-internal-ip',
    })
    expect(node).toMatchObject({
      readinessProbe: { exec: { command: ['/bin/calico-node', '-felix-ready'] } },
    })
    expect(named('DaemonSet', 'calico-node').spec?.template?.spec.initContainers?.[0]?.image).toBe(
      'registry.example.com:5000/calico/cni:v3.29.1',
    )
    expect(container('Deployment', 'calico-kube-controllers').image).toBe(
      'registry.example.com:5000/calico/kube-controllers:v3.29.1',
    )
    expect(named('ConfigMap', 'calico-config').data).toEqual({
      typha_service_name: 'none',
      calico_backend: 'vxlan',
      veth_mtu: '1400',
    })
  })

  withIt('flannel: network, backend and the address that the kubelet has', async () => {
    const text = await controlPlane(
      { provider: 'flannel', backend: 'host-gw', imageRepository: 'registry.example.com/f' },
      { podSubnet: '10.200.0.0/16' },
    )
    const { named, container } = build(command ?? [], addonFolder(text, 'flannel'))
    const config = named('ConfigMap', 'kube-flannel-cfg').data
    expect(JSON.parse(config?.['net-conf.json'] ?? '')).toMatchObject({
      Network: '10.200.0.0/16',
      Backend: { Type: 'host-gw' },
    })
    expect(config?.['cni-conf.json']).toContain('cbr0')
    const flanneld = container('DaemonSet', 'kube-flannel-ds')
    expect(flanneld.args).toEqual(['--ip-masq', '--kube-subnet-mgr', '--iface=$(LEAVEN_NODE_IP)'])
    expect(flanneld.env?.map(({ name }) => name).sort()).toEqual([
      'EVENT_QUEUE_DEPTH',
      'LEAVEN_NODE_IP',
      'POD_NAME',
    ])
    expect(flanneld.image).toBe('registry.example.com/f/flannel:v0.26.7')
    expect(
      named('DaemonSet', 'kube-flannel-ds').spec?.template?.spec.initContainers?.map(({ image }) => image),
    ).toEqual([
      'registry.example.com/f/flannel-cni-plugin:v1.6.2-flannel1',
      'registry.example.com/f/flannel:v0.26.7',
    ])
  })
})

describe('bridge', () => {
  const withNet = isRoot() ? withTools('ip', 'unshare') : test.skip

  withTools('systemd-analyze')('systemd takes the unit', async () => {
    const file = join(scratch, 'leaven-pod-routes.service')
    writeFileSync(
      file,
      fileAt(await controlPlane({ provider: 'bridge' }), '/etc/systemd/system/leaven-pod-routes.service'),
    )
    expect(() =>
      execFileSync('systemd-analyze', ['verify', '--man=no', file], { stdio: 'pipe' }),
    ).not.toThrow()
  })

  withNet(
    'its command makes a route to every other node, none to the own pods, and may run again',
    async () => {
      const text = await controlPlane({ provider: 'bridge' })
      const unit = fileAt(text, '/etc/systemd/system/leaven-pod-routes.service')
      const table = join(scratch, 'pod-routes')
      writeFileSync(table, fileAt(text, '/etc/leaven/pod-routes'))
      const command =
        /^ExecStart=\/bin\/sh -c '(.*)'$/m
          .exec(unit)?.[1]
          ?.replaceAll('$$', '$')
          .replace('/etc/leaven/pod-routes', table) ?? 'exit 9'
      const script = `
      ip link set lo up; ip link add eth0 type veth peer name sw0; ip link set sw0 up; ip link set eth0 up
      ip addr add 172.31.253.62/24 dev eth0
      routes() { sh -c "$1"; }
      routes "$1" && routes "$1" && ip route show root 10.244.0.0/16
      ip addr flush dev eth0; ip link set eth0 down; routes "$1" 2>/dev/null && echo 'no failure without a network'; true`
      const routes = run('unshare', ['--net', 'sh', '-c', script, 'sh', command]).trim().split('\n')
      expect(routes.map((line) => line.trim())).toEqual([
        '10.244.0.0/24 via 172.31.253.61 dev eth0',
        '10.244.2.0/24 via 172.31.253.63 dev eth0',
      ])
    },
  )

  const plugins = '/usr/lib/cni'
  const withPlugins = isRoot() ? withTools('ip', 'unshare', 'iptables', `${plugins}/bridge`) : test.skip
  withPlugins('the real plugin gives a pod an address of the node, a gateway and a way out', async () => {
    const list = JSON.parse(
      fileAt(
        await controlPlane({ provider: 'bridge', mtu: 1400 }),
        '/etc/leaven/cni/10-leaven.conflist',
      ).replace('@POD_CIDR@', '10.244.1.0/24'),
    )
    const folder = join(scratch, 'plugin')
    mkdirSync(folder)
    const conf = join(folder, 'net.json')
    const [first] = list.plugins
    writeFileSync(
      conf,
      JSON.stringify({
        ...first,
        cniVersion: list.cniVersion,
        name: list.name,
        ipam: { ...first.ipam, dataDir: join(folder, 'ipam') },
      }),
    )
    const script = `
      set -e
      ip link set lo up; mount -t tmpfs tmpfs /run; mkdir -p /run/netns; ip netns add pod
      export CNI_COMMAND=ADD CNI_CONTAINERID=test CNI_NETNS=/run/netns/pod CNI_IFNAME=eth0 CNI_PATH=${plugins}
      ${plugins}/bridge <"$1"
      echo; ip -n pod route; ip -n pod -o link show eth0; ip -o addr show cni0; 
      # 7: refused, so somebody is there
      ip netns exec pod curl -s -m 5 http://10.244.1.1:9 || echo "curl $?"`
    const printed = run('unshare', ['--net', '--mount', 'sh', '-c', script, 'sh', conf])
    expect(printed).toContain('"address": "10.244.1.2/24"')
    expect(printed).toContain('default via 10.244.1.1 dev eth0')
    expect(printed).toMatch(/eth0.* mtu 1400 /)
    expect(printed).toContain('inet 10.244.1.1/24')
    expect(printed).toContain('curl 7')
  })

  const dual = {
    podSubnet: '10.244.0.0/16,fd00:10:244::/56',
    serviceSubnet: '10.96.0.0/12,fd00:10:96::/112',
  }

  /** The same cluster with both IP families. */
  async function dualStack(): Promise<string> {
    const compiled = await compileWithSecrets({
      name: 'prod',
      kubernetes: { version: '1.31.4' },
      endpoint: { provider: 'external', address: '172.31.253.60' },
      network: { ...dual, cni: { provider: 'bridge' } },
      nodes: [1, 2, 3].map((n) => ({
        name: `m${n}`,
        role: 'control-plane',
        address: `172.31.253.6${n},fd00:172:31:253::6${n}`,
      })),
    })
    return userDataOf(compiled, compiled.groups[0] as (typeof compiled.groups)[number])
  }

  withPlugins('with dual stack a pod gets addresses, gateways and routes of both families', async () => {
    const text = await dualStack()
    const conflist = fileAt(text, '/etc/leaven/cni/10-leaven.conflist')
    const list = JSON.parse(
      conflist.replace('@POD_CIDR@', '10.244.1.0/24').replace('@POD_CIDR2@', 'fd00:10:244:1::/64'),
    )
    const folder = join(scratch, 'dual')
    mkdirSync(folder)
    const [first] = list.plugins
    const ipam = { ...first.ipam, dataDir: join(folder, 'ipam') }
    writeFileSync(
      join(folder, 'net.json'),
      JSON.stringify({ ...first, cniVersion: list.cniVersion, name: list.name, ipam }),
    )
    const routes = join(folder, 'pod-routes')
    writeFileSync(routes, fileAt(text, '/etc/leaven/pod-routes'))
    const unit = fileAt(text, '/etc/systemd/system/leaven-pod-routes.service')
    const command = /^ExecStart=\/bin\/sh -c '(.*)'$/m.exec(unit)?.[1]?.replaceAll('$$', '$') ?? 'exit 9'
    const script = `
      set -e
      ip link set lo up; ip link add eth0 type veth peer name sw0; ip link set sw0 up; ip link set eth0 up
      ip addr add 172.31.253.62/24 dev eth0; ip addr add fd00:172:31:253::62/64 dev eth0 nodad
      mount -t tmpfs tmpfs /run; mkdir -p /run/netns; ip netns add pod
      export CNI_COMMAND=ADD CNI_CONTAINERID=test CNI_NETNS=/run/netns/pod CNI_IFNAME=eth0 CNI_PATH=${plugins}
      ${plugins}/bridge <"$1"
      echo; ip -n pod -4 route; ip -n pod -6 route
      sh -c "$2"; sh -c "$2"; ip route; ip -6 route`
    const printed = run('unshare', [
      ...['--net', '--mount', 'sh', '-c', script, 'sh', join(folder, 'net.json')],
      command.replace('/etc/leaven/pod-routes', routes),
    ])
    for (const line of [
      '"address": "10.244.1.2/24"',
      '"address": "fd00:10:244:1::2/64"',
      'default via 10.244.1.1 dev eth0',
      'default via fd00:10:244:1::1 dev eth0',
      '10.244.0.0/24 via 172.31.253.61 dev eth0',
      'fd00:10:244:2::/64 via fd00:172:31:253::63 dev eth0',
    ])
      expect(printed).toContain(line)
    expect(printed).not.toMatch(/via 172\.31\.253\.62|via fd00:172:31:253::62 /)
  })
})
