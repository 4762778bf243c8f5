/** What `gen explain` says of the codes of dual stack. */
import type { Explanations } from '../model/diagnostic.ts'

const dualStack = 'https://kubernetes.io/docs/concepts/services-networking/dual-stack/'

export const families: Explanations = {
  'blueprint/family-twice': {
    severity: 'error',
    cause:
      'A pair is one IPv4 and one IPv6 address or subnet. Two of one family have no meaning to Kubernetes.',
    example: `network:
  podSubnet: 10.1.0.0/16,10.2.0.0/16`,
    fix: 'Keep one of them, or make the other one IPv6.',
    source: dualStack,
  },
  'blueprint/families-differ': {
    severity: 'error',
    cause:
      'Pods, services and the addresses that nodes advertise have to be of the same IP families, and the first of each is the preferred one.',
    example: `network:
  podSubnet: 10.244.0.0/16,fd00:10:244::/56
  serviceSubnet: fd00:10:96::/112,10.96.0.0/12`,
    fix: 'Write all pairs in the same order. Services may do with the first family alone.',
    source: dualStack,
  },
  'blueprint/subnet-too-large': {
    severity: 'error',
    cause:
      'The API server keeps a bitmap of all service addresses, so kubeadm takes IPv6 service subnets from /108 on; pod subnets it divides into at most 65,536 parts of /64.',
    example: `network:
  podSubnet: 10.244.0.0/16,fd00:10:244::/56
  serviceSubnet: 10.96.0.0/12,fd00:10:96::/64`,
    fix: 'Take a /112 for services, and a prefix from /48 to /64 for pods.',
    source:
      'https://github.com/kubernetes/kubernetes/blob/master/cmd/kubeadm/app/apis/kubeadm/validation/validation.go',
  },
  'blueprint/dual-stack-too-early': {
    severity: 'error',
    cause:
      'Before 1.21 dual stack was an alpha feature, off unless every component was told by a feature gate.',
    example: `kubernetes:
  version: 1.20.15
network:
  podSubnet: 10.244.0.0/16,fd00:10:244::/56
  serviceSubnet: 10.96.0.0/12,fd00:10:96::/112`,
    fix: 'Take Kubernetes 1.21 or newer, or subnets of one IP family.',
    source: dualStack,
  },
}
