/** Security groups from the ports that a role needs: who may reach whom, as data. */
import type { CreateSecurityGroupCommandInput, IpPermission, SecurityGroup } from '@aws-sdk/client-ec2'
import { splitFamilies } from '../model/address.ts'
import type { PortSpec } from '../model/contribution.ts'
import type { ClusterPlan, GroupPlan } from '../model/plan.ts'
import type { Role } from '../model/role.ts'
import { launcher, tagSpecification } from './tags.ts'

export type GroupKind = Role | 'endpoint'

export interface Rule {
  /** EC2's word: `tcp`, `udp`, `-1` (all) or a number of IANA's. */
  readonly protocol: string
  readonly from: number
  readonly to: number
  /** Who may: a group of ours, or a range of addresses. */
  readonly source: { readonly group: GroupKind } | { readonly cidr: string }
  readonly why: string
}

export interface GroupSpec {
  readonly kind: GroupKind
  readonly name: string
  readonly description: string
  readonly rules: readonly Rule[]
}

export interface Reach {
  /** Who may use API server, endpoint and NodePort services. */
  readonly users: readonly string[]
  /** The endpoint is a load balancer of ours. */
  readonly endpoint: boolean
  /** Pods' packets travel with pods' addresses. */
  readonly routedPods: boolean
}

/** Always all groups of a cluster: they name each other. */
export function securityGroups(
  plan: ClusterPlan,
  groups: readonly GroupPlan[],
  reach: Reach,
): readonly GroupSpec[] {
  const portsOf = (role: Role) =>
    distinct(groups.filter((group) => group.role === role).flatMap(({ ports }) => ports))
  const pods: readonly Rule[] = !reach.routedPods
    ? []
    : splitFamilies(plan.network.podSubnet).map((cidr) => ({
        protocol: '-1',
        from: -1,
        to: -1,
        source: { cidr },
        why: 'pods, by their own addresses',
      }))
  const roles = (['control-plane', 'worker'] as const).map((kind) => ({
    kind,
    name: groupName(plan.name, kind),
    description: `Nodes of the Kubernetes cluster ${plan.name}: ${kind}`,
    rules: [
      ...portsOf(kind).flatMap((port) => rules(port, reach)),
      ...(kind === 'control-plane' && reach.endpoint ? [balanced(plan)] : []),
      ...pods,
    ],
  }))
  return reach.endpoint ? [...roles, endpointGroup(plan, reach)] : roles
}

export function groupName(cluster: string, kind: GroupKind): string {
  return `leaven-${cluster}-${kind}`
}

/** The port table's `from` in terms of groups and addresses. */
function rules(port: PortSpec, { users }: Reach): readonly Rule[] {
  const [from = -1, to = from] = port.port === '-' ? [-1] : port.port.split('-').map(Number)
  const protocol = { vrrp: '112', ipip: '4', tcp: 'tcp', udp: 'udp' }[port.protocol]
  const sources: Rule['source'][] = [
    { group: 'control-plane' },
    ...(port.from === 'control-plane' ? [] : [{ group: 'worker' as const }]),
    ...(port.from === 'anyone' ? users.map((cidr) => ({ cidr })) : []),
  ]
  return sources.map((source) => ({ protocol, from, to, source, why: port.purpose }))
}

/** Its health checks, and what it forwards with an address of its own. */
function balanced({ kubernetes: { apiPort } }: ClusterPlan): Rule {
  return {
    protocol: 'tcp',
    from: apiPort,
    to: apiPort,
    source: { group: 'endpoint' },
    why: 'API server, by the load balancer',
  }
}

function endpointGroup(plan: ClusterPlan, reach: Reach): GroupSpec {
  const { port } = plan.endpoint
  const listener: PortSpec = { protocol: 'tcp', port: String(port), purpose: 'endpoint', from: 'anyone' }
  return {
    kind: 'endpoint',
    name: groupName(plan.name, 'endpoint'),
    description: `Load balancer of the Kubernetes cluster ${plan.name}`,
    rules: rules(listener, reach),
  }
}

export function createGroup(cluster: string, spec: GroupSpec, vpc: string): CreateSecurityGroupCommandInput {
  return {
    GroupName: spec.name,
    Description: spec.description,
    VpcId: vpc,
    TagSpecifications: [
      tagSpecification('security-group', { name: spec.name, madeBy: launcher, cluster, role: spec.kind }),
    ],
  }
}

/** What EC2 lacks of a group's rules; what it has beside them is the user's. */
export function missingRules(
  { rules: wanted }: GroupSpec,
  ids: Readonly<Partial<Record<GroupKind, string>>>,
  present: SecurityGroup | undefined,
): IpPermission[] {
  const there = new Set((present?.IpPermissions ?? []).flatMap(keys))
  return wanted
    .map((rule) => permission(rule, ids))
    .filter((entry) => !keys(entry).every((key) => there.has(key)))
}

function permission(
  { protocol, from, to, source, why }: Rule,
  ids: Readonly<Partial<Record<GroupKind, string>>>,
): IpPermission {
  const ports = protocol === 'tcp' || protocol === 'udp' ? { FromPort: from, ToPort: to } : {}
  const described = { Description: why }
  if ('group' in source)
    return {
      IpProtocol: protocol,
      ...ports,
      UserIdGroupPairs: [{ GroupId: ids[source.group], ...described }],
    }
  return source.cidr.includes(':')
    ? { IpProtocol: protocol, ...ports, Ipv6Ranges: [{ CidrIpv6: source.cidr, ...described }] }
    : { IpProtocol: protocol, ...ports, IpRanges: [{ CidrIp: source.cidr, ...described }] }
}

/** One text for each source of a permission: EC2 folds equal ports together. */
function keys(entry: IpPermission): readonly string[] {
  const sources = [
    ...(entry.UserIdGroupPairs ?? []).map(({ GroupId }) => GroupId),
    ...(entry.IpRanges ?? []).map(({ CidrIp }) => CidrIp),
    ...(entry.Ipv6Ranges ?? []).map(({ CidrIpv6 }) => CidrIpv6),
  ]
  return sources.map((source) => [entry.IpProtocol, entry.FromPort, entry.ToPort, source].join(' '))
}

function distinct(ports: readonly PortSpec[]): readonly PortSpec[] {
  return [...new Map(ports.map((port) => [JSON.stringify(port), port])).values()]
}
