/** The plan for eyes and for programs. Secrets are withheld before they come here, and Secret prints *** anyway. */
import { isObject, type JsonObject } from '../model/json.ts'
import type { ClusterPlan, GroupPlan } from '../model/plan.ts'
import * as registry from '../registry.ts'

export interface Planned {
  readonly plan: ClusterPlan
  readonly groups: readonly GroupPlan[]
}

export function planJson({ plan, groups }: Planned): string {
  const document = { apiVersion: 'leaven/v1', kind: 'Plan', cluster: plan, groups }
  return `${JSON.stringify(document, (key, value: unknown) => (writeOnly.has(key) ? '***' : value), 2)}\n`
}

/** Options that the schema says nobody should read back, such as a BGP peer's password. */
const writeOnly = new Set(
  Object.values(registry).flatMap((providers) => providers.flatMap(({ options }) => writeOnlyNames(options))),
)

function writeOnlyNames(properties: JsonObject): readonly string[] {
  return Object.entries(properties).flatMap(([name, field]) => {
    if (!isObject(field)) return []
    const items = isObject(field['items']) ? field['items'] : {}
    const below = [field['properties'], items['properties']].filter(isObject).flatMap(writeOnlyNames)
    return field['writeOnly'] === true ? [name, ...below] : below
  })
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
      `${node.name.padEnd(12)} ${node.role.padEnd(13)} ${[node.address ?? 'DHCP', node.secondAddress].filter(Boolean).join(', ')}`,
    ]),
    ...groups.map((group, index): readonly [string, string] => [
      index === 0 ? 'user-data' : '',
      `${group.name.padEnd(13)} ${group.files.length} files, ${group.images.length} images, ${group.packages.length} packages`,
    ]),
  ]
  const width = Math.max(...rows.map(([name]) => name.length))
  return rows.map(([name, value]) => `${name.padEnd(width)}  ${value}\n`).join('')
}
