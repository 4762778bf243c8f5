/** What endpoint and etcd providers decide, and what all of them refuse, as tables; *-programs.test.ts let real programs judge. */
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { lookupKubeVip } from '../generators/facts/kube-vip.ts'
import { environment } from '../generators/providers/endpoint/kube-vip/manifest.ts'
import { readOptions } from '../generators/providers/endpoint/kube-vip/options.ts'
import { compileText, fileAt, kubernetes } from './support/compiled.ts'
import { blueprint, compiled, type Parts, worker } from './support/small-cluster.ts'

interface KubeVipPod {
  readonly spec: {
    readonly containers: readonly {
      readonly image: string
      readonly env: readonly { readonly name: string; readonly value: string }[]
      readonly securityContext: { readonly capabilities: object }
      readonly volumeMounts: readonly { readonly mountPath: string }[]
    }[]
    readonly volumes: readonly { readonly hostPath: { readonly path: string; readonly type: string } }[]
  }
}

async function kubeVip(parts: Parts) {
  const { text, group } = await compiled(parts)
  const pod = parse(fileAt(text('control-plane'), '/etc/leaven/manifests/kube-vip.yaml')) as KubeVipPod
  const [container] = pod.spec.containers
  if (container === undefined) throw new Error('no container')
  return {
    pod,
    container,
    group: group('control-plane'),
    env: Object.fromEntries(container.env.map(({ name, value }) => [name, value])),
  }
}

describe('stacked', () => {
  // A kubelet that has just started refuses what asks for a disk that it does not know yet.
  test.each(['1.19', '1.20', '1.21', '1.22'])(
    'the etcd of %s asks for no ephemeral storage',
    async (version) => {
      const { text } = await compiled({ kubernetes: { version } })
      const path = '/etc/leaven/patches/etcd.yaml'
      expect(text('control-plane').includes(path)).toBe(['1.20', '1.21'].includes(version))
      if (!text('control-plane').includes(path)) return
      const requests = { 'ephemeral-storage': null }
      const patch = { spec: { containers: [{ name: 'etcd', resources: { requests } }] } }
      expect(parse(fileAt(text('control-plane'), path))).toEqual(patch)
    },
  )
})

