/** kubeadm.k8s.io/v1beta4: lists of arguments, all timeouts in one place. https://kubernetes.io/docs/reference/config-api/kubeadm-config.v1beta4/ */
import { compact } from '../../model/json.ts'
import type { ControlPlaneComponent, KubeadmFeatures, KubeadmHub, LocalEtcd } from './model.ts'
import * as parts from './parts.ts'

export const features: KubeadmFeatures = {
  extraEnvs: true,
  repeatedArgs: true,
  imagePullPolicy: true,
  skipPhases: true,
  patchesDirectory: true,
  certificateValidity: true,
  encryptionAlgorithm: true,
  allTimeouts: true,
}

const apiVersion = 'kubeadm.k8s.io/v1beta4'

export function init(hub: KubeadmHub): readonly parts.KubeadmDocument[] {
  const initConfiguration = parts.defined({
    apiVersion,
    kind: 'InitConfiguration',
    bootstrapTokens: parts.bootstrapTokens(hub.bootstrapTokens),
    localAPIEndpoint: parts.localAPIEndpoint(hub),
    nodeRegistration: nodeRegistration(hub),
    skipPhases: parts.listed(hub.skipPhases?.init),
    patches: parts.patches(hub),
    timeouts: timeouts(hub),
  })
  return [initConfiguration, clusterConfiguration(hub), hub.kubelet, hub.kubeProxy]
}

export function join(hub: KubeadmHub): readonly parts.KubeadmDocument[] {
  const joinConfiguration = parts.defined({
    apiVersion,
    kind: 'JoinConfiguration',
    discovery: parts.discovery(hub.discovery),
    controlPlane: parts.joinControlPlane(hub),
    nodeRegistration: nodeRegistration(hub),
    skipPhases: parts.listed(hub.skipPhases?.join),
    patches: parts.patches(hub),
    timeouts: timeouts(hub),
  })
  return [joinConfiguration]
}

function clusterConfiguration({ cluster }: KubeadmHub): parts.KubeadmDocument {
  const { apiServer, controllerManager, scheduler, etcd } = cluster
  return parts.defined({
    apiVersion,
    kind: 'ClusterConfiguration',
    ...parts.clusterBasics(cluster),
    dns: parts.section({ ...cluster.dns }),
    apiServer: parts.section({ certSANs: parts.listed(apiServer.certSANs), ...component(apiServer) }),
    controllerManager: component(controllerManager),
    scheduler: component(scheduler),
    etcd:
      'local' in etcd ? { local: localEtcd(etcd.local) } : { external: parts.externalEtcd(etcd.external) },
    certificateValidityPeriod: cluster.certificateValidityPeriod,
    caCertificateValidityPeriod: cluster.caCertificateValidityPeriod,
    encryptionAlgorithm: cluster.encryptionAlgorithm,
  })
}

function component({ extraArgs, extraVolumes, extraEnvs }: ControlPlaneComponent) {
  return parts.section({
    extraArgs: parts.argsList(extraArgs),
    extraVolumes: parts.volumes(extraVolumes),
    extraEnvs: parts.argsList(extraEnvs),
  })
}

function localEtcd(etcd: LocalEtcd) {
  return compact({
    dataDir: etcd.dataDir,
    imageRepository: etcd.imageRepository,
    imageTag: etcd.imageTag,
    extraArgs: parts.argsList(etcd.extraArgs),
    extraEnvs: parts.argsList(etcd.extraEnvs),
    serverCertSANs: parts.listed(etcd.serverCertSANs),
    peerCertSANs: parts.listed(etcd.peerCertSANs),
  })
}

function nodeRegistration({ nodeRegistration: node }: KubeadmHub) {
  return compact({
    name: node.name,
    criSocket: node.criSocket,
    kubeletExtraArgs: parts.argsList(node.kubeletExtraArgs),
    taints: parts.taints(node.taints),
    imagePullPolicy: node.imagePullPolicy,
    ignorePreflightErrors: parts.listed(node.ignorePreflightErrors),
  })
}

function timeouts(hub: KubeadmHub) {
  return parts.section({ ...hub.timeouts })
}
