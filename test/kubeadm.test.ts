import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { stringify } from 'yaml'
import type { KubeadmApi } from '../generators/facts/facts.ts'
import { Secret } from '../generators/model/secret.ts'
import {
  type KubeadmDocument,
  type KubeadmFeatures,
  type KubeadmHub,
  kubeadmFeatures,
  kubeletConfiguration,
  kubeProxyConfiguration,
  renderKubeadm,
} from '../generators/render/kubeadm/index.ts'
import { anyHub } from './support/kubeadm-hub.ts'

const apis: readonly KubeadmApi[] = ['v1beta2', 'v1beta3', 'v1beta4']
const kinds = ['init', 'join'] as const

type Fields = Readonly<Record<string, Readonly<Record<string, string>>>>

function fieldsOf(name: string): Fields {
  const file = new URL(`support/kubeadm-fields/${name}.json`, import.meta.url)
  return JSON.parse(readFileSync(file, 'utf8')).documents
}

const oldComponents = fieldsOf('components-1.18')
const newComponents = fieldsOf('components-1.36')
const tables = Object.fromEntries(apis.map((api) => [api, { ...newComponents, ...fieldsOf(api) }]))

const goDuration = /^(?=.)(\d+h)?(\d+m)?(\d+(\.\d+)?s)?$/

/** Every leaf of a document that the table does not know, or knows with another type. */
function strangers(document: unknown, fields: Fields): string[] {
  const kind = String((document as KubeadmDocument)['kind'])
  const known = fields[kind] ?? {}
  const found: string[] = []
  const visit = (value: unknown, path: string) => {
    if (Array.isArray(value)) for (const item of value) visit(item, `${path}[]`)
    else if (typeof value === 'object' && value !== null && !(value instanceof Secret)) {
      for (const [key, item] of Object.entries(value)) visit(item, under(path, key, known))
    } else if (!fits(value, known[path])) found.push(`${kind} ${path}: ${typeof value}`)
  }
  visit(document, '')
  return found
}

/** Maps have `.*` in the table, whatever their keys are. */
function under(path: string, key: string, known: Readonly<Record<string, string>>): string {
  return `${path}.*` in known ? `${path}.*` : path === '' ? key : `${path}.${key}`
}

function fits(value: unknown, type: string | undefined): boolean {
  if (type === 'duration') return typeof value === 'string' && goDuration.test(value)
  if (type === 'string') return typeof value === 'string' || value instanceof Secret
  if (type === 'integer') return Number.isInteger(value)
  return type === typeof value
}

