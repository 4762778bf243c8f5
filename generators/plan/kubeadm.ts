/** The kubeadm hub of one group: what init and join are told, whatever the API version. */
import type { Taint } from '../model/blueprint.ts'
import type { KubeadmPatch, SecretJson } from '../model/contribution.ts'
import { idlePaths, type JsonObject, mergePatch } from '../model/json.ts'
import type { ClusterPlan } from '../model/plan.ts'
import type { Role } from '../model/role.ts'
import type { ClusterSecrets } from '../model/secrets.ts'
import {
  type KubeadmHub,
  kubeletConfiguration,
  kubeProxyConfiguration,
  type NameValue,
  renderKubeadm,
} from '../render/kubeadm/index.ts'
import type { Merged } from './merge.ts'

export const discoveryFile = '/etc/leaven/discovery.conf'
export const encryptionFile = '/etc/leaven/encryption.yaml'

/** What the group itself decides about its nodes' registration. */
export interface Registration {
  readonly role: Role
  readonly pool: string | undefined
  readonly labels: Readonly<Record<string, string>>
  readonly taints: readonly Taint[]
  /** Declared nodes; a pool has none. */
  readonly nodes: readonly {
    readonly labels: Readonly<Record<string, string>>
    readonly taints: readonly Taint[]
  }[]
}

function planKubeadm(
  plan: ClusterPlan,
  group: Registration,
  merged: Merged,
  secrets: ClusterSecrets,
): Omit<KubeadmHub, 'kubelet' | 'kubeProxy'> {
  const { kubernetes, endpoint, network, bootstrap } = plan
  return {
    cluster: clusterConfiguration(plan, merged.kubeadm),
    nodeRegistration: {
      name: '@NODE_NAME@',
      criSocket: plan.runtime.socket,
      // Never the VIP, never whatever NIC has the default route (kube-vip#741).
      kubeletExtraArgs: pairs({
        'node-ip': network.dualStack ? '@NODE_IPS@' : '@NODE_IP@',
        ...registration(group),
        ...merged.kubeadm.kubeletArgs,
      }),
      ...(group.taints.length > 0 ? { taints: group.taints } : {}),
      ignorePreflightErrors: [],
    },
    ...(group.role === 'control-plane'
      ? { localAPIEndpoint: { advertiseAddress: '@NODE_IP@', bindPort: kubernetes.apiPort } }
      : {}),
    bootstrapTokens: [
      {
        token: secrets.bootstrapToken,
        ttl: bootstrap.tokenTTL,
        description: 'made by leaven; workers join with it',
        usages: ['signing', 'authentication'],
        groups: ['system:bootstrappers:kubeadm:default-node-token'],
      },
    ],
    // Control planes hold the CA anyway: a client certificate has no two-hour or one-day cliff.
    discovery:
      group.role === 'control-plane' || bootstrap.credential === 'certificate'
        ? { by: 'file', kubeConfigPath: discoveryFile }
        : {
            by: 'token',
            apiServerEndpoint: hostPort(endpoint.host, endpoint.port),
            token: secrets.bootstrapToken,
            caCertHashes: [secrets.caCertHash],
          },
    timeouts: { discovery: `${bootstrap.timeouts.api}s` },
  }
}

function clusterConfiguration(plan: ClusterPlan, patch: KubeadmPatch): KubeadmHub['cluster'] {
  const { kubernetes, endpoint, network, bootstrap } = plan
  const encryption = kubernetes.encryptionAtRest
    ? {
        args: { 'encryption-provider-config': encryptionFile },
        volumes: [
          {
            name: 'leaven-encryption',
            hostPath: encryptionFile,
            mountPath: encryptionFile,
            readOnly: true,
            pathType: 'File' as const,
          },
        ],
      }
    : { args: {}, volumes: [] }
  return {
    kubernetesVersion: kubernetes.version,
    clusterName: plan.name,
    controlPlaneEndpoint: hostPort(endpoint.host, endpoint.port),
    imageRepository: kubernetes.imageRepository,
    networking: {
      podSubnet: network.podSubnet,
      serviceSubnet: network.serviceSubnet,
      dnsDomain: network.dnsDomain,
    },
    apiServer: {
      extraArgs: pairs({ ...encryption.args, ...patch.apiServerArgs, ...kubernetes.apiServer.extraArgs }),
      extraVolumes: encryption.volumes,
      certSANs: [...new Set([...kubernetes.certSANs, ...(patch.certSANs ?? [])])],
    },
    controllerManager: {
      extraArgs: pairs({ ...patch.controllerManagerArgs, ...kubernetes.controllerManager.extraArgs }),
    },
    scheduler: { extraArgs: pairs(kubernetes.scheduler.extraArgs) },
    etcd: { local: { dataDir: plan.etcd.dataDir, extraArgs: pairs(plan.etcd.extraArgs) } },
    featureGates: kubernetes.featureGates,
    ...(bootstrap.keyAlgorithm === 'ecdsa-p256' ? { encryptionAlgorithm: 'ECDSA-P256' as const } : {}),
  }
}

