/** kubeadm.k8s.io/v1beta2: what v1beta3 says of a smaller hub. https://pkg.go.dev/k8s.io/kubernetes@v1.21.14/cmd/kubeadm/app/apis/kubeadm/v1beta2 */
import type { KubeadmFeatures, KubeadmHub } from './model.ts'
import type { KubeadmDocument } from './parts.ts'
import * as v1beta3 from './v1beta3.ts'

export const features: KubeadmFeatures = {
  ...v1beta3.features,
  imagePullPolicy: false,
  skipPhases: false,
  patchesDirectory: false,
}

export function init(hub: KubeadmHub): readonly KubeadmDocument[] {
  return v1beta3.init(smaller(hub)).map(renamed)
}

export function join(hub: KubeadmHub): readonly KubeadmDocument[] {
  return v1beta3.join(smaller(hub)).map(renamed)
}

function smaller(hub: KubeadmHub): KubeadmHub {
  const { skipPhases: _phases, patchesDirectory: _patches, ...rest } = hub
  const { imagePullPolicy: _policy, ...nodeRegistration } = hub.nodeRegistration
  return { ...rest, nodeRegistration }
}

function renamed(document: KubeadmDocument): KubeadmDocument {
  if (document['apiVersion'] !== 'kubeadm.k8s.io/v1beta3') return document
  const dns = document['dns']
  return {
    ...document,
    apiVersion: 'kubeadm.k8s.io/v1beta2',
    // Its other value was kube-dns, and the field has no omitempty.
    ...(dns === undefined ? {} : { dns: { type: 'CoreDNS', ...(dns as KubeadmDocument) } }),
  }
}
