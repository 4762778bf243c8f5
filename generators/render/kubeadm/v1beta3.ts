/** kubeadm.k8s.io/v1beta3: maps of arguments, two timeouts in two places. https://kubernetes.io/docs/reference/config-api/kubeadm-config.v1beta3/ */
import { compact } from '../../model/json.ts'
import type { ControlPlaneComponent, KubeadmFeatures, KubeadmHub, LocalEtcd } from './model.ts'
import * as parts from './parts.ts'

export const features: KubeadmFeatures = {
  extraEnvs: false,
  repeatedArgs: false,
  imagePullPolicy: true,
  skipPhases: true,
  patchesDirectory: true,
  certificateValidity: false,
  encryptionAlgorithm: false,
  allTimeouts: false,
}

const apiVersion = 'kubeadm.k8s.io/v1beta3'

export function init(hub: KubeadmHub): readonly parts.KubeadmDocument[] {
  const initConfiguration = parts.defined({
    apiVersion,
    kind: 'InitConfiguration',
    bootstrapTokens: parts.bootstrapTokens(hub.bootstrapTokens),
    localAPIEndpoint: parts.localAPIEndpoint(hub),
    nodeRegistration: nodeRegistration(hub),
    skipPhases: parts.listed(hub.skipPhases?.init),
    patches: parts.patches(hub),
  })
  return [initConfiguration, clusterConfiguration(hub), hub.kubelet, hub.kubeProxy]
}

export function join(hub: KubeadmHub): readonly parts.KubeadmDocument[] {
  const joinConfiguration = parts.defined({
    apiVersion,
    kind: 'JoinConfiguration',
    discovery: parts.discovery(hub.discovery, hub.timeouts.discovery),
    controlPlane: parts.joinControlPlane(hub),
    nodeRegistration: nodeRegistration(hub),
    skipPhases: parts.listed(hub.skipPhases?.join),
    patches: parts.patches(hub),
  })
  return [joinConfiguration]
}

function clusterConfiguration({ cluster, timeouts }: KubeadmHub): parts.KubeadmDocument {
  const { apiServer, controllerManager, scheduler, etcd } = cluster
  return parts.defined({
    apiVersion,
    kind: 'ClusterConfiguration',
    ...parts.clusterBasics(cluster),
    dns: parts.section({ ...cluster.dns }),
    apiServer: parts.section({
      certSANs: parts.listed(apiServer.certSANs),
      ...component(apiServer),
      timeoutForControlPlane: timeouts.controlPlaneComponentHealthCheck,
    }),
    controllerManager: component(controllerManager),
    scheduler: component(scheduler),
    etcd:
      'local' in etcd ? { local: localEtcd(etcd.local) } : { external: parts.externalEtcd(etcd.external) },
  })
}

function component({ extraArgs, extraVolumes }: ControlPlaneComponent) {
  return parts.section({ extraArgs: parts.argsMap(extraArgs), extraVolumes: parts.volumes(extraVolumes) })
}

function localEtcd(etcd: LocalEtcd) {
  return compact({
    dataDir: etcd.dataDir,
    imageRepository: etcd.imageRepository,
    imageTag: etcd.imageTag,
    extraArgs: parts.argsMap(etcd.extraArgs),
    serverCertSANs: parts.listed(etcd.serverCertSANs),
    peerCertSANs: parts.listed(etcd.peerCertSANs),
  })
}

function nodeRegistration({ nodeRegistration: node }: KubeadmHub) {
  return compact({
    name: node.name,
    criSocket: node.criSocket,
    kubeletExtraArgs: parts.argsMap(node.kubeletExtraArgs),
    taints: parts.taints(node.taints),
    imagePullPolicy: node.imagePullPolicy,
    ignorePreflightErrors: parts.listed(node.ignorePreflightErrors),
  })
}