describe('kube-vip', () => {
  const drop = { add: ['NET_ADMIN', 'NET_RAW'], drop: ['ALL'] }
  const keep = { add: ['NET_ADMIN', 'NET_RAW'] }

  test.each([
    ['0.8.0', 'vip_cidr', keep],
    ['0.8.9', 'vip_cidr', keep],
    ['0.8.10', 'vip_cidr', drop],
    ['0.9.2', 'vip_subnet', drop],
    ['1.0.3', 'vip_subnet', drop],
    ['v1.1.2', 'vip_subnet', drop],
    ['1.2.1', 'vip_subnet', drop],
    ['1.2.3', 'vip_subnet', drop],
  ])('%s is told everything in its own words', async (version, subnet, capabilities) => {
    const { container, env } = await kubeVip({ endpoint: { version } })
    expect(env).toEqual({
      address: '172.31.253.60',
      [subnet]: '32',
      port: '6443',
      cp_enable: 'true',
      cp_namespace: 'kube-system',
      svc_enable: 'false',
      vip_nodename: '@NODE_NAME@',
      kubernetes_addr: 'https://127.0.0.1:6443',
      vip_leaderelection: 'true',
      vip_leaseduration: '5',
      vip_renewdeadline: '3',
      vip_retryperiod: '1',
      prometheus_server: '127.0.0.1:2112',
      vip_arp: 'true',
      vip_interface: '@NODE_INTERFACE@',
    })
    expect(container.image).toBe(`ghcr.io/kube-vip/kube-vip:v${version.replace('v', '')}`)
    expect(container.securityContext.capabilities).toEqual(capabilities)
    expect(container.volumeMounts.map(({ mountPath }) => mountPath)).toContain('/etc/kubernetes/admin.conf')
  })

  test('every Kubernetes that we know gets a version that works', () => {
    for (const minor of Object.keys(kubernetes)) {
      const { diagnostics } = compileText(JSON.stringify(blueprint({ kubernetes: { version: minor } })))
      expect(
        diagnostics.filter(({ code }) => code.startsWith('kube-vip/')),
        minor,
      ).toEqual([])
    }
  })

  test('no volume can become a folder where a file is meant, and files with keys are private', async () => {
    const { pod, group } = await kubeVip({})
    for (const { hostPath } of pod.spec.volumes) expect(['File', 'Directory']).toContain(hostPath.type)
    for (const { path, mode, body } of group.files.filter((file) => /kube-vip/.test(file.path)))
      if (body.kind.startsWith('secret')) expect(`${path} ${mode.toString(8)}`).toMatch(/ 600$/)
    expect(group.fill).toContainEqual({
      phase: 'control-plane',
      source: '/etc/leaven/manifests/kube-vip.yaml',
      destination: '/etc/kubernetes/manifests/kube-vip.yaml',
      mode: 0o600,
    })
  })

  test('BGP announces from the node that holds the lease, through lo', async () => {
    const peers = [
      { address: '172.31.253.1', as: 65000 },
      { address: 'fd00::1', as: 65000, password: 's3cret', multihop: true },
    ]
    const { env, container, group } = await kubeVip({
      endpoint: {
        mode: 'bgp',
        bgp: { localAS: 65001, peers },
        lease: { duration: 15, renewDeadline: 10, retryPeriod: 2 },
        imageRepository: 'registry.example.com/vip',
      },
    })
    expect(env).toMatchObject({
      vip_arp: 'false',
      vip_interface: 'lo',
      vip_leaderelection: 'true',
      vip_leaseduration: '15',
      bgp_enable: 'true',
      bgp_routerid: '@NODE_IP@',
      bgp_as: '65001',
      bgp_peers: '172.31.253.1:65000::false,[fd00::1]:65000:s3cret:true',
    })
    expect(container.image).toMatch(/^registry\.example\.com\/vip\/kube-vip:v/)
    expect(group.images).toContainEqual({ reference: container.image, why: "the API server's VIP" })
    expect(JSON.stringify(group.files)).not.toContain('s3cret')
  })

  test('follows the API server to another port, and IPv6 gets its own prefix', async () => {
    const moved = await kubeVip({
      kubernetes: { apiServer: { port: 7443 } },
      endpoint: { port: 7443 },
    })
    expect(moved.env).toMatchObject({ port: '7443', kubernetes_addr: 'https://127.0.0.1:7443' })
    const { plan } = await compiled({})
    const facts = lookupKubeVip('1.0.3')
    if (facts === undefined) throw new Error('unknown')
    const six = { ...plan, endpoint: { ...plan.endpoint, vip: 'fd00::60' } }
    expect(environment(six, facts, readOptions({}))).toMatchObject({ address: 'fd00::60', vip_subnet: '128' })
  })

  test('workers get nothing of it', async () => {
    const { group, text } = await compiled({ workers: [worker(1)] })
    expect(text('workers')).not.toContain('kube-vip')
    expect(group('workers').images.filter(({ reference }) => reference.includes('kube-vip'))).toEqual([])
  })
})