const complete: KubeadmHub = {
  cluster: {
    kubernetesVersion: '1.31.4',
    clusterName: 'prod',
    controlPlaneEndpoint: 'api.prod.internal:6443',
    certificatesDir: '/etc/kubernetes/pki',
    imageRepository: 'registry.example.com/k8s',
    dns: { imageRepository: 'registry.example.com/dns', imageTag: 'v1.11.3' },
    networking: { podSubnet: '10.244.0.0/16', serviceSubnet: '10.96.0.0/12', dnsDomain: 'cluster.local' },
    apiServer: {
      certSANs: ['api.prod.internal', '172.31.253.60', '::1'],
      extraArgs: [
        { name: 'audit-log-path', value: '/var/log/audit.log' },
        { name: 'service-account-issuer', value: 'https://new.example.com' },
        { name: 'service-account-issuer', value: 'https://old.example.com' },
      ],
      extraVolumes: [
        {
          name: 'encryption',
          hostPath: '/etc/leaven/encryption.yaml',
          mountPath: '/etc/leaven/encryption.yaml',
          readOnly: true,
          pathType: 'File',
        },
      ],
      extraEnvs: [{ name: 'HTTPS_PROXY', value: 'http://proxy.example.com:3128' }],
    },
    controllerManager: {
      extraArgs: [{ name: 'node-monitor-grace-period', value: '20s' }],
      extraVolumes: [{ name: 'zones', hostPath: '/usr/share/zoneinfo', mountPath: '/usr/share/zoneinfo' }],
      extraEnvs: [{ name: 'TZ', value: 'UTC' }],
    },
    scheduler: { extraArgs: [{ name: 'v', value: '2' }] },
    etcd: {
      local: {
        dataDir: '/var/lib/etcd',
        imageRepository: 'registry.example.com/etcd',
        imageTag: '3.5.15-0',
        extraArgs: [{ name: 'quota-backend-bytes', value: '8589934592' }],
        extraEnvs: [{ name: 'GOMEMLIMIT', value: '4GiB' }],
        serverCertSANs: ['m1.prod.internal'],
        peerCertSANs: ['m1.prod.internal'],
      },
    },
    featureGates: { PublicKeysECDSA: true },
    certificateValidityPeriod: '8760h0m0s',
    caCertificateValidityPeriod: '87600h0m0s',
    encryptionAlgorithm: 'ECDSA-P256',
  },
  nodeRegistration: {
    name: '@NODE_NAME@',
    criSocket: 'unix:///run/containerd/containerd.sock',
    kubeletExtraArgs: [{ name: 'node-ip', value: '@NODE_IP@' }],
    taints: [{ key: 'dedicated', value: 'control', effect: 'NoSchedule' }],
    imagePullPolicy: 'IfNotPresent',
    ignorePreflightErrors: ['DirAvailable--etc-kubernetes-manifests'],
  },
  localAPIEndpoint: { advertiseAddress: '@NODE_IP@', bindPort: 6443 },
  bootstrapTokens: [
    {
      token: new Secret('abcdef.0123456789abcdef'),
      ttl: '24h0m0s',
      description: 'joins the first nodes',
      usages: ['signing', 'authentication'],
      groups: ['system:bootstrappers:kubeadm:default-node-token'],
    },
  ],
  discovery: {
    by: 'token',
    apiServerEndpoint: 'api.prod.internal:6443',
    token: new Secret('abcdef.0123456789abcdef'),
    caCertHashes: ['sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef'],
    tlsBootstrapToken: new Secret('fedcba.fedcba9876543210'),
  },
  timeouts: {
    controlPlaneComponentHealthCheck: '10m0s',
    discovery: '1h0m0s',
    kubeletHealthCheck: '4m0s',
    kubernetesAPICall: '1m0s',
    etcdAPICall: '2m0s',
    tlsBootstrap: '5m0s',
  },
  skipPhases: { init: ['addon/kube-proxy'], join: ['preflight'] },
  patchesDirectory: '/etc/leaven/patches',
  kubelet: kubeletConfiguration({
    clusterDNS: ['10.96.0.10'],
    clusterDomain: 'cluster.local',
    swap: 'limited',
    resolvConf: '/run/systemd/resolve/resolv.conf',
    serverTLSBootstrap: true,
    failCgroupV1: false,
  }),
  kubeProxy: kubeProxyConfiguration({ mode: 'ipvs', strictARP: true, conntrack: { maxPerCore: 0, min: 0 } }),
}

/** What the hub says of a worker that joins by a kubeconfig, with as little as possible. */
const { localAPIEndpoint: _endpoint, patchesDirectory: _patches, ...worker } = complete
const minimal: KubeadmHub = {
  ...worker,
  cluster: {
    kubernetesVersion: '1.31.4',
    clusterName: 'small',
    controlPlaneEndpoint: '10.0.0.1:6443',
    networking: {},
    apiServer: { certSANs: [], extraArgs: [] },
    controllerManager: {},
    scheduler: { extraVolumes: [] },
    etcd: {
      external: { endpoints: ['https://10.0.0.2:2379'], caFile: '/ca', certFile: '/cert', keyFile: '/key' },
    },
    featureGates: {},
  },
  nodeRegistration: { criSocket: 'unix:///run/containerd/containerd.sock', ignorePreflightErrors: [] },
  bootstrapTokens: [],
  discovery: { by: 'file', kubeConfigPath: '/etc/leaven/discovery.conf' },
  timeouts: {},
  skipPhases: {},
  kubelet: kubeletConfiguration({ clusterDNS: ['10.96.0.10'], clusterDomain: 'cluster.local', swap: 'off' }),
  kubeProxy: kubeProxyConfiguration({ mode: 'iptables' }),
}

