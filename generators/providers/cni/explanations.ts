/** Of all pod networks: those that they share, and those of the ones that have few. */
import type { Explanations } from '../../model/diagnostic.ts'

export const explanations: Explanations = {
  'cni/unknown-version': {
    severity: 'error',
    cause: 'We do not know this release of the pod network: where its manifest is and which images it names.',
    example: `network:
  cni: { provider: calico, version: 3.0.0 }`,
    fix: 'Leave version out, or take one of those in the hint.',
  },
  'cni/other-version': {
    severity: 'warning',
    cause:
      'The release is not the one that we take for this Kubernetes, and its project may not test the pair.',
    example: `network:
  cni: { provider: flannel, version: 0.22.1 }`,
    fix: 'Leave version out, or compare with the project’s own list.',
    source: 'https://docs.tigera.io/calico/latest/getting-started/kubernetes/requirements',
  },
  'cni/ipv4-only': {
    severity: 'error',
    cause: 'The settings that we make for this pod network are for IPv4 only.',
    example: `network:
  podSubnet: fd00:244::/56
  serviceSubnet: fd00:96::/112
  cni: { provider: flannel }`,
    fix: 'Take an IPv4 subnet, or cni provider none with a manifest of your own under addons.',
  },
  'calico/dual-stack-too-early': {
    severity: 'error',
    cause:
      'Calico carries IPv6 in VXLAN from 3.23 on; pods of two nodes would reach each other by IPv4 only.',
    example: `network:
  podSubnet: 10.244.0.0/16,fd00:10:244::/56
  serviceSubnet: 10.96.0.0/12,fd00:10:96::/112
  cni: { provider: calico, version: 3.20.6 }`,
    fix: 'Leave version out to get the release that goes with the Kubernetes version.',
    source: 'https://docs.tigera.io/calico/latest/networking/ipam/ipv6',
  },
  'bridge/pool': {
    severity: 'error',
    cause:
      'The bridge routes to declared nodes by their addresses; nodes of a pool have none that others know.',
    example: `network:
  cni: { provider: bridge }
pools:
  - { name: extra }`,
    fix: 'Declare the nodes, or take another pod network.',
    source: 'https://www.cni.dev/plugins/current/main/bridge/',
  },
  'bridge/address-missing': {
    severity: 'error',
    cause: 'Nobody has a route to the pods of a node without a declared address.',
    example: `network:
  cni: { provider: bridge }
nodes:
  - { name: m1, role: control-plane, address: 172.31.253.61 }
  - { name: w1, role: worker }`,
    fix: 'Add its address, or take another pod network.',
  },
  'bridge/not-one-subnet': {
    severity: 'warning',
    cause: 'Routes to pods go directly from node to node, which only works inside one subnet.',
    example: `network:
  cni: { provider: bridge }
nodes:
  - { name: m1, role: control-plane, address: 172.31.253.61 }
  - { name: w1, role: worker, address: 172.31.254.71 }`,
    fix: 'Set network.prefix if the subnet is larger than a /24, or take another pod network.',
  },
  'flannel/pod-subnet-too-small': {
    severity: 'error',
    cause: 'Kubernetes gives every node a /24 of the pod subnet, and there are more nodes than parts.',
    example: `network:
  podSubnet: 10.244.0.0/24
  cni: { provider: flannel }`,
    fix: 'Take a larger pod subnet before the cluster exists: it cannot grow later.',
    source: 'https://kubernetes.io/docs/reference/command-line-tools-reference/kube-controller-manager/',
  },
}
