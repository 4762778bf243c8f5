/** The container images that a group's nodes run: Kubernetes' own, and those that the blueprint names. */
import { imagesInManifest } from '../images/found.ts'
import { fullName } from '../images/reference.ts'
import type { ContainerImage, FileSpec } from '../model/contribution.ts'
import type { ClusterPlan } from '../model/plan.ts'
import type { Role } from '../model/role.ts'

export function kubernetesImages({ kubernetes }: ClusterPlan, role: Role): readonly ContainerImage[] {
  const { facts, imageRepository, customRepository, version } = kubernetes
  const own = (name: string, why: string): ContainerImage => ({
    reference: `${imageRepository}/${name}:v${version}`,
    why,
  })
  // kubeadm looks for CoreDNS flat under any registry but its own (kubeadm#2801).
  const coredns = customRepository ? 'coredns' : facts.images.coredns.path
  const everywhere = [
    own('kube-proxy', 'routes services on every node'),
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

/** `airgap.images` */
export function namedImages(references: readonly string[]): readonly ContainerImage[] {
  return references.map((written) => {
    const reference = fullName(written)
    return { reference, why: `named in airgap.images${reference === written ? '' : ` as ${written}`}` }
  })
}

/** Images that the user's manifests run, such as static pods. */
export function imagesInFiles(files: readonly FileSpec[]): readonly ContainerImage[] {
  return files.flatMap(({ path, body }) =>
    body.kind === 'text' && /\.(ya?ml|json|manifest)$/.test(path)
      ? imagesInManifest(body.text).map((reference) => ({ reference, why: `runs in ${path}` }))
      : [],
  )
}