function text(api: KubeadmApi, hub: KubeadmHub, kind: 'init' | 'join'): string {
  const reveal = (_key: string, value: unknown) => (value instanceof Secret ? value.reveal() : value)
  const documents = renderKubeadm(api, hub, kind).map((document) => stringify(document, reveal))
  return documents.join('---\n')
}

describe.each(apis)('%s', (api) => {
  describe.each(kinds)('%s', (kind) => {
    test('with everything set', async () => {
      await expect(text(api, complete, kind)).toMatchFileSnapshot(
        `golden/kubeadm/${api}-${kind}-complete.yaml`,
      )
    })

    test('with as little as possible', async () => {
      await expect(text(api, minimal, kind)).toMatchFileSnapshot(`golden/kubeadm/${api}-${kind}-minimal.yaml`)
    })

    test('writes only fields that the API has, whatever the hub', () => {
      fc.assert(
        fc.property(anyHub, (hub) => {
          const documents = renderKubeadm(api, hub, kind)
          expect(documents.flatMap((document) => strangers(document, tables[api] ?? {}))).toEqual([])
        }),
      )
    })

    test('keeps tokens secret until the file is written', () => {
      fc.assert(
        fc.property(anyHub, (hub) => {
          const printed = JSON.stringify(renderKubeadm(api, hub, kind))
          expect(printed).not.toMatch(/[a-z0-9]{6}\.[a-z0-9]{16}/)
        }),
      )
    })

    test('names its documents, in order', () => {
      const expected =
        kind === 'init'
          ? ['InitConfiguration', 'ClusterConfiguration', 'KubeletConfiguration', 'KubeProxyConfiguration']
          : ['JoinConfiguration']
      const documents = renderKubeadm(api, complete, kind)
      expect(documents.map((document) => document['kind'])).toEqual(expected)
      for (const document of documents.filter(({ kind: name }) => !/^Kube/.test(String(name)))) {
        expect(document['apiVersion']).toBe(`kubeadm.k8s.io/${api}`)
      }
    })
  })

  test('a node joins as a control plane exactly when it has an API server', () => {
    const [asControlPlane] = renderKubeadm(api, complete, 'join')
    const [asWorker] = renderKubeadm(api, minimal, 'join')
    expect(asControlPlane?.['controlPlane']).toEqual({ localAPIEndpoint: complete.localAPIEndpoint })
    expect(asWorker).not.toHaveProperty('controlPlane')
  })

  test.each([
    ['absent', undefined, undefined],
    ['none', [], []],
    ['one', [{ key: 'a', effect: 'NoExecute' as const }], [{ key: 'a', effect: 'NoExecute' }]],
  ])('taints: %s', (_what, given, written) => {
    const nodeRegistration = { criSocket: 'unix:///x', ...(given === undefined ? {} : { taints: given }) }
    for (const kind of kinds) {
      const [document] = renderKubeadm(api, { ...complete, nodeRegistration }, kind)
      expect(document).toHaveProperty('nodeRegistration')
      expect((document?.['nodeRegistration'] ?? {}) as KubeadmDocument).toEqual(
        written === undefined ? nodeRegistration : { ...nodeRegistration, taints: written },
      )
    }
  })

  const changes: Record<keyof KubeadmFeatures, (hub: KubeadmHub) => KubeadmHub> = {
    extraEnvs: (hub) =>
      withCluster(hub, { scheduler: { ...hub.cluster.scheduler, extraEnvs: [{ name: 'A', value: 'b' }] } }),
    repeatedArgs: (hub) =>
      withCluster(hub, {
        scheduler: { extraArgs: [...(hub.cluster.scheduler.extraArgs ?? []), { name: 'v', value: '2' }] },
      }),
    imagePullPolicy: (hub) => ({
      ...hub,
      nodeRegistration: { ...hub.nodeRegistration, imagePullPolicy: 'Never' },
    }),
    skipPhases: (hub) => ({ ...hub, skipPhases: { init: ['mark-control-plane'] } }),
    patchesDirectory: (hub) => ({ ...hub, patchesDirectory: '/elsewhere' }),
    certificateValidity: (hub) => withCluster(hub, { certificateValidityPeriod: '1h0m0s' }),
    encryptionAlgorithm: (hub) => withCluster(hub, { encryptionAlgorithm: 'RSA-4096' }),
    allTimeouts: (hub) => ({ ...hub, timeouts: { ...hub.timeouts, tlsBootstrap: '1m0s' } }),
  }

  test.each(Object.entries(changes))('says of %s whether it reaches the documents', (feature, change) => {
    const differs = text(api, change(complete), 'init') !== text(api, complete, 'init')
    expect(differs).toBe(kubeadmFeatures(api)[feature as keyof KubeadmFeatures])
  })
})

