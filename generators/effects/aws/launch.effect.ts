/** A launch from its questions to its machines; cli/launch.ts says what was asked and tells what happens. */
import type { Image, Instance, Subnet, Vpc } from '@aws-sdk/client-ec2'
import { defaultType, type Problem, subnetProblems, typeProblems, vpcProblems } from '../../aws/checks.ts'
import { type GroupSpec, securityGroups } from '../../aws/groups.ts'
import { type Architecture, baseImages, parseArchitecture } from '../../aws/images.ts'
import { balancerAddresses } from '../../aws/load-balancer.ts'
import { type Machine, type Template, wantedMachines } from '../../aws/machines.ts'
import { tagOf } from '../../aws/tags.ts'
import { UserError } from '../../cli/command.ts'
import type { ClusterPlan, GroupPlan } from '../../model/plan.ts'
import { choose } from '../../plan/cluster.ts'
import { etcdDevice, etcdVolume } from '../../providers/cloud/aws/index.ts'
import * as registry from '../../registry.ts'
import type { Clients } from './clients.effect.ts'
import { findImages, ownImages } from './images.effect.ts'
import {
  describeType,
  LaunchFailure,
  launchOne,
  ownInstances,
  passForeignSources,
  waitForRunning,
  wouldLaunch,
} from './instances.effect.ts'
import { ensureBalancer, waitForBalancer } from './load-balancer.effect.ts'
import { describeSubnets, describeVpc, ensureGroups } from './network.effect.ts'

/** What the user said, checked as far as it can be without AWS. */
export interface Order {
  readonly plan: ClusterPlan
  readonly groups: readonly GroupPlan[]
  readonly group: GroupPlan
  readonly userData: Uint8Array
  /** Nodes that the cluster may have. */
  readonly size: number
  readonly count: number
  readonly subnets: readonly string[]
  readonly securityGroups: readonly string[]
  readonly createGroups: boolean
  /** Who may use API and NodePort services; undefined: whoever is in the VPC. */
  readonly users: readonly string[] | undefined
  readonly instanceType: string | undefined
  readonly image: string | undefined
  readonly keyName: string | undefined
  readonly instanceProfile: string | undefined
  readonly kmsKey: string | undefined
  /** GiB. */
  readonly rootSize: number
}

/** Everything that was found out, and nothing done yet. */
export interface Prepared {
  readonly order: Order
  readonly subnets: readonly Subnet[]
  readonly vpc: Vpc
  readonly template: Template
  readonly groupSpecs: readonly GroupSpec[]
  /** Undefined when the endpoint is not ours to make. */
  readonly endpoint: readonly string[] | undefined
  readonly machines: readonly Machine[]
  /** By the node's name: there already. */
  readonly present: ReadonlyMap<string, Instance>
  readonly problems: readonly Problem[]
}

export async function prepare(clients: Clients, order: Order): Promise<Prepared> {
  const { plan, group } = order
  const subnets = await describeSubnets(clients.ec2, order.subnets)
  const vpc = await describeVpc(clients.ec2, subnets[0]?.VpcId ?? '')
  const machines = wantedMachines(plan, group, subnets, order.count)
  const endpoint = group.role === 'control-plane' ? balancerAddresses(plan) : undefined
  const architecture = architectureOf(plan)
  const image = await imageFor(clients, order, architecture)
  const instanceType = order.instanceType ?? defaultType(group.role, order.size, architecture)
  const type = await describeType(clients.ec2, instanceType)
  const etcdSize = group.role === 'control-plane' ? etcdVolume(plan) : 0
  const problems = [
    ...typeProblems(type, image, group.role, {
      nodes: order.size,
      etcdDevice: etcdSize > 0 ? etcdDevice(plan) : undefined,
    }),
    ...subnetProblems(plan, machines, endpoint ?? [], subnets),
    ...vpcProblems(plan, vpc),
  ]
  const own = await ownInstances(clients.ec2, plan.name)
  return {
    order,
    subnets,
    vpc,
    machines,
    endpoint,
    problems,
    present: new Map(own.map((instance) => [tagOf(instance.Tags, 'node') ?? '', instance])),
    groupSpecs: order.createGroups ? groupsFor(order, vpc) : [],
    template: {
      cluster: plan.name,
      kubernetes: plan.kubernetes.version,
      image,
      instanceType,
      securityGroups: order.securityGroups,
      userData: order.userData,
      keyName: order.keyName,
      instanceProfile: order.instanceProfile,
      kmsKey: order.kmsKey,
      rootSize: order.rootSize,
      etcdSize,
    },
  }
}

function architectureOf({ os }: ClusterPlan): Architecture {
  return parseArchitecture(String(os.options['architecture'] ?? 'amd64')) ?? 'x86_64'
}

function groupsFor(
  { plan, groups, users }: Order,
  { CidrBlockAssociationSet = [] }: Vpc,
): readonly GroupSpec[] {
  return securityGroups(plan, groups, {
    users: users ?? CidrBlockAssociationSet.flatMap(({ CidrBlock }) => CidrBlock ?? []),
    endpoint: balancerAddresses(plan) !== undefined,
    routedPods: routesPods(plan),
  })
}

function routesPods(plan: ClusterPlan): boolean {
  return choose(registry.cni, plan.network.cni).routesPods(plan)
}

