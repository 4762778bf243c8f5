/** IPv4 and IPv6 together, from the blueprint to what a node fills in. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'
import { compile } from '../generators/compile.ts'
import { builtInBlueprint, loadKubernetesTable } from '../generators/effects/assets.effect.ts'
import { renderNetworkConfig } from '../generators/render/seed.ts'
import { compileWithSecrets, fileAt, userDataOf } from './support/compiled.ts'
import { written } from './support/contributed.ts'
import { isRoot, run, withTools } from './support/tools.ts'

interface Written {
  network: Record<string, unknown>
  nodes: { address?: string }[]
  [field: string]: unknown
}

const text = Buffer.from(builtInBlueprint('dual-stack')).toString()

async function groups(change: (blueprint: Written) => void = () => {}) {
  const blueprint = parse(text) as Written
  change(blueprint)
  const compiled = await compileWithSecrets(JSON.stringify(blueprint))
  return {
    compiled,
    text: (name: string) =>
      userDataOf(compiled, compiled.groups.find((group) => group.name === name) ?? never()),
  }
}

function never(): never {
  throw new Error('no such group')
}

function codes(change: (blueprint: Written) => void): readonly string[] {
  const blueprint = parse(text) as Written
  change(blueprint)
  const bytes = new TextEncoder().encode(JSON.stringify(blueprint))
  return compile({ file: 'x', blueprint: bytes, kubernetes: loadKubernetesTable() }).diagnostics.map(
    ({ code, path }) => `${code} ${path.join('.')}`,
  )
}

describe('the compiler', () => {
  test('tells kubeadm, kubelet and the kernel', async () => {
    const master = (await groups()).text('control-plane')
    const [init, cluster] = parseAllDocuments(fileAt(master, '/etc/leaven/kubeadm/init.yaml')).map((one) =>
      one.toJS(),
    )
    expect(cluster.networking).toMatchObject({
      podSubnet: '10.244.0.0/16,fd00:10:244::/56',
      serviceSubnet: '10.96.0.0/12,fd00:10:96::/112',
    })
    expect(init.nodeRegistration.kubeletExtraArgs).toContainEqual({ name: 'node-ip', value: '@NODE_IPS@' })
    expect(init.localAPIEndpoint.advertiseAddress).toBe('@NODE_IP@')
    expect(cluster.apiServer.certSANs).toEqual(
      expect.arrayContaining(['172.31.253.62', 'fd00:172:31:253::62']),
    )
    const kubelet = parseAllDocuments(fileAt(master, '/etc/leaven/kubeadm/init.yaml')).map((one) =>
      one.toJS(),
    )[2]
    expect(kubelet.clusterDNS).toEqual(['10.96.0.10'])
    expect(fileAt(master, '/etc/sysctl.d/90-leaven.conf')).toContain('net.ipv6.conf.all.forwarding = 1')
    expect(fileAt(master, '/etc/leaven/node.env')).toContain('LEAVEN_DUAL_STACK=1')
  })

  test('gives a node both addresses', async () => {
    const { compiled } = await groups()
    const [first] = compiled.plan.nodes
    expect(parse(renderNetworkConfig(compiled.plan, first ?? never())).ethernets.primary).toEqual({
      match: { name: 'e*' },
      addresses: ['172.31.253.61/24', 'fd00:172:31:253::61/64'],
      gateway4: '172.31.253.1',
      gateway6: 'fd00:172:31:253::1',
      nameservers: { addresses: ['172.31.253.1'] },
    })
  })

  test('keeps an IPv4 cluster as it was', async () => {
    const single = await groups((blueprint) => {
      blueprint.network = {}
      blueprint.nodes = blueprint.nodes.map((node) => ({
        ...node,
        address: node.address?.split(',')[0] ?? '',
      }))
    })
    const master = single.text('control-plane')
    expect(master).not.toContain('LEAVEN_DUAL_STACK')
    expect(fileAt(master, '/etc/leaven/kubeadm/init.yaml')).not.toMatch(/NODE_IPS|fd00/)
    expect(fileAt(master, '/etc/sysctl.d/90-leaven.conf')).not.toContain('ipv6.conf')
  })

  test.each([
    ['calico', /CALICO_IPV6POOL_CIDR\s+value: fd00:10:244::\/56[\s\S]*"assign_ipv6": "true"/, 'calico'],
    [
      'flannel',
      /"Network": "10\.244\.0\.0\/16",\s+"EnableIPv6": true,\s+"IPv6Network": "fd00:10:244::\/56"/,
      'flannel',
    ],
  ])('tells %s', async (provider, pattern, name) => {
    const { text: of } = await groups((blueprint) => {
      blueprint.network['cni'] = { provider }
    })
    expect(fileAt(of('control-plane'), `/etc/leaven/addons/10-${name}/leaven.yaml`)).toMatch(pattern)
  })

  test('divides both subnets among the nodes of a bridge', async () => {
    const { text: of } = await groups((blueprint) => {
      blueprint.network['cni'] = { provider: 'bridge' }
      delete blueprint['pools']
    })
    const master = of('control-plane')
    expect(JSON.parse(fileAt(master, '/etc/leaven/cni/10-leaven.conflist')).plugins[0].ipam.ranges).toEqual([
      [{ subnet: '@POD_CIDR@' }],
      [{ subnet: '@POD_CIDR2@' }],
    ])
    expect(fileAt(master, '/etc/leaven/pod-routes').split('\n').slice(0, 4)).toEqual([
      '10.244.0.0/24 172.31.253.61',
      'fd00:10:244::/64 fd00:172:31:253::61',
      '10.244.1.0/24 172.31.253.62',
      'fd00:10:244:1::/64 fd00:172:31:253::62',
    ])
  })
})

describe('what does not fit is refused', () => {
  const cases: readonly (readonly [string, (blueprint: Written) => void, string])[] = [
    [
      'two IPv4 subnets',
      (b) => Object.assign(b.network, { podSubnet: '10.1.0.0/16,10.2.0.0/16' }),
      'blueprint/family-twice network.podSubnet',
    ],
    [
      'a third address',
      (b) => Object.assign(b.nodes[0] ?? {}, { address: '10.9.0.1,fd00::1,fd00::2' }),
      'blueprint/family-twice nodes.0.address',
    ],
    [
      'services of the second family',
      (b) => Object.assign(b.network, { serviceSubnet: 'fd00:10:96::/112' }),
      'blueprint/families-differ network.serviceSubnet',
    ],
    [
      'pods of one family, services of both',
      (b) => Object.assign(b.network, { podSubnet: '10.244.0.0/16' }),
      'blueprint/families-differ network.serviceSubnet',
    ],
    [
      'another order',
      (b) => Object.assign(b.network, { serviceSubnet: 'fd00:10:96::/112,10.96.0.0/12' }),
      'blueprint/families-differ network.serviceSubnet',
    ],
    [
      'a node with IPv6 first',
      (b) => Object.assign(b.nodes[1] ?? {}, { address: 'fd00:172:31:253::62,172.31.253.62' }),
      'blueprint/families-differ nodes.1.address',
    ],
    [
      'no address at all',
      (b) => Object.assign(b.nodes[1] ?? {}, { address: '172.31.253.62,fd00::g' }),
      'blueprint/bad-address nodes.1.address',
    ],
    [
      'services of a /64',
      (b) => Object.assign(b.network, { serviceSubnet: '10.96.0.0/12,fd00:10:96::/64' }),
      'blueprint/subnet-too-large network.serviceSubnet',
    ],
    [
      'pods of a /80',
      (b) => Object.assign(b.network, { podSubnet: '10.244.0.0/16,fd00:10:244::/80' }),
      'blueprint/pod-subnet-too-small network.podSubnet',
    ],
    [
      'pods of a /32',
      (b) => Object.assign(b.network, { podSubnet: '10.244.0.0/16,fd00:10::/32' }),
      'blueprint/subnet-too-large network.podSubnet',
    ],
    [
      'IPv6 pods around the nodes',
      (b) => Object.assign(b.network, { podSubnet: '10.244.0.0/16,fd00:172:31:253::/64' }),
      'blueprint/node-in-subnet nodes.0.address',
    ],
    [
      'an IPv6 address twice',
      (b) => Object.assign(b.nodes[1] ?? {}, { address: '172.31.253.62,fd00:172:31:253::61' }),
      'blueprint/duplicate-address nodes.1.address',
    ],
    [
      'Kubernetes 1.20',
      (b) => Object.assign(b, { kubernetes: { version: '1.20.15' } }),
      'blueprint/dual-stack-too-early network.podSubnet',
    ],
    [
      'an old Calico',
      (b) => Object.assign(b.network, { cni: { provider: 'calico', version: '3.20.6' } }),
      'calico/dual-stack-too-early network.podSubnet',
    ],
    [
      'a bridge without the second address',
      (b) => {
        Object.assign(b.network, { cni: { provider: 'bridge' } })
        Object.assign(b.nodes[3] ?? {}, { address: '172.31.253.71' })
      },
      'bridge/address-missing nodes.3',
    ],
  ]
  test('services may do with the first family alone, as kubeadm has it', () => {
    expect(codes((b) => Object.assign(b.network, { serviceSubnet: '10.96.0.0/12' }))).toEqual([])
  })

  test.each(cases)('%s', (_, change, code) => {
    expect(codes(change)).toContain(code)
  })
})

/** First boot's own functions on a NIC of our making: everything before it looks at its arguments. */
const functions = readFileSync('boot/leaven', 'utf8').split('\nexec </dev/null')[0] ?? ''

