/** The container images that Kubernetes itself needs, by role. */
import type { ContainerImage } from '../model/contribution.ts'
import type { ClusterPlan } from '../model/plan.ts'
import type { Role } from '../model/role.ts'

export function kubernetesImages(
  { kubernetes, runtime }: ClusterPlan,
  role: Role,
): readonly ContainerImage[] {
  const { facts, imageRepository, customRepository, version } = kubernetes
  const own = (name: string, why: string): ContainerImage => ({
    reference: `${imageRepository}/${name}:v${version}`,
    why,
  })
  // kubeadm looks for CoreDNS flat under any registry but its own (kubeadm#2801).
  const coredns = customRepository ? 'coredns' : facts.images.coredns.path
  const everywhere = [
    own('kube-proxy', 'routes services on every node'),
    { reference: runtime.sandboxImage, why: "every pod's sandbox" },
    {
      reference: `${imageRepository}/${coredns}:${facts.images.coredns.tag}`,
      why: 'cluster DNS, on any node',
    },
  ]
  if (role === 'worker') return everywhere
  return [
    own('kube-apiserver', 'control plane'),
    own('kube-controller-manager', 'control plane'),
    own('kube-scheduler', 'control plane'),
    { reference: `${imageRepository}/etcd:${facts.images.etcd}`, why: "the cluster's state" },
    ...everywhere,
  ]
}