describe('rules', () => {
  const kv = (endpoint: object): Parts => ({ endpoint })
  const ha = (endpoint: object, rest: Parts = {}): Parts => ({
    ...rest,
    endpoint: { provider: 'keepalived-haproxy', ...endpoint },
  })
  const bgp = { localAS: 65001, peers: [{ address: '172.31.253.1', as: 65000 }] }

  test.each<[string, Parts]>([
    ['kube-vip/unknown-version', kv({ version: '0.4.2' })],
    ['kube-vip/too-old', kv({ version: '0.7.2' })],
    ['kube-vip/broken-version', kv({ version: '1.2.2' })],
    ['kube-vip/version-beyond-known', kv({ version: '1.9.0' })],
    ['kube-vip/port-not-served', kv({ port: 8443 })],
    ['kube-vip/lease-order', kv({ lease: { duration: 3 } })],
    ['kube-vip/lease-order', kv({ lease: { retryPeriod: 3 } })],
    ['kube-vip/bgp-missing', kv({ mode: 'bgp' })],
    ['kube-vip/bgp-unused', kv({ bgp })],
    ['kube-vip/bad-peer', kv({ mode: 'bgp', bgp: { localAS: 1, peers: [{ address: '1.2.3', as: 2 }] } })],
    ['keepalived-haproxy/port-taken', ha({ port: 6443 })],
    ['keepalived-haproxy/port-taken', ha({}, { kubernetes: { apiServer: { port: 8443 } } })],
    ['keepalived-haproxy/mixed-families', ha({ address: 'fd00::60' })],
    ['stacked/two-members', { masters: 2 }],
    ['stacked/even-members', { masters: 4 }],
    ['stacked/even-members', { masters: 6 }],
    ['stacked/too-many-members', { masters: 9 }],
    ['stacked/managed-flag', { etcd: { extraArgs: { 'data-dir': '/x' } } }],
    [
      'stacked/experimental-flag',
      {
        kubernetes: { version: '1.34' },
        etcd: { extraArgs: { 'experimental-initial-corrupt-check': 'true' } },
      },
    ],
    ['cni/unknown-version', { cni: { provider: 'calico', version: '3.0.0' } }],
    ['cni/other-version', { cni: { provider: 'calico', version: '3.20.6' } }],
    [
      'cni/ipv4-only',
      { cni: { provider: 'calico' }, network: { podSubnet: 'fd00:1::/56', serviceSubnet: 'fd00:2::/112' } },
    ],
    ['cni/unknown-version', { cni: { provider: 'flannel', version: '0.1.0' } }],
    ['cni/other-version', { cni: { provider: 'flannel', version: '0.22.1' } }],
    [
      'flannel/pod-subnet-too-small',
      { cni: { provider: 'flannel' }, network: { podSubnet: '10.244.0.0/23' } },
    ],
    ['bridge/pool', { cni: { provider: 'bridge' }, rest: { pools: [{ name: 'more', role: 'worker' }] } }],
    ['bridge/address-missing', { cni: { provider: 'bridge' }, workers: [{ name: 'w1', role: 'worker' }] }],
    ['bridge/not-one-subnet', { cni: { provider: 'bridge' }, workers: [worker(1, '172.31.1.5')] }],
    [
      'blueprint/pod-subnet-too-small',
      { cni: { provider: 'bridge' }, network: { podSubnet: '10.244.0.0/23' } },
    ],
  ])('%s', (code, parts) => {
    const { diagnostics } = compileText(JSON.stringify(blueprint(parts)))
    const found = diagnostics.find((diagnostic) => diagnostic.code === code)
    expect(found, JSON.stringify(diagnostics)).toBeDefined()
    expect(found?.hint).not.toBe('')
  })

  test.each<[string, Parts]>([
    ['kube-vip', {}],
    ['one control plane', { masters: 1 }],
    ['five control planes', { masters: 5 }],
    ['keepalived', ha({})],
    [
      'keepalived on 6443, API servers moved',
      ha({ port: 6443 }, { kubernetes: { apiServer: { port: 6444 } } }),
    ],
    ['external by address', { endpoint: { provider: 'external' } }],
    [
      'an experimental flag where etcd has it',
      {
        kubernetes: { version: '1.33' },
        etcd: { extraArgs: { 'experimental-initial-corrupt-check': 'true' } },
      },
    ],
    ['bridge', { cni: { provider: 'bridge' }, workers: [worker(1)] }],
  ])('nothing to say about %s', (_, parts) => {
    const { diagnostics } = compileText(JSON.stringify(blueprint(parts)))
    expect(diagnostics.filter(({ code }) => !code.startsWith('blueprint/'))).toEqual([])
  })
})

describe('external', () => {
  test('adds nothing to the nodes, and a name is enough', async () => {
    const { plan, text } = await compiled({
      endpoint: { provider: 'external', address: undefined, name: 'lb.example.com' },
    })
    expect(plan.endpoint).toMatchObject({
      host: 'lb.example.com',
      address: undefined,
      vip: undefined,
      port: 6443,
    })
    expect(text('control-plane')).not.toMatch(/kube-vip|haproxy|keepalived/)
  })
})