/**
 * Only when it registers may a worker's kubelet label and taint its Node. Declared nodes look theirs up, and control
 * planes set them as administrators. https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#noderestriction
 */
function registration({ role, pool, labels, nodes }: Registration): Readonly<Record<string, string>> {
  if (role === 'control-plane') return {}
  if (pool === undefined)
    return {
      ...(nodes.some((node) => Object.keys(node.labels).length > 0)
        ? { 'node-labels': '@NODE_LABELS@' }
        : {}),
      ...(nodes.some((node) => node.taints.length > 0) ? { 'register-with-taints': '@NODE_TAINTS@' } : {}),
    }
  const list = Object.entries(labels).map(([key, value]) => `${key}=${value}`)
  return list.length === 0 ? {} : { 'node-labels': list.join(',') }
}

function pairs(args: Readonly<Record<string, string>>): readonly NameValue[] {
  return Object.entries(args)
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([name, value]) => ({ name, value }))
}

/** `[fd00::1]:6443` for IPv6. */
export function hostPort(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

export interface KubeadmDocuments {
  /** Of control planes only. */
  readonly init: readonly SecretJson[] | undefined
  readonly join: readonly SecretJson[]
  /** Overrides of the user's that change nothing. */
  readonly idle: readonly (readonly string[])[]
}

/** The documents that kubeadm reads; the user's patches come last and win. */
export function kubeadmDocuments(
  plan: ClusterPlan,
  group: Registration,
  merged: Merged,
  secrets: ClusterSecrets,
): KubeadmDocuments {
  const { overrides, kubernetes } = plan
  const kubelet = patched(kubeletOf(plan), merged.kubeadm.kubelet)
  const kubeProxy = patched(
    kubeProxyConfiguration({ mode: kubernetes.proxyMode, strictARP: true }),
    merged.kubeadm.kubeProxy,
  )
  const hub: KubeadmHub = {
    ...planKubeadm(plan, group, merged, secrets),
    kubelet: patched(kubelet, overrides.kubelet),
    kubeProxy: patched(kubeProxy, overrides.kubeProxy),
  }
  const api = kubernetes.facts.kubeadmApi
  const join = renderKubeadm(api, hub, 'join')
  if (group.role === 'worker') return { init: undefined, join, idle: [] }
  const init = renderKubeadm(api, hub, 'init')
  const cluster = init.find(({ kind }) => kind === 'ClusterConfiguration') as JsonObject
  const idle = (name: keyof typeof overrides, document: JsonObject) =>
    idlePaths(document, overrides[name]).map((path) => ['overrides', name, ...path])
  return {
    init: init.map((document) => (document === cluster ? patched(cluster, overrides.kubeadm) : document)),
    join,
    idle: [...idle('kubeadm', cluster), ...idle('kubelet', kubelet), ...idle('kubeProxy', kubeProxy)],
  }
}

function kubeletOf({ network, bootstrap, kubernetes }: ClusterPlan): JsonObject {
  return kubeletConfiguration({
    clusterDNS: [network.dnsAddress],
    clusterDomain: network.dnsDomain,
    // A link that first boot keeps to each node's own resolver: kubeadm would spread the init node's (kubernetes/kubeadm#1124).
    resolvConf: '/etc/leaven/resolv.conf',
    swap: bootstrap.swap === 'off' ? 'off' : kubernetes.facts.supports.nodeSwap ? 'limited' : 'unused',
  })
}

function patched(document: JsonObject, ...patches: readonly (JsonObject | undefined)[]): JsonObject {
  return patches.reduce<JsonObject>((sum, patch) => mergePatch(sum, patch ?? {}) as JsonObject, document)
}
