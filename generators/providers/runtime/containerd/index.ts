import { lookupContainerd } from '../../../facts/containerd.ts'
import type { Contribution } from '../../../model/contribution.ts'
import type { ClusterPlan } from '../../../model/plan.ts'
import type { RuntimeProvider } from '../../provider.ts'
import { containerdConfig } from './config.ts'
import { options } from './options.ts'
import { registryFiles } from './registries.ts'
import { containerdRules } from './rules.ts'

const socket = '/run/containerd/containerd.sock'

/** The OS brings the package and the proxy's drop-in; this is containerd's own configuration. */
export const containerd: RuntimeProvider = {
  name: 'containerd',
  summary:
    "containerd with the systemd cgroup driver, Kubernetes' own sandbox image, and mirrors by certs.d.",
  options,
  socket,
  unit: 'containerd.service',
  defaultVersion: (kubernetes) => kubernetes.containerd.default,
  rules: containerdRules,
  contribute,
}

function contribute(plan: ClusterPlan): Contribution {
  const facts = lookupContainerd(plan.runtime.version)
  // The rules refuse a version without facts; until the user corrects it there is nothing to lay down.
  if (facts === undefined) return {}
  return {
    files: [
      {
        path: '/etc/containerd/config.toml',
        mode: 0o644,
        body: { kind: 'toml', value: containerdConfig(plan, facts) },
      },
      ...registryFiles(plan),
      {
        path: '/etc/crictl.yaml',
        mode: 0o644,
        body: {
          kind: 'yaml',
          documents: [
            { 'runtime-endpoint': `unix://${socket}`, 'image-endpoint': `unix://${socket}`, timeout: 10 },
          ],
        },
      },
    ],
    services: [{ phase: 'runtime', unit: 'containerd.service' }],
    images: [{ reference: plan.runtime.sandboxImage, why: 'the sandbox of every pod' }],
  }
}
