/** Where the two replicas of CoreDNS run. */
import type { AddonSpec } from '../model/contribution.ts'
import { isObject, type Json } from '../model/json.ts'
import type { ClusterPlan } from '../model/plan.ts'

const labelSelector = { matchLabels: { 'k8s-app': 'kube-dns' } }
const apart = {
  podAntiAffinity: {
    preferredDuringSchedulingIgnoredDuringExecution: [
      { weight: 100, podAffinityTerm: { labelSelector, topologyKey: 'kubernetes.io/hostname' } },
    ],
  },
}
/** The fields that are ours of an object that kubeadm makes, and those that kubectl misses otherwise. */
const deployment: Json = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'coredns', namespace: 'kube-system' },
  spec: {
    selector: labelSelector,
    template: { spec: { containers: [{ name: 'coredns' }], affinity: apart } },
  },
}

/** Whether there is to be another node for one of them. */
export function hasRoomToSpread({ nodes }: ClusterPlan): boolean {
  return nodes.length > 1
}

/**
 * What newer kubeadms write by themselves. Without it the scheduler may put a replica that was moved beside the other one
 * again, always: from 1.20 on it spread nothing over nodes without a zone
 * (https://github.com/kubernetes/kubernetes/issues/102136).
 */
export function spreadCoreDns(plan: ClusterPlan): readonly AddonSpec[] {
  const { kubernetes, overrides } = plan
  if (kubernetes.facts.supports.corednsAntiAffinity || !hasRoomToSpread(plan)) return []
  // Whoever asks kubeadm for kube-dns (up to 1.20) has no CoreDNS.
  const { dns } = overrides.kubeadm
  if (isObject(dns) && dns['type'] === 'kube-dns') return []
  // Before the pod network: no replica runs yet that would have to be replaced.
  return [{ order: 5, name: 'coredns', files: { 'deployment.yaml': [deployment] } }]
}