function withCluster(hub: KubeadmHub, change: Partial<KubeadmHub['cluster']>): KubeadmHub {
  return { ...hub, cluster: { ...hub.cluster, ...change } }
}

describe('the documents of the components', () => {
  test.each(['iptables', 'ipvs', 'nftables'] as const)('kube-proxy %s is known to 1.18 already', (mode) => {
    for (const strictARP of [true, false]) {
      const document = kubeProxyConfiguration({ mode, strictARP, conntrack: { maxPerCore: 0, min: 0 } })
      expect(strangers(document, oldComponents)).toEqual([])
      expect('ipvs' in document).toBe(mode === 'ipvs' && strictARP)
    }
  })

  test('the kubelet of 1.18 knows all but what is asked for by name', () => {
    const options = { clusterDNS: ['10.96.0.10'], clusterDomain: 'cluster.local' }
    for (const swap of ['off', 'unused'] as const) {
      const document = kubeletConfiguration({ ...options, swap, serverTLSBootstrap: true, resolvConf: '/x' })
      expect(strangers(document, oldComponents)).toEqual([])
      expect(document['failSwapOn']).toBe(swap === 'off')
    }
    const newer = kubeletConfiguration({ ...options, swap: 'limited', failCgroupV1: false })
    expect(strangers(newer, newComponents)).toEqual([])
    expect(strangers(newer, oldComponents)).toEqual([
      'KubeletConfiguration memorySwap.swapBehavior: string',
      'KubeletConfiguration failCgroupV1: boolean',
    ])
  })
})

describe('the field tables', () => {
  test.each([
    ['a field that is not there', { kind: 'InitConfiguration', surprise: 1 }],
    [
      'a field of another API',
      { kind: 'ClusterConfiguration', apiServer: { timeoutForControlPlane: '4m0s' } },
    ],
    ['a number for a string', { kind: 'ClusterConfiguration', clusterName: 7 }],
    ['a map for a list', { kind: 'ClusterConfiguration', apiServer: { extraArgs: { v: '2' } } }],
    ['seconds as a number', { kind: 'InitConfiguration', timeouts: { discovery: 300 } }],
    ['a duration without unit', { kind: 'InitConfiguration', timeouts: { discovery: '300' } }],
    ['a list for a string', { kind: 'ClusterConfiguration', networking: { podSubnet: ['10.0.0.0/8'] } }],
    ['a kind that is not there', { kind: 'ResetConfiguration', force: true }],
  ])('find %s', (_what, document) => {
    expect(strangers(document, tables['v1beta4'] ?? {})).not.toEqual([])
  })
})
