/** kubeadm.k8s.io/v1beta4: lists of arguments, all timeouts in one place. https://kubernetes.io/docs/reference/config-api/kubeadm-config.v1beta4/ */
import * as documents from './documents.ts'
import type { KubeadmFeatures, KubeadmHub } from './model.ts'
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

const dialect: documents.Dialect = {
  apiVersion: 'kubeadm.k8s.io/v1beta4',
  args: parts.argsList,
  envs: parts.argsList,
  discoveryTimeout: () => undefined,
  node: ({ timeouts }) => ({ timeouts: parts.section({ ...timeouts }) }),
  apiServer: () => ({}),
  cluster: ({
    cluster: { certificateValidityPeriod, caCertificateValidityPeriod, encryptionAlgorithm },
  }) => ({
    certificateValidityPeriod,
    caCertificateValidityPeriod,
    encryptionAlgorithm,
  }),
}

export function init(hub: KubeadmHub): readonly parts.KubeadmDocument[] {
  return documents.init(dialect, hub)
}

export function join(hub: KubeadmHub): readonly parts.KubeadmDocument[] {
  return documents.join(dialect, hub)
}
