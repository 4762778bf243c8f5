/** The endpoint as a network load balancer: what is asked of Elastic Load Balancing. */
import { createHash } from 'node:crypto'
import type { Subnet } from '@aws-sdk/client-ec2'
import type {
  CreateListenerCommandInput,
  CreateLoadBalancerCommandInput,
  CreateTargetGroupCommandInput,
  ModifyLoadBalancerAttributesCommandInput,
  ModifyTargetGroupAttributesCommandInput,
  RegisterTargetsCommandInput,
  Tag,
} from '@aws-sdk/client-elastic-load-balancing-v2'
import type { ClusterPlan } from '../model/plan.ts'
import { holds } from './machines.ts'
import { launcher, tagList } from './tags.ts'

/** Of load balancer and target group alike; both take 32 characters. */
export function balancerName(cluster: string): string {
  const name = `leaven-${cluster}`
  if (name.length <= 32) return name
  return `${name.slice(0, 23)}-${createHash('sha256').update(cluster).digest('hex').slice(0, 8)}`
}

function tags(cluster: string): Tag[] {
  return tagList({ madeBy: launcher, cluster }).map(({ Key, Value }) => ({ Key, Value }))
}

/** Undefined when the endpoint is not ours to make. */
export function balancerAddresses({ endpoint }: ClusterPlan): readonly string[] | undefined {
  if (endpoint.provider !== 'aws-nlb') return undefined
  return (endpoint.options['addresses'] ?? []) as readonly string[]
}

export function createBalancer(
  { name, endpoint }: ClusterPlan,
  addresses: readonly string[],
  subnets: readonly Subnet[],
  securityGroups: readonly string[],
): CreateLoadBalancerCommandInput {
  return {
    Name: balancerName(name),
    Type: 'network',
    Scheme: 'internal',
    IpAddressType: 'ipv4',
    SubnetMappings: addresses.map((address) => ({
      SubnetId: subnets.find((subnet) => holds(subnet, address))?.SubnetId,
      PrivateIPv4Address: address,
    })),
    SecurityGroups: [...securityGroups],
    Tags: [...tags(name), { Key: 'Name', Value: `${name} ${endpoint.host}` }],
  }
}

/** Each zone's address leads to the API servers of all zones. */
export function balancerAttributes(arn: string): ModifyLoadBalancerAttributesCommandInput {
  return {
    LoadBalancerArn: arn,
    Attributes: [{ Key: 'load_balancing.cross_zone.enabled', Value: 'true' }],
  }
}

/**
 * Targets are addresses: those of the blueprint are known before any machine runs, and a machine that is made anew
 * with the same address is a target again. Asking over TLS finds out whether the API server is ready, not whether
 * something listens; 401 is the answer of a ready one that knows no anonymous users.
 */
export function createTargetGroup(
  { name, kubernetes }: ClusterPlan,
  vpc: string,
): CreateTargetGroupCommandInput {
  return {
    Name: balancerName(name),
    Protocol: 'TCP',
    Port: kubernetes.apiPort,
    VpcId: vpc,
    TargetType: 'ip',
    IpAddressType: 'ipv4',
    HealthCheckProtocol: 'HTTPS',
    HealthCheckPath: '/readyz',
    HealthCheckPort: 'traffic-port',
    HealthCheckIntervalSeconds: 10,
    HealthCheckTimeoutSeconds: 5,
    HealthyThresholdCount: 2,
    UnhealthyThresholdCount: 2,
    Matcher: { HttpCode: '200-401' },
    Tags: tags(name),
  }
}

/**
 * A control plane that reaches itself through the load balancer gets its own address as the sender's, and drops that,
 * unless the load balancer puts in its own.
 * https://docs.aws.amazon.com/elasticloadbalancing/latest/network/load-balancer-troubleshooting.html
 */
export function targetGroupAttributes(arn: string): ModifyTargetGroupAttributesCommandInput {
  return {
    TargetGroupArn: arn,
    Attributes: [
      { Key: 'preserve_client_ip.enabled', Value: 'false' },
      { Key: 'deregistration_delay.timeout_seconds', Value: '30' },
      { Key: 'deregistration_delay.connection_termination.enabled', Value: 'true' },
    ],
  }
}

export function targets({ nodes, kubernetes }: ClusterPlan, arn: string): RegisterTargetsCommandInput {
  return {
    TargetGroupArn: arn,
    Targets: nodes
      .filter(({ role }) => role === 'control-plane')
      .map(({ address }) => ({ Id: address, Port: kubernetes.apiPort })),
  }
}

export function createListener(
  { name, endpoint }: ClusterPlan,
  balancer: string,
  targetGroup: string,
): CreateListenerCommandInput {
  return {
    LoadBalancerArn: balancer,
    Protocol: 'TCP',
    Port: endpoint.port,
    DefaultActions: [{ Type: 'forward', TargetGroupArn: targetGroup }],
    Tags: tags(name),
  }
}
