/** chrony, only when the blueprint names time servers: otherwise the OS keeps the clock as it came. */
import type { Contribution } from '../../model/contribution.ts'
import type { ClusterPlan } from '../../model/plan.ts'
import type { Family } from './family.ts'

export function clock({ ntpServers }: ClusterPlan, { chrony }: Family): Contribution {
  if (ntpServers.length === 0) return {}
  return {
    packages: [{ name: 'chrony' }],
    services: [{ phase: 'system', unit: chrony.unit }],
    files: [
      {
        path: chrony.configuration,
        mode: 0o644,
        body: {
          kind: 'lines',
          lines: [
            ...ntpServers.map((server) => `server ${server} iburst`),
            'driftfile /var/lib/chrony/drift',
            // A fresh VM's clock may be hours off, and certificates are checked minutes after it starts.
            'makestep 1.0 3',
            'rtcsync',
          ],
        },
      },
    ],
  }
}
