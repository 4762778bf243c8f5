/** The endpoint's load balancer: made once, mended, removed. Elastic Load Balancing has no dry run. */
import type { Subnet } from '@aws-sdk/client-ec2'
import {
  CreateListenerCommand,
  CreateLoadBalancerCommand,
  CreateTargetGroupCommand,
  DeleteLoadBalancerCommand,
  DeleteTargetGroupCommand,
  DescribeListenersCommand,
  DescribeLoadBalancersCommand,
  DescribeTagsCommand,
  DescribeTargetGroupsCommand,
  type ElasticLoadBalancingV2Client,
  type LoadBalancer,
  ModifyLoadBalancerAttributesCommand,
  ModifyTargetGroupAttributesCommand,
  RegisterTargetsCommand,
  type TargetGroup,
} from '@aws-sdk/client-elastic-load-balancing-v2'
import {
  balancerAttributes,
  balancerName,
  createBalancer,
  createListener,
  createTargetGroup,
  targetGroupAttributes,
  targets,
} from '../../aws/load-balancer.ts'
import { launcher, tagOf } from '../../aws/tags.ts'
import { UserError } from '../../cli/command.ts'
import type { ClusterPlan } from '../../model/plan.ts'
import { asking, codeOf } from './clients.effect.ts'
import { settled, until } from './wait.effect.ts'

/** Exceptions of this service end so in the SDK, and not in its API. */
const isCode = (cause: unknown, code: string) => [code, `${code}Exception`].includes(codeOf(cause))

async function orNothing<T>(code: string, work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work()
  } catch (cause) {
    if (isCode(cause, code)) return undefined
    throw cause
  }
}

export interface OwnBalancer {
  readonly balancer: LoadBalancer | undefined
  readonly targetGroup: TargetGroup | undefined
}

/**
 * By name, and with our tags.
 * @throws UserError when somebody else's has that name
 */
export async function ownBalancer(
  client: ElasticLoadBalancingV2Client,
  cluster: string,
): Promise<OwnBalancer> {
  const name = balancerName(cluster)
  return asking(`looking for the load balancer ${name}`, async () => {
    const balancers = await orNothing('LoadBalancerNotFound', () =>
      client.send(new DescribeLoadBalancersCommand({ Names: [name] })),
    )
    const groups = await orNothing('TargetGroupNotFound', () =>
      client.send(new DescribeTargetGroupsCommand({ Names: [name] })),
    )
    const balancer = balancers?.LoadBalancers?.[0]
    const targetGroup = groups?.TargetGroups?.[0]
    const arns = [balancer?.LoadBalancerArn, targetGroup?.TargetGroupArn].flatMap((arn) => arn ?? [])
    if (arns.length > 0) {
      const { TagDescriptions = [] } = await client.send(new DescribeTagsCommand({ ResourceArns: arns }))
      const foreign = TagDescriptions.find(
        ({ Tags }) => tagOf(Tags, 'madeBy') !== launcher || tagOf(Tags, 'cluster') !== cluster,
      )
      if (foreign !== undefined)
        throw new UserError(
          `${foreign.ResourceArn} has the name ${name}, and not our tags`,
          'somebody else made it: rename the cluster, or take it as endpoint.provider: external',
        )
    }
    return { balancer, targetGroup }
  })
}

export interface Wanted {
  readonly plan: ClusterPlan
  readonly addresses: readonly string[]
  readonly subnets: readonly Subnet[]
  readonly securityGroups: readonly string[]
  readonly vpc: string
}

