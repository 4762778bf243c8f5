/** kubeadm's documents from v1beta3 on; a dialect says what an API version spells in its own way. */
import type { SecretJson } from '../../model/contribution.ts'
import type { Json } from '../../model/json.ts'
import { compact } from '../../model/json.ts'
import type { ControlPlaneComponent, KubeadmHub, LocalEtcd, NameValue } from './model.ts'
import * as parts from './parts.ts'

type Fields = Readonly<Record<string, SecretJson | undefined>>

export interface Dialect {
  readonly apiVersion: string
  /** Flags of a component. */
  readonly args: (args: readonly NameValue[] | undefined) => Json | undefined
  /** Environment of a component, where the API knows of it. */
  readonly envs: (envs: readonly NameValue[] | undefined) => Json | undefined
  /** Beside the discovery itself, where the API keeps it there. */
  readonly discoveryTimeout: (hub: KubeadmHub) => string | undefined
  /** What `InitConfiguration` and `JoinConfiguration`, the API server, and the cluster have of their own. */
  readonly node: (hub: KubeadmHub) => Fields
  readonly apiServer: (hub: KubeadmHub) => Readonly<Record<string, Json | undefined>>
  readonly cluster: (hub: KubeadmHub) => Fields
}

export function init(dialect: Dialect, hub: KubeadmHub): readonly parts.KubeadmDocument[] {
  const initConfiguration = parts.defined({
    apiVersion: dialect.apiVersion,
    kind: 'InitConfiguration',
    bootstrapTokens: parts.bootstrapTokens(hub.bootstrapTokens),
    localAPIEndpoint: parts.localAPIEndpoint(hub),
    ...nodeFields(dialect, hub, hub.skipPhases?.init),
  })
  return [initConfiguration, clusterConfiguration(dialect, hub), hub.kubelet, hub.kubeProxy]
}

export function join(dialect: Dialect, hub: KubeadmHub): readonly parts.KubeadmDocument[] {
  const joinConfiguration = parts.defined({
    apiVersion: dialect.apiVersion,
    kind: 'JoinConfiguration',
    discovery: parts.discovery(hub.discovery, dialect.discoveryTimeout(hub)),
    controlPlane: parts.joinControlPlane(hub),
    ...nodeFields(dialect, hub, hub.skipPhases?.join),
  })
  return [joinConfiguration]
}

function nodeFields(dialect: Dialect, hub: KubeadmHub, skipPhases: readonly string[] | undefined): Fields {
  const node = hub.nodeRegistration
  return {
    nodeRegistration: compact({
      name: node.name,
      criSocket: node.criSocket,
      kubeletExtraArgs: dialect.args(node.kubeletExtraArgs),
      taints: parts.taints(node.taints),
      imagePullPolicy: node.imagePullPolicy,
      ignorePreflightErrors: parts.listed(node.ignorePreflightErrors),
    }),
    skipPhases: parts.listed(skipPhases),
    patches: parts.patches(hub),
    ...dialect.node(hub),
  }
}

function clusterConfiguration(dialect: Dialect, hub: KubeadmHub): parts.KubeadmDocument {
  const { apiServer, controllerManager, scheduler, etcd, dns } = hub.cluster
  const component = ({ extraArgs, extraVolumes, extraEnvs }: ControlPlaneComponent) =>
    parts.section({
      extraArgs: dialect.args(extraArgs),
      extraVolumes: parts.volumes(extraVolumes),
      extraEnvs: dialect.envs(extraEnvs),
    })
  return parts.defined({
    apiVersion: dialect.apiVersion,
    kind: 'ClusterConfiguration',
    ...parts.clusterBasics(hub.cluster),
    dns: parts.section({ ...dns }),
    apiServer: parts.section({
      certSANs: parts.listed(apiServer.certSANs),
      ...component(apiServer),
      ...dialect.apiServer(hub),
    }),
    controllerManager: component(controllerManager),
    scheduler: component(scheduler),
    etcd:
      'local' in etcd
        ? { local: localEtcd(dialect, etcd.local) }
        : { external: parts.externalEtcd(etcd.external) },
    ...dialect.cluster(hub),
  })
}

function localEtcd(dialect: Dialect, etcd: LocalEtcd) {
  return compact({
    dataDir: etcd.dataDir,
    imageRepository: etcd.imageRepository,
    imageTag: etcd.imageTag,
    extraArgs: dialect.args(etcd.extraArgs),
    extraEnvs: dialect.envs(etcd.extraEnvs),
    serverCertSANs: parts.listed(etcd.serverCertSANs),
    peerCertSANs: parts.listed(etcd.peerCertSANs),
  })
}
