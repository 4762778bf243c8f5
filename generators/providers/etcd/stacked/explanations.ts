import type { Explanations } from '../../../model/diagnostic.ts'

const quorum = 'https://etcd.io/docs/v3.6/faq/#what-is-failure-tolerance'

export const explanations: Explanations = {
  'stacked/two-members': {
    severity: 'error',
    cause:
      'A quorum of two is two: with two members the loss of either stops the cluster, twice as often as one would.',
    example: `nodes:
  - { name: m1, role: control-plane, address: 172.31.253.61 }
  - { name: m2, role: control-plane, address: 172.31.253.62 }`,
    fix: 'Take one control plane, or three.',
    source: quorum,
  },
  'stacked/even-members': {
    severity: 'warning',
    cause:
      'An even number of members survives no more failures than the odd number below it, and has one more to fail.',
    example: `nodes:
  - { name: m1, role: control-plane, address: 172.31.253.61 }
  - { name: m2, role: control-plane, address: 172.31.253.62 }
  - { name: m3, role: control-plane, address: 172.31.253.63 }
  - { name: m4, role: control-plane, address: 172.31.253.64 }`,
    fix: 'Take one more or one less.',
    source: quorum,
  },
  'stacked/too-many-members': {
    severity: 'warning',
    cause: 'Every write waits for a majority of the members, so many members make the cluster slow.',
    example: `nodes:
  - { name: m1, role: control-plane, address: 172.31.253.61 }
  - { name: m2, role: control-plane, address: 172.31.253.62 }
  - { name: m3, role: control-plane, address: 172.31.253.63 }
  - { name: m4, role: control-plane, address: 172.31.253.64 }
  - { name: m5, role: control-plane, address: 172.31.253.65 }
  - { name: m6, role: control-plane, address: 172.31.253.66 }
  - { name: m7, role: control-plane, address: 172.31.253.67 }
  - { name: m8, role: control-plane, address: 172.31.253.68 }
  - { name: m9, role: control-plane, address: 172.31.253.69 }`,
    fix: 'Seven are the most that etcd advises; five survive two failures.',
    source: 'https://etcd.io/docs/v3.6/faq/#what-is-maximum-cluster-size',
  },
  'stacked/managed-flag': {
    severity: 'error',
    cause: 'kubeadm sets the flag itself, to another value on every node.',
    example: `etcd:
  extraArgs: { data-dir: /data/etcd }`,
    fix: 'Remove it; for the data folder use etcd.dataDir.',
    source: 'https://kubernetes.io/docs/setup/production-environment/tools/kubeadm/control-plane-flags/',
  },
  'stacked/experimental-flag': {
    severity: 'error',
    cause:
      'etcd 3.6 made its experimental flags feature gates or gave them new names; with the old ones it does not start.',
    example: `kubernetes:
  version: 1.34.1
etcd:
  extraArgs: { experimental-initial-corrupt-check: "true" }`,
    fix: 'Write the flag without experimental-, or as --feature-gates.',
    source: 'https://etcd.io/docs/v3.6/upgrades/upgrade_3_6/',
  },
}
