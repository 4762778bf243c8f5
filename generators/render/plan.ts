/** The plan for eyes and for programs. Secrets are withheld before they come here, and Secret prints *** anyway. */
import type { ClusterPlan, GroupPlan } from '../model/plan.ts'

export interface Planned {
  readonly plan: ClusterPlan
  readonly groups: readonly GroupPlan[]
}

export function planJson({ plan, groups }: Planned): string {
  return `${JSON.stringify({ apiVersion: 'leaven/v1', kind: 'Plan', cluster: plan, groups }, null, 2)}\n`
}

export function planText({ plan, groups }: Planned): string {
  const { kubernetes, endpoint, network, os, runtime, cloud, etcd } = plan
  const rows: readonly (readonly [string, string])[] = [
    ['cluster', plan.name],
    [
      'kubernetes',
      `${kubernetes.version} from ${kubernetes.imageRepository}, kubeadm ${kubernetes.facts.kubeadmApi}`,
    ],
    [
      'endpoint',
      `${endpoint.provider} ${endpoint.host}:${endpoint.port}${endpoint.address && endpoint.address !== endpoint.host ? ` (${endpoint.address})` : ''}`,
    ],
    [
      'network',
      `${network.cni}, pods ${network.podSubnet}, services ${network.serviceSubnet}, kube-proxy ${kubernetes.proxyMode}`,
    ],
    ['etcd', `${etcd.topology}, ${etcd.dataDir}`],
    ['os', `${os.provider} ${os.release}`],
    ['runtime', `${runtime.provider} ${runtime.version}, sandbox ${runtime.sandboxImage}`],
    ['cloud', cloud.provider],
    ...plan.nodes.map((node): readonly [string, string] => [
      node.index === 0 ? 'nodes' : '',
      `${node.name.padEnd(12)} ${node.role.padEnd(13)} ${node.address ?? 'DHCP'}`,
    ]),
    ...groups.map((group, index): readonly [string, string] => [
      index === 0 ? 'user-data' : '',
      `${group.name.padEnd(13)} ${group.files.length} files, ${group.images.length} images, ${group.packages.length} packages`,
    ]),
  ]
  const width = Math.max(...rows.map(([name]) => name.length))
  return rows.map(([name, value]) => `${name.padEnd(width)}  ${value}\n`).join('')
}
