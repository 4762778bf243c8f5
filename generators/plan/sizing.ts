/** Are the control planes large enough for the cluster? Asked only of nodes whose resources are declared. */
import type { Blueprint } from '../model/blueprint.ts'
import { type Diagnostic, error, warning } from '../model/diagnostic.ts'
import { parseRole } from '../model/role.ts'

/**
 * What Alibaba Cloud advises for control planes by the number of nodes, so that they stay lightly loaded.
 * https://help.aliyun.com/document_detail/98886.html; kubernetes.io only says that they must grow:
 * https://kubernetes.io/docs/setup/best-practices/cluster-large/#control-plane-components
 */
const advised: readonly { readonly upTo: number; readonly cpus: number; readonly memoryGiB: number }[] = [
  { upTo: 5, cpus: 4, memoryGiB: 8 },
  { upTo: 20, cpus: 4, memoryGiB: 16 },
  { upTo: 100, cpus: 8, memoryGiB: 32 },
  { upTo: 200, cpus: 16, memoryGiB: 64 },
  { upTo: Number.POSITIVE_INFINITY, cpus: 32, memoryGiB: 128 },
]

/**
 * kubeadm's preflight checks NumCPU and Mem of control planes; 1,700 MiB, so that 2 GB machines pass.
 * https://kubernetes.io/docs/setup/production-environment/tools/kubeadm/install-kubeadm/#before-you-begin
 */
export const minimum = { cpus: 2, memoryGiB: 1700 / 1024 }

/** For a cluster of so many nodes. */
export function advisedControlPlane(nodes: number): { readonly cpus: number; readonly memoryGiB: number } {
  const found = advised.find(({ upTo }) => nodes <= upTo)
  if (found === undefined) throw new RangeError(`no advice for ${nodes} nodes`)
  return found
}

/** The most that a blueprint allows for. */
export function largestSize({ nodes, pools }: Pick<Blueprint, 'nodes' | 'pools'>): number {
  return nodes.length + (pools ?? []).reduce((sum, { maxNodes }) => sum + (maxNodes ?? 0), 0)
}

export function sizingRules({ nodes, pools, bootstrap }: Blueprint): readonly Diagnostic[] {
  const count = largestSize({ nodes, ...(pools === undefined ? {} : { pools }) })
  const want = advisedControlPlane(count)
  const ignored = new Set((bootstrap?.ignorePreflight ?? []).map((check) => check.toLowerCase()))
  return nodes.flatMap(({ name, role, resources }, index) => {
    if (parseRole(role) !== 'control-plane' || resources === undefined) return []
    const { cpus = want.cpus, memoryGiB = want.memoryGiB } = resources
    const path = ['nodes', index, 'resources']
    const has = `${name} has ${cpus} CPU${cpus === 1 ? '' : 's'} and ${memoryGiB} GiB of memory`
    const refused = [
      ...(cpus < minimum.cpus && !ignored.has('numcpu') && !ignored.has('all') ? ['NumCPU'] : []),
      ...(memoryGiB < minimum.memoryGiB && !ignored.has('mem') && !ignored.has('all') ? ['Mem'] : []),
    ]
    if (refused.length > 0)
      return [
        error(
          'blueprint/below-kubeadm-minimum',
          path,
          `${has}, and kubeadm refuses control planes with less than 2 CPUs or 1,700 MiB`,
          `give it more, or for a test set bootstrap.ignorePreflight: [${refused.join(', ')}]`,
        ),
      ]
    if (cpus >= want.cpus && memoryGiB >= want.memoryGiB) return []
    return [
      warning(
        'blueprint/control-plane-too-small',
        path,
        `${has}, which is little for the control plane of a cluster of ${count} node${count === 1 ? '' : 's'}`,
        `${want.cpus} CPUs and ${want.memoryGiB} GiB keep its load low`,
      ),
    ]
  })
}
