import type { Explanations } from '../../../model/diagnostic.ts'

const releases = 'https://github.com/kube-vip/kube-vip/releases'
const flags = 'https://kube-vip.io/docs/installation/flags/'

export const explanations: Explanations = {
  'kube-vip/unknown-version': {
    severity: 'error',
    cause: 'We have no facts of this version: the names of its settings changed more than once.',
    example: `endpoint:
  address: 172.31.253.60
  version: 0.4.2`,
    fix: 'Leave version out, or take one that is not so old.',
    source: releases,
  },
  'kube-vip/broken-version': {
    severity: 'error',
    cause: 'The version has a defect that no setting avoids: 1.2.2 waits for itself after a reboot.',
    example: `endpoint:
  address: 172.31.253.60
  version: 1.2.2`,
    fix: 'Leave version out, or take the version in the hint.',
    source: releases,
  },
  'kube-vip/too-old': {
    severity: 'error',
    cause:
      'The version cannot be told where this node’s API server is, and a static pod cannot look its name up.',
    example: `endpoint:
  address: 172.31.253.60
  version: 0.7.2`,
    fix: 'Take 0.8.0 or newer.',
    source: 'https://github.com/kubernetes/kubernetes/issues/122420',
  },
  'kube-vip/version-beyond-known': {
    severity: 'warning',
    cause: 'The version is newer than this gen, and its settings may have changed.',
    example: `endpoint:
  address: 172.31.253.60
  version: 1.9.0`,
    fix: 'Compare with what kube-vip manifest pod prints, or take a newer gen.',
    source: releases,
  },
  'kube-vip/port-not-served': {
    severity: 'error',
    cause:
      'kube-vip moves an address; it does not forward ports. Clients reach what the API servers listen on.',
    example: `endpoint:
  address: 172.31.253.60
  port: 8443`,
    fix: 'Leave endpoint.port out, or move the API servers with kubernetes.apiServer.port.',
    source: flags,
  },
  'kube-vip/lease-order': {
    severity: 'error',
    cause:
      'Leader election needs: duration longer than renewDeadline, and that longer than 1.2 × retryPeriod. kube-vip would not start.',
    example: `endpoint:
  address: 172.31.253.60
  lease: { duration: 3, renewDeadline: 5 }`,
    fix: 'Leave lease out, or keep the order: 15, 10 and 2 are Kubernetes’ own.',
    source: 'https://pkg.go.dev/k8s.io/client-go/tools/leaderelection#NewLeaderElector',
  },
  'kube-vip/bgp-missing': {
    severity: 'error',
    cause: 'With mode bgp, kube-vip has to know its own AS and the routers.',
    example: `endpoint:
  address: 172.31.253.60
  mode: bgp`,
    fix: 'Add endpoint.bgp with localAS and peers.',
    source: flags,
  },
  'kube-vip/bgp-unused': {
    severity: 'error',
    cause: 'Routers are given, but the mode is arp, so nobody would speak to them.',
    example: `endpoint:
  address: 172.31.253.60
  bgp: { localAS: 65001, peers: [{ address: 172.31.253.1, as: 65000 }] }`,
    fix: 'Add mode: bgp, or remove bgp.',
    source: flags,
  },
  'kube-vip/bad-peer': {
    severity: 'error',
    cause: 'A router is given by something that is not an IP address; kube-vip takes no names here.',
    example: `endpoint:
  address: 172.31.253.60
  mode: bgp
  bgp: { localAS: 65001, peers: [{ address: 172.31.253, as: 65000 }] }`,
    fix: 'Write the router’s address.',
    source: flags,
  },
}
