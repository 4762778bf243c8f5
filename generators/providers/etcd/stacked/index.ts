import type { Contribution } from '../../../model/contribution.ts'
import { type Diagnostic, error, warning } from '../../../model/diagnostic.ts'
import type { ClusterPlan } from '../../../model/plan.ts'
import type { Provider, Target } from '../../provider.ts'

/** Flags that differ between members, or that kubeadm itself relies on. */
const managed = [
  'name',
  'data-dir',
  'initial-cluster',
  'initial-cluster-state',
  'initial-advertise-peer-urls',
  'listen-client-urls',
  'listen-peer-urls',
  'advertise-client-urls',
]

/** kubeadm runs it; data folder and flags are the plan's. */
export const stacked: Provider = {
  name: 'stacked',
  summary: 'One etcd member on every control plane, run by kubeadm.',
  options: {},
  rules: (plan) => [...members(plan), ...flags(plan)],
  contribute: (plan, target) => withoutStorageRequest(plan, target),
}

/**
 * A kubelet that has just started does not know its disk yet, refuses a static pod that asks for some of it, and never looks
 * at that pod again: the second member stays away, and the quorum with it. https://github.com/kubernetes/kubernetes/issues/99305
 */
function withoutStorageRequest({ kubernetes }: ClusterPlan, { role }: Target): Contribution {
  if (role !== 'control-plane' || !kubernetes.facts.supports.etcdStorageRequest) return {}
  const etcd = { name: 'etcd', resources: { requests: { 'ephemeral-storage': null } } }
  const documents = [{ spec: { containers: [etcd] } }]
  return {
    files: [{ path: '/etc/leaven/patches/etcd.yaml', mode: 0o644, body: { kind: 'yaml', documents } }],
    // A field of its configuration from 1.22 on, which no longer needs it.
    env: { LEAVEN_KUBEADM_FLAGS: '--experimental-patches /etc/leaven/patches' },
  }
}

/** https://etcd.io/docs/v3.6/faq/#what-is-failure-tolerance */
function members({ nodes }: ClusterPlan): readonly Diagnostic[] {
  const path = ['nodes']
  const count = nodes.filter((node) => node.role === 'control-plane').length
  if (count === 2)
    return [
      error(
        'stacked/two-members',
        path,
        'two control planes make an etcd that fails when either of them does',
        'take one or three control planes',
      ),
    ]
  const found: Diagnostic[] = []
  if (count > 0 && count % 2 === 0)
    found.push(
      warning(
        'stacked/even-members',
        path,
        `${count} etcd members survive no more failures than ${count - 1}`,
        `take ${count - 1} or ${count + 1} control planes`,
      ),
    )
  if (count > 7)
    found.push(
      warning(
        'stacked/too-many-members',
        path,
        `${count} etcd members make every write slow`,
        'seven are the most that etcd advises',
      ),
    )
  return found
}

function flags({ etcd, kubernetes }: ClusterPlan): readonly Diagnostic[] {
  return Object.keys(etcd.extraArgs).flatMap((flag) => {
    const path = ['etcd', 'extraArgs', flag]
    if (managed.includes(flag))
      return [
        {
          ...error(
            'stacked/managed-flag',
            path,
            `kubeadm sets etcd's --${flag} itself`,
            flag === 'data-dir' ? 'use etcd.dataDir' : 'remove it: it differs from node to node',
          ),
          atKey: true,
        },
      ]
    if (flag.startsWith('experimental-') && !kubernetes.facts.supports.etcdExperimentalFlags)
      return [
        {
          ...error(
            'stacked/experimental-flag',
            path,
            `the etcd of Kubernetes ${kubernetes.facts.minor} does not start with --${flag}`,
            'since etcd 3.6 such settings are feature gates or have a flag without that prefix',
          ),
          atKey: true,
        },
      ]
    return []
  })
}