/** The one that was named; else one that we baked, where user-data counts on it; else the distribution's own. */
async function imageFor(
  { ec2 }: Clients,
  { plan, group, image }: Order,
  architecture: Architecture,
): Promise<Image> {
  const byId = async (id: string) => {
    const [found] = await findImages(ec2, { ImageIds: [id], IncludeDeprecated: true })
    if (found === undefined)
      throw new UserError(`there is no image ${id}`, 'gen ami find and gen ami list show images')
    return found
  }
  if (image !== undefined) return byId(image)
  const kubernetes = plan.kubernetes.version
  if (plan.bootstrap.prebaked) {
    const baked = await ownImages(ec2, { cluster: plan.name, role: group.role, kubernetes })
    const fit = baked.find((entry) => entry.state === 'available' && entry.architecture === architecture)
    if (fit !== undefined) return byId(fit.id)
    throw new UserError(
      `no image with Kubernetes ${kubernetes} is baked for ${group.role} of ${plan.name} (${architecture}) in this account and region`,
      'bake one (gen packer), name one with --image, or set bootstrap.prebaked: false',
    )
  }
  const request = baseImages(choose(registry.os, plan.os.provider), plan.os.release, architecture)
  const [newest] = request === undefined ? [] : await findImages(ec2, request)
  if (newest !== undefined) return newest
  throw new UserError(
    `there is no image of ${plan.os.provider} ${plan.os.release} for ${architecture} in this region`,
    'name one with --image; gen ami find --deprecated shows hidden ones',
  )
}

/** Asks EC2 about every machine that is missing, and changes nothing. */
export async function rehearse(
  { ec2 }: Clients,
  { template, machines, present }: Prepared,
): Promise<readonly Problem[]> {
  const problems: Problem[] = []
  for (const machine of machines.filter(({ node }) => !present.has(node))) {
    const refused = await wouldLaunch(ec2, template, machine)
    if (refused !== undefined)
      problems.push({ message: refused.message, hint: refused.hint ?? '', fatal: true })
  }
  return problems
}

export interface Launched {
  readonly machine: Machine
  readonly instance: Instance
}

/** What came of it: also of a launch that was only half a success. */
export interface Outcome {
  readonly launched: readonly Launched[]
  readonly failures: readonly UserError[]
  readonly untried: readonly Machine[]
}

/** Makes what is missing: groups, load balancer, machines. Repeating it makes nothing twice. */
export async function carryOut(
  clients: Clients,
  prepared: Prepared,
  tell: (line: string) => void,
): Promise<Outcome> {
  const { order, vpc, groupSpecs, endpoint, subnets } = prepared
  const { plan, group } = order
  const vpcId = vpc.VpcId ?? ''
  const ids = await ensureGroups(clients.ec2, plan.name, vpcId, groupSpecs, tell)
  const grouped = (kind: 'control-plane' | 'worker' | 'endpoint') => [
    ...(ids[kind] === undefined ? [] : [ids[kind]]),
    ...order.securityGroups,
  ]
  if (endpoint !== undefined)
    await ensureBalancer(
      clients.balancing,
      { plan, addresses: endpoint, subnets, securityGroups: grouped('endpoint'), vpc: vpcId },
      tell,
    )
  const template = { ...prepared.template, securityGroups: grouped(group.role) }
  const outcome = await launchAll(clients, { ...prepared, template }, tell)
  const running = await waitForRunning(
    clients.ec2,
    outcome.launched.flatMap(({ instance }) => instance.InstanceId ?? []),
    ({ InstanceId, PrivateIpAddress }) => tell(`${InstanceId} runs (${PrivateIpAddress})`),
  )
  if (routesPods(plan))
    for (const { InstanceId = '' } of running) await passForeignSources(clients.ec2, InstanceId)
  if (endpoint !== undefined) {
    tell('waiting for the load balancer, which takes AWS some minutes')
    await waitForBalancer(clients.balancing, plan.name)
  }
  const byId = new Map(running.map((instance) => [instance.InstanceId, instance]))
  return {
    ...outcome,
    launched: outcome.launched.map(({ machine, instance }) => ({
      machine,
      instance: byId.get(instance.InstanceId) ?? instance,
    })),
  }
}

async function launchAll(
  { ec2 }: Clients,
  { machines, present, template }: Prepared,
  tell: (line: string) => void,
): Promise<Outcome> {
  const launched: Launched[] = []
  const failures: UserError[] = []
  for (const [index, machine] of machines.entries()) {
    const there = present.get(machine.node)
    try {
      const instance = there ?? (await launchOne(ec2, template, machine))
      const state = there?.State?.Name
      if (state === 'stopped' || state === 'stopping')
        throw new LaunchFailure(
          `${machine.node} is there already (${instance.InstanceId}), and ${state}`,
          `aws ec2 start-instances --instance-ids ${instance.InstanceId}; or gen launch destroy`,
          true,
        )
      launched.push({ machine, instance })
      tell(`${machine.node}: ${instance.InstanceId} ${there === undefined ? 'launched' : 'is there already'}`)
    } catch (cause) {
      if (!(cause instanceof LaunchFailure)) throw cause
      failures.push(cause)
      tell(cause.message)
      // What is wrong with the request or the account is wrong with all of them.
      if (!cause.single) return { launched, failures, untried: machines.slice(index + 1) }
    }
  }
  return { launched, failures, untried: [] }
}
