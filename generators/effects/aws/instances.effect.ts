/** Machines: found again, launched once, waited for, terminated. */
import {
  DescribeInstanceTypesCommand,
  type EC2Client,
  type Instance,
  type InstanceTypeInfo,
  ModifyInstanceAttributeCommand,
  paginateDescribeInstances,
  paginateDescribeVolumes,
  RunInstancesCommand,
  type Subnet,
  TerminateInstancesCommand,
} from '@aws-sdk/client-ec2'
import { hintFor, isAboutZone } from '../../aws/failures.ts'
import { type Machine, runInstances, type Template } from '../../aws/machines.ts'
import { ownFilters } from '../../aws/tags.ts'
import { UserError } from '../../cli/command.ts'
import { asking, codeOf } from './clients.effect.ts'
import { settled, until } from './wait.effect.ts'

const alive = ['pending', 'running', 'stopping', 'stopped']

export async function describeType(client: EC2Client, type: string): Promise<InstanceTypeInfo> {
  return asking(`the instance type ${type}`, async () => {
    const { InstanceTypes: [found] = [] } = await client.send(
      new DescribeInstanceTypesCommand({ InstanceTypes: [type as NonNullable<Instance['InstanceType']>] }),
    )
    if (found === undefined)
      throw new UserError(`there is no instance type ${type}`, hintFor('InvalidInstanceType'))
    return found
  })
}

/** What we launched for a cluster and is not gone; with `states`, in these. */
export async function ownInstances(
  client: EC2Client,
  cluster: string,
  states: readonly string[] = alive,
): Promise<readonly Instance[]> {
  const query = { Filters: [...ownFilters(cluster), { Name: 'instance-state-name', Values: [...states] }] }
  return asking('looking for machines', async () => {
    const found: Instance[] = []
    for await (const page of paginateDescribeInstances({ client, pageSize: 1000 }, query))
      for (const { Instances = [] } of page.Reservations ?? []) found.push(...Instances)
    return found
  })
}

/** The launch of one machine did not work out: why, in AWS's words, for each zone that was tried. */
export class LaunchFailure extends UserError {
  /** Others may work nevertheless. */
  readonly single: boolean
  constructor(message: string, hint: string | undefined, single: boolean) {
    super(message, hint)
    this.single = single
  }
}

/** More machines of one request came and went than anybody makes. */
const generations = 20

/**
 * Launches one machine, in the first of its subnets whose zone has capacity. A lost answer is harmless: the SDK repeats
 * the request, and its token makes EC2 answer with the machine that there is already.
 * @throws LaunchFailure
 */
export async function launchOne(client: EC2Client, template: Template, machine: Machine): Promise<Instance> {
  const tried: string[] = []
  let code = ''
  for (const subnet of machine.subnets)
    try {
      return await launchIn(client, template, machine, subnet)
    } catch (cause) {
      code = codeOf(cause)
      const message = cause instanceof Error ? cause.message.replaceAll(/\s+/g, ' ') : String(cause)
      tried.push(`${subnet.AvailabilityZone}: ${message} (${code})`)
      if (isAboutZone(code)) continue
      if (!(cause instanceof Error && '$metadata' in cause) && hintFor(code) === undefined) throw cause
      break
    }
  const single = isAboutZone(code) || code.includes('IPAddress')
  throw new LaunchFailure(`${machine.node} was not launched: ${tried.join('; ')}`, hintFor(code), single)
}

async function launchIn(
  client: EC2Client,
  template: Template,
  machine: Machine,
  subnet: Subnet,
): Promise<Instance> {
  for (let generation = 0; generation < generations; generation += 1) {
    const command = new RunInstancesCommand(runInstances(template, machine, subnet, generation))
    // Groups and profiles that were just made are not known everywhere yet.
    const { Instances: [instance] = [] } = await settled(
      ['InvalidGroup.NotFound'],
      () => client.send(command),
      30,
    )
    const state = instance?.State?.Name
    if (instance !== undefined && state !== 'terminated' && state !== 'shutting-down') return instance
  }
  throw new LaunchFailure(`${machine.node} was launched and terminated ${generations} times`, undefined, true)
}