describe('first boot', () => {
  const inNetwork = isRoot() ? withTools('unshare', 'ip') : test.skip
  const script = (declared: string, addresses: readonly string[]) => `
set -e
ip link set lo up; ip link add eth0 type veth peer name eth1; ip link set eth0 up; ip link set eth1 up
sysctl -qw net.ipv6.conf.eth0.accept_dad=0 || :
${addresses.map((address) => `ip addr add ${address} dev eth0 nodad`).join('\n')}
${functions}
set +e
mkdir -p $PWD/r; R=$PWD/r; V=$PWD/r; E=$PWD
LEAVEN_DUAL_STACK=1 LEAVEN_ENDPOINT_VIP=172.31.253.60 LEAVEN_INTERFACE=auto LEAVEN_ROLE=worker LEAVEN_API_PORT=6443
ADDR=172.31.253.71 ADDR2=${declared} NODE=w1 POD_CIDR=10.244.3.0/24,fd00:10:244:3::/64
address || { echo "refused: $REASON"; exit; }
echo '@NODE_IP@ @NODE_IPS@ @POD_CIDR@ @POD_CIDR2@' >$R/template
fill $R/template $R/filled 644; cat $R/filled`

  const filled = (declared: string, addresses: readonly string[]) => {
    const path = written('dual/boot.sh', script(declared, addresses))
    return run('unshare', ['-n', 'sh', '-c', `cd "${path.replace(/\/[^/]*$/, '')}" && bash ./boot.sh`]).trim()
  }
  const v4 = '172.31.253.71/24'

  inNetwork('fills in the declared pair', () => {
    expect(filled('fd00:172:31:253::71', [v4, 'fd00:172:31:253::99/64', 'fd00:172:31:253::71/64'])).toBe(
      '172.31.253.71 172.31.253.71,fd00:172:31:253::71 10.244.3.0/24 fd00:10:244:3::/64',
    )
  })

  inNetwork('finds the other address on the same NIC', () => {
    expect(filled('-', [v4, 'fd00:172:31:253::99/64'])).toContain('172.31.253.71,fd00:172:31:253::99 ')
  })

  inNetwork('waits, and says what for, while there is none', () => {
    expect(filled('-', [v4])).toMatch(/^refused: eth0 has no IPv6 address/)
  })
})
