/** kubeadm.k8s.io/v1beta3: maps of arguments, two timeouts in two places. https://kubernetes.io/docs/reference/config-api/kubeadm-config.v1beta3/ */
import * as documents from './documents.ts'
import type { KubeadmFeatures, KubeadmHub } from './model.ts'
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

const dialect: documents.Dialect = {
  apiVersion: 'kubeadm.k8s.io/v1beta3',
  args: parts.argsMap,
  envs: () => undefined,
  discoveryTimeout: ({ timeouts }) => timeouts.discovery,
  node: () => ({}),
  apiServer: ({ timeouts }) => ({ timeoutForControlPlane: timeouts.controlPlaneComponentHealthCheck }),
  cluster: () => ({}),
}

export function init(hub: KubeadmHub): readonly parts.KubeadmDocument[] {
  return documents.init(dialect, hub)
}

export function join(hub: KubeadmHub): readonly parts.KubeadmDocument[] {
  return documents.join(dialect, hub)
}