/** @returns undefined when EC2 would do it, else its words and code */
export async function wouldLaunch(
  client: EC2Client,
  template: Template,
  machine: Machine,
): Promise<{ readonly message: string; readonly hint: string | undefined } | undefined> {
  const [subnet] = machine.subnets
  if (subnet === undefined) return undefined
  try {
    await client.send(
      new RunInstancesCommand({ ...runInstances(template, machine, subnet, 0), DryRun: true }),
    )
    return undefined
  } catch (cause) {
    const code = codeOf(cause)
    if (code === 'DryRunOperation') return undefined
    if (!(cause instanceof Error && '$metadata' in cause)) throw cause
    return { message: `${machine.node}: ${cause.message} (${code})`, hint: hintFor(code) }
  }
}

/**
 * Waits until all run.
 * @param tell one line for each that does
 * @throws UserError for one that ends instead
 */
export async function waitForRunning(
  client: EC2Client,
  ids: readonly string[],
  tell: (instance: Instance) => void,
): Promise<readonly Instance[]> {
  const running = new Map<string, Instance>()
  return asking('waiting for machines', () =>
    until(`${ids.length} machines running`, 600, async () => {
      // As a filter, ids that are not known yet are no error.
      const query = { Filters: [{ Name: 'instance-id', Values: [...ids] }] }
      for await (const page of paginateDescribeInstances({ client, pageSize: 1000 }, query))
        for (const instance of (page.Reservations ?? []).flatMap(({ Instances = [] }) => Instances)) {
          const { InstanceId: id = '', State, StateReason } = instance
          if (State?.Name === 'terminated' || State?.Name === 'shutting-down')
            throw new UserError(
              `${id} ended right after its launch: ${StateReason?.Message ?? State.Name}`,
              'often the key that encrypts its volumes may not be used: see --kms-key and the key policy',
            )
          if (State?.Name !== 'running' || running.has(id)) continue
          running.set(id, instance)
          tell(instance)
        }
      return running.size === ids.length ? [...running.values()] : undefined
    }),
  )
}

/** EC2 drops packets whose sender is not the machine itself, unless told. */
export async function passForeignSources(client: EC2Client, id: string): Promise<void> {
  await asking(`the source/dest check of ${id}`, () =>
    settled(['InvalidInstanceID.NotFound', 'IncorrectInstanceState'], () =>
      client.send(new ModifyInstanceAttributeCommand({ InstanceId: id, SourceDestCheck: { Value: false } })),
    ),
  )
}

/** Terminates, and waits until they are gone: only then are their groups and addresses free. */
export async function terminate(
  client: EC2Client,
  ids: readonly string[],
  tell: (line: string) => void,
): Promise<void> {
  if (ids.length === 0) return
  await asking('terminating machines', () =>
    client.send(new TerminateInstancesCommand({ InstanceIds: [...ids] })),
  )
  const gone = new Set<string>()
  await asking('waiting for machines to end', () =>
    until(`${ids.length} machines terminated`, 900, async () => {
      const left = new Set<string>()
      const query = {
        Filters: [
          { Name: 'instance-id', Values: [...ids] },
          { Name: 'instance-state-name', Values: [...alive, 'shutting-down'] },
        ],
      }
      for await (const page of paginateDescribeInstances({ client, pageSize: 1000 }, query))
        for (const { InstanceId = '' } of (page.Reservations ?? []).flatMap(
          ({ Instances = [] }) => Instances,
        ))
          left.add(InstanceId)
      for (const id of ids)
        if (!left.has(id) && !gone.has(id)) {
          gone.add(id)
          tell(`terminated ${id}`)
        }
      return left.size === 0 ? true : undefined
    }),
  )
}

/** Volumes with our tags that no machine has any more: told, never deleted, for they may hold data. */
export async function looseVolumes(client: EC2Client, cluster: string): Promise<readonly string[]> {
  return asking('looking for volumes', async () => {
    const query = { Filters: [...ownFilters(cluster), { Name: 'status', Values: ['available'] }] }
    const found: string[] = []
    for await (const page of paginateDescribeVolumes({ client, pageSize: 500 }, query))
      found.push(...(page.Volumes ?? []).flatMap(({ VolumeId }) => VolumeId ?? []))
    return found
  })
}
