/** Any hub that its type allows, for properties that hold whatever a plan asks of kubeadm. */
import fc from 'fast-check'
import { Secret } from '../../generators/model/secret.ts'
import type { KubeadmHub, LocalEtcd } from '../../generators/render/kubeadm/index.ts'
import { kubeletConfiguration, kubeProxyConfiguration } from '../../generators/render/kubeadm/index.ts'

const word = fc.stringMatching(/^[a-z][a-z0-9-]{0,9}$/)
const path = word.map((name) => `/${name}`)
const duration = fc
  .tuple(fc.nat(999), fc.nat(59), fc.nat(59))
  .map(([hours, minutes, seconds]) => `${hours}h${minutes}m${seconds}s`)
const token = fc
  .tuple(fc.stringMatching(/^[a-z0-9]{6}$/), fc.stringMatching(/^[a-z0-9]{16}$/))
  .map(([id, secret]) => new Secret(`${id}.${secret}`))
const words = fc.array(word, { maxLength: 3 })
const pairs = fc.array(fc.record({ name: word, value: fc.string() }), { maxLength: 3 })

/** Every key may be missing, except those named. */
function some<T>(
  keys: { [K in keyof T]-?: fc.Arbitrary<Exclude<T[K], undefined>> },
  required: (keyof T)[],
): fc.Arbitrary<T> {
  return fc.record(keys, { requiredKeys: required as never }) as fc.Arbitrary<T>
}

type Cluster = KubeadmHub['cluster']
type Volume = NonNullable<Cluster['scheduler']['extraVolumes']>[number]

const volume = some<Volume>(
  {
    name: word,
    hostPath: path,
    mountPath: path,
    readOnly: fc.boolean(),
    pathType: fc.constantFrom('File' as const, 'DirectoryOrCreate' as const),
  },
  ['name', 'hostPath', 'mountPath'],
)
const parts = { extraArgs: pairs, extraVolumes: fc.array(volume, { maxLength: 2 }), extraEnvs: pairs }
const component = some<Cluster['scheduler']>(parts, [])

const etcd: fc.Arbitrary<Cluster['etcd']> = fc.oneof(
  some<LocalEtcd>(
    {
      dataDir: path,
      imageRepository: word,
      imageTag: word,
      extraArgs: pairs,
      extraEnvs: pairs,
      serverCertSANs: words,
      peerCertSANs: words,
    },
    ['dataDir'],
  ).map((local) => ({ local })),
  fc
    .record({ endpoints: words, caFile: path, certFile: path, keyFile: path })
    .map((external) => ({ external })),
)

const cluster = some<Cluster>(
  {
    kubernetesVersion: fc.constantFrom('1.18.20', '1.27.1', '1.37.0'),
    clusterName: word,
    controlPlaneEndpoint: word.map((host) => `${host}:6443`),
    certificatesDir: path,
    imageRepository: word,
    dns: some<NonNullable<Cluster['dns']>>({ imageRepository: word, imageTag: word }, []),
    networking: some<Cluster['networking']>({ podSubnet: word, serviceSubnet: word, dnsDomain: word }, []),
    apiServer: some<Cluster['apiServer']>({ ...parts, certSANs: words }, []),
    controllerManager: component,
    scheduler: component,
    etcd,
    featureGates: fc.dictionary(word, fc.boolean(), { maxKeys: 3 }),
    certificateValidityPeriod: duration,
    caCertificateValidityPeriod: duration,
    encryptionAlgorithm: fc.constantFrom('RSA-2048' as const, 'ECDSA-P256' as const),
  },
  [
    'kubernetesVersion',
    'clusterName',
    'controlPlaneEndpoint',
    'networking',
    'apiServer',
    'controllerManager',
    'scheduler',
    'etcd',
  ],
)

type Registration = KubeadmHub['nodeRegistration']
type Taint = NonNullable<Registration['taints']>[number]

const nodeRegistration = some<Registration>(
  {
    name: word,
    criSocket: path.map((socket) => `unix://${socket}`),
    kubeletExtraArgs: pairs,
    taints: fc.array(
      some<Taint>(
        { key: word, value: word, effect: fc.constantFrom('NoSchedule' as const, 'NoExecute' as const) },
        ['key', 'effect'],
      ),
      { maxLength: 2 },
    ),
    imagePullPolicy: fc.constantFrom('Always' as const, 'Never' as const),
    ignorePreflightErrors: words,
  },
  ['criSocket'],
)

const discovery: fc.Arbitrary<KubeadmHub['discovery']> = fc.oneof(
  some<Extract<KubeadmHub['discovery'], { by: 'token' }>>(
    {
      by: fc.constant('token' as const),
      apiServerEndpoint: word,
      token,
      caCertHashes: words,
      tlsBootstrapToken: token,
    },
    ['by', 'apiServerEndpoint', 'token', 'caCertHashes'],
  ),
  some<Extract<KubeadmHub['discovery'], { by: 'file' }>>(
    { by: fc.constant('file' as const), kubeConfigPath: path, tlsBootstrapToken: token },
    ['by', 'kubeConfigPath'],
  ),
)

type Token = KubeadmHub['bootstrapTokens'][number]

const bootstrapToken = some<Token>(
  {
    token,
    ttl: duration,
    description: fc.constantFrom('a', ''),
    usages: fc.constant(['signing', 'authentication'] as const),
    groups: words,
  },
  ['token', 'ttl', 'usages', 'groups'],
)

export const anyHub: fc.Arbitrary<KubeadmHub> = some<KubeadmHub>(
  {
    cluster,
    nodeRegistration,
    localAPIEndpoint: fc.record({ advertiseAddress: word, bindPort: fc.integer({ min: 1, max: 65535 }) }),
    bootstrapTokens: fc.array(bootstrapToken, { maxLength: 2 }),
    discovery,
    timeouts: some<KubeadmHub['timeouts']>(
      {
        controlPlaneComponentHealthCheck: duration,
        discovery: duration,
        kubeletHealthCheck: duration,
        kubernetesAPICall: duration,
        etcdAPICall: duration,
        tlsBootstrap: duration,
      },
      [],
    ),
    skipPhases: some<NonNullable<KubeadmHub['skipPhases']>>({ init: words, join: words }, []),
    patchesDirectory: path,
    kubelet: some<Parameters<typeof kubeletConfiguration>[0]>(
      {
        clusterDNS: words,
        clusterDomain: word,
        swap: fc.constantFrom('off' as const, 'unused' as const, 'limited' as const),
        resolvConf: path,
        serverTLSBootstrap: fc.boolean(),
        failCgroupV1: fc.boolean(),
      },
      ['clusterDNS', 'clusterDomain', 'swap'],
    ).map(kubeletConfiguration),
    kubeProxy: some<Parameters<typeof kubeProxyConfiguration>[0]>(
      {
        mode: fc.constantFrom('iptables' as const, 'ipvs' as const, 'nftables' as const),
        strictARP: fc.boolean(),
        conntrack: fc.record({ maxPerCore: fc.nat(), min: fc.nat() }),
      },
      ['mode'],
    ).map(kubeProxyConfiguration),
  },
  ['cluster', 'nodeRegistration', 'bootstrapTokens', 'discovery', 'timeouts', 'kubelet', 'kubeProxy'],
)
