/** From the hub to the documents that one kubeadm API reads. Which API it is comes from the facts. */
import type { KubeadmApi } from '../../facts/facts.ts'
import type { KubeadmFeatures, KubeadmHub } from './model.ts'
import type { KubeadmDocument } from './parts.ts'
import * as v1beta2 from './v1beta2.ts'
import * as v1beta3 from './v1beta3.ts'
import * as v1beta4 from './v1beta4.ts'

export { kubeProxyConfiguration } from './kube-proxy.ts'
export { kubeletConfiguration } from './kubelet.ts'
export type * from './model.ts'
export type { KubeadmDocument } from './parts.ts'

interface Converter {
  readonly features: KubeadmFeatures
  readonly init: (hub: KubeadmHub) => readonly KubeadmDocument[]
  readonly join: (hub: KubeadmHub) => readonly KubeadmDocument[]
}

const converters: Readonly<Record<KubeadmApi, Converter>> = { v1beta2, v1beta3, v1beta4 }

/**
 * init: InitConfiguration, ClusterConfiguration, KubeletConfiguration, KubeProxyConfiguration, in this order.
 * join: JoinConfiguration; of a control plane exactly when the hub has a localAPIEndpoint.
 */
export function renderKubeadm(
  api: KubeadmApi,
  hub: KubeadmHub,
  kind: 'init' | 'join',
): readonly KubeadmDocument[] {
  return converters[api][kind](hub)
}

/** What the API can express; the rest of the hub is left out of its documents. */
export function kubeadmFeatures(api: KubeadmApi): KubeadmFeatures {
  return converters[api].features
}