/** Makes what is missing of load balancer, target group, targets and listener. */
export async function ensureBalancer(
  client: ElasticLoadBalancingV2Client,
  { plan, addresses, subnets, securityGroups, vpc }: Wanted,
  tell: (line: string) => void,
): Promise<LoadBalancer> {
  const present = await ownBalancer(client, plan.name)
  checkAddresses(present.balancer, addresses)
  const name = balancerName(plan.name)
  const targetGroup = present.targetGroup ?? (await makeTargetGroup(client, plan, vpc))
  const group = targetGroup.TargetGroupArn ?? ''
  await asking(`the targets of ${name}`, async () => {
    await client.send(new ModifyTargetGroupAttributesCommand(targetGroupAttributes(group)))
    await client.send(new RegisterTargetsCommand(targets(plan, group)))
  })
  const balancer =
    present.balancer ??
    (await asking(`making the load balancer ${name}`, async () => {
      const request = createBalancer(plan, addresses, subnets, securityGroups)
      const { LoadBalancers: [made] = [] } = await client.send(new CreateLoadBalancerCommand(request))
      tell(`made the load balancer ${name} (${addresses.join(', ')})`)
      return made
    }))
  const arn = balancer?.LoadBalancerArn
  if (balancer === undefined || arn === undefined) throw new UserError(`AWS made no load balancer ${name}`)
  await asking(`the listener of ${name}`, async () => {
    await client.send(new ModifyLoadBalancerAttributesCommand(balancerAttributes(arn)))
    const { Listeners = [] } = await client.send(new DescribeListenersCommand({ LoadBalancerArn: arn }))
    if (!Listeners.some(({ Port }) => Port === plan.endpoint.port))
      await client.send(new CreateListenerCommand(createListener(plan, arn, group)))
  })
  return balancer
}

async function makeTargetGroup(
  client: ElasticLoadBalancingV2Client,
  plan: ClusterPlan,
  vpc: string,
): Promise<TargetGroup> {
  return asking('making the target group', async () => {
    const { TargetGroups: [made] = [] } = await client.send(
      new CreateTargetGroupCommand(createTargetGroup(plan, vpc)),
    )
    if (made === undefined) throw new UserError('AWS made no target group')
    return made
  })
}

/** Addresses cannot be changed later: https://docs.aws.amazon.com/elasticloadbalancing/latest/network/availability-zones.html */
function checkAddresses(balancer: LoadBalancer | undefined, addresses: readonly string[]): void {
  if (balancer === undefined) return
  const own = (balancer.AvailabilityZones ?? []).flatMap(({ LoadBalancerAddresses = [] }) =>
    LoadBalancerAddresses.flatMap(({ PrivateIPv4Address }) => PrivateIPv4Address ?? []),
  )
  if (own.length === 0 || addresses.every((address) => own.includes(address))) return
  throw new UserError(
    `${balancer.LoadBalancerName} has the addresses ${own.join(', ')}, and the blueprint wants ${addresses.join(', ')}`,
    'a load balancer keeps its addresses: correct endpoint.addresses, or gen launch destroy and launch anew',
  )
}

/** Minutes: it serves nobody before. */
export async function waitForBalancer(client: ElasticLoadBalancingV2Client, cluster: string): Promise<void> {
  const name = balancerName(cluster)
  await asking(`waiting for ${name}`, () =>
    until(`the load balancer ${name} active`, 600, async () => {
      const { LoadBalancers: [found] = [] } = await client.send(
        new DescribeLoadBalancersCommand({ Names: [name] }),
      )
      if (found?.State?.Code === 'failed')
        throw new UserError(`${name} failed: ${found.State.Reason ?? 'no reason given'}`)
      return found?.State?.Code === 'active' ? true : undefined
    }),
  )
}

/** Listeners go with their load balancer; the target group after both. */
export async function removeBalancer(
  client: ElasticLoadBalancingV2Client,
  { balancer, targetGroup }: OwnBalancer,
  tell: (line: string) => void,
): Promise<void> {
  const { LoadBalancerArn: arn, LoadBalancerName: name } = balancer ?? {}
  if (arn !== undefined) {
    await asking(`deleting the load balancer ${name}`, () =>
      client.send(new DeleteLoadBalancerCommand({ LoadBalancerArn: arn })),
    )
    tell(`deleted the load balancer ${name}`)
  }
  const group = targetGroup?.TargetGroupArn
  if (group !== undefined)
    await asking('deleting its target group', () =>
      settled(['ResourceInUse', 'ResourceInUseException'], () =>
        client.send(new DeleteTargetGroupCommand({ TargetGroupArn: group })),
      ),
    )
}
