import type { Launched, Order, Prepared } from '../effects/aws/launch.effect.ts'
import { parseSubnet } from '../model/address.ts'
import { largestSize } from '../plan/sizing.ts'
import { access, awsOptions } from './aws.ts'
import {
  blueprintOptions,
  type Command,
  flag,
  type Invocation,
  type OptionSpec,
  text,
  UsageError,
  UserError,
} from './command.ts'
import { compileOrReport, type Ready } from './inputs.effect.ts'
import { destroy } from './launch-destroy.ts'
import { columns } from './table.ts'
import { checkChoice, fitGroup, pickGroup } from './userdata.ts'

const dryRun: OptionSpec = {
  type: 'boolean',
  description: 'show the plan, ask EC2 whether it would do it (its own DryRun), and change nothing',
}

const several = (value: string, description: string, preset?: string): OptionSpec => ({
  type: 'string',
  value,
  multiple: true,
  description,
  ...(preset === undefined ? {} : { default: preset }),
})

export const launch: Command = {
  name: 'launch',
  summary: 'launch the nodes of a role on EC2, and destroy what was launched',
  usage: '--role master|worker | --pool NAME  --subnet ID… [--create-security-groups | --security-group ID…]',
  description:
    'Declared nodes get their addresses; of a pool, --count says how many there are to be. Running it again launches only what is missing. With endpoint.provider: aws-nlb, launching the masters makes the load balancer, too. Subnets and their VPC are yours.',
  subcommands: [destroy],
  options: {
    ...blueprintOptions,
    role: { type: 'string', value: 'ROLE', description: 'control-plane (or master), worker' },
    pool: { type: 'string', value: 'NAME', description: 'a pool of the blueprint' },
    count: {
      type: 'string',
      value: 'N',
      description: 'how many',
      default: 'all that are declared; of a pool 1',
    },
    subnet: several('ID', 'where; may be repeated, one for each zone'),
    'security-group': several('ID', 'of the machines, and of the load balancer; may be repeated'),
    'create-security-groups': {
      type: 'boolean',
      description: "make them from the roles' ports, beside those of --security-group",
    },
    from: several(
      'CIDR',
      'who may use the API server and NodePort services, with --create-security-groups',
      "the VPC's addresses",
    ),
    'instance-type': {
      type: 'string',
      value: 'TYPE',
      description: 'of the machines',
      default: 'as the sizing table advises',
    },
    image: {
      type: 'string',
      value: 'AMI',
      description: 'the machine image',
      default: 'the newest that we baked (bootstrap.prebaked), else the newest of the distribution',
    },
    'root-size': { type: 'string', value: 'GIB', description: 'of the root volume', default: '30' },
    'kms-key': {
      type: 'string',
      value: 'KEY',
      description: 'encrypts the volumes',
      default: "the account's key for EBS",
    },
    'key-name': { type: 'string', value: 'NAME', description: 'SSH key pair; nodes need none' },
    'instance-profile': {
      type: 'string',
      value: 'NAME',
      description: 'IAM role of the machines; nodes need none',
    },
    'dry-run': dryRun,
    json: { type: 'boolean', description: 'print the machines as JSON' },
    ...awsOptions,
  },
  examples: [
    [
      'gen launch --role master --subnet subnet-a --subnet subnet-b --subnet subnet-c --create-security-groups --dry-run',
      'what would be made',
    ],
    [
      'gen launch --pool general --count 3 --subnet subnet-a --subnet subnet-b --create-security-groups',
      'three workers in two zones',
    ],
    ['gen launch destroy', 'removes it all, after asking'],
  ],
  async run(invocation, io) {
    checkChoice(invocation, ['role', 'pool'])
    checkUsage(invocation)
    const ready = await compileOrReport(invocation, io, { withSecrets: true })
    if (ready === undefined) return 1
    const order = await readOrder(invocation, ready)
    const { connect } = await import('../effects/aws/clients.effect.ts')
    const { carryOut, prepare, rehearse } = await import('../effects/aws/launch.effect.ts')
    const tell = (line: string) => io.stderr(`gen: ${line}\n`)
    const clients = connect(access(invocation))
    const prepared = await prepare(clients, order)
    const problems = [...prepared.problems]
    const only = flag(invocation, 'dry-run')
    if (only) {
      await io.stdout(planTable(prepared))
      problems.push(...(await rehearse(clients, prepared)))
    }
    for (const { message, hint, fatal } of problems)
      io.stderr(`gen: ${fatal ? '' : 'warning: '}${message}\n${hint === '' ? '' : `  hint: ${hint}\n`}`)
    if (problems.some(({ fatal }) => fatal)) return 1
    if (only) {
      tell('EC2 would do it; Elastic Load Balancing knows no dry run')
      return 0
    }
    const { launched, failures, untried } = await carryOut(clients, prepared, tell)
    await io.stdout(
      flag(invocation, 'json') ? `${JSON.stringify(launched.map(row), null, 2)}\n` : machineTable(launched),
    )
    const [failure] = failures
    if (failure === undefined) {
      io.stderr(nextSteps(prepared, launched))
      return 0
    }
    if (failure.hint !== undefined) io.stderr(`  hint: ${failure.hint}\n`)
    tell(
      `${failures.length} not launched${untried.length > 0 ? `, ${untried.map(({ node }) => node).join(', ')} not tried` : ''}: run the same again, which launches what is missing`,
    )
    return 1
  },
}

function list(invocation: Invocation, name: string): readonly string[] {
  return (invocation.values[name] ?? []) as readonly string[]
}

/** Before the blueprint is read: what can be told from the command line alone. */
function checkUsage(invocation: Invocation): void {
  if (list(invocation, 'subnet').length === 0)
    throw new UsageError(
      'where to? --subnet is missing',
      'one for each zone; aws ec2 describe-subnets lists them',
    )
  if (list(invocation, 'security-group').length === 0 && !flag(invocation, 'create-security-groups'))
    throw new UsageError(
      'who may reach the machines?',
      'give --create-security-groups, or --security-group of your own',
    )
  for (const name of ['count', 'root-size']) {
    const written = text(invocation, name)
    if (written !== undefined && !/^[1-9]\d{0,3}$/.test(written))
      throw new UsageError(`--${name} cannot be ${written}`, 'a number from 1 on')
  }
  const wrong = list(invocation, 'from').find((cidr) => parseSubnet(cidr) === undefined)
  if (wrong !== undefined) throw new UsageError(`--from cannot be ${wrong}`, 'write it like 10.0.0.0/8')
}

/** @throws UserError for what the blueprint has not */
async function readOrder(invocation: Invocation, ready: Ready): Promise<Order> {
  const { plan, groups, written } = ready
  if (plan.cloud.provider !== 'aws')
    throw new UserError(`the blueprint's cloud is ${plan.cloud.provider}, not aws`, 'set cloud.provider: aws')
  const group = pickGroup(invocation, ready)
  const declared = group.pool === undefined ? group.nodes.length : Number.POSITIVE_INFINITY
  const count = Number(text(invocation, 'count') ?? (group.pool === undefined ? declared : 1))
  if (count > declared)
    throw new UserError(
      `the blueprint declares ${declared} of ${group.role}, not ${count}`,
      'declare more, or use a pool',
    )
  const fitted = await fitGroup(ready, group, undefined, undefined)
  const from = list(invocation, 'from')
  return {
    plan,
    groups,
    group,
    userData: fitted.bytes,
    size: Math.max(largestSize(written), plan.nodes.length + (group.pool === undefined ? 0 : count)),
    count,
    subnets: list(invocation, 'subnet'),
    securityGroups: list(invocation, 'security-group'),
    createGroups: flag(invocation, 'create-security-groups'),
    users: from.length === 0 ? undefined : from,
    instanceType: text(invocation, 'instance-type'),
    image: text(invocation, 'image'),
    keyName: text(invocation, 'key-name'),
    instanceProfile: text(invocation, 'instance-profile'),
    kmsKey: text(invocation, 'kms-key'),
    rootSize: Number(text(invocation, 'root-size') ?? '30'),
  }
}

function planTable({ template, machines, present, groupSpecs, endpoint, order }: Prepared): string {
  const facts = [
    ['image', `${template.image.ImageId} ${template.image.Name ?? ''}`],
    ['type', template.instanceType],
    ['user-data', `${template.userData.length} of 16384 bytes`],
    ...(endpoint === undefined
      ? []
      : [['endpoint', `load balancer at ${endpoint.join(', ')}, port ${order.plan.endpoint.port}`]]),
    ...groupSpecs.flatMap(({ name, rules }) =>
      rules.map(({ protocol, from, to, source, why }, index) => [
        index === 0 ? `group ${name}` : '',
        `${protocol}${from < 0 ? '' : ` ${from}${to === from ? '' : `-${to}`}`} from ${'group' in source ? source.group : source.cidr}: ${why}`,
      ]),
    ),
    ...machines.map(({ node, address, subnets }) => [
      node,
      present.has(node)
        ? `there already: ${present.get(node)?.InstanceId}`
        : `${subnets.map(({ SubnetId, AvailabilityZone }) => `${SubnetId} (${AvailabilityZone})`).join(', else ')}${address === undefined ? '' : ` ${address}`}`,
    ]),
  ]
  return columns(facts)
}

function row({ machine, instance }: Launched) {
  return {
    node: machine.node,
    instance: instance.InstanceId ?? '',
    address: instance.PrivateIpAddress ?? '',
    zone: instance.Placement?.AvailabilityZone ?? '',
    privateDnsName: instance.PrivateDnsName ?? '',
  }
}

function machineTable(launched: readonly Launched[]): string {
  const rows = launched.map(row).map(({ node, instance, address, zone }) => [node, instance, address, zone])
  return rows.length === 0 ? '' : columns([['node', 'instance', 'address', 'zone'], ...rows])
}

function nextSteps({ order: { plan, group }, endpoint }: Prepared, launched: readonly Launched[]): string {
  const watch = `aws ec2 get-console-output --latest --output text --instance-id ${launched[0]?.instance.InstanceId}`
  const server = endpoint === undefined ? '' : ` --server https://${endpoint[0]}:${plan.endpoint.port}`
  const lines =
    group.role === 'worker'
      ? ['the workers join by themselves', `watch one:   ${watch}`]
      : [
          'the masters form the cluster by themselves; workers can be launched now and wait for it',
          `watch one:   ${watch}`,
          'workers:     gen launch --role worker, or --pool NAME --count N, with the same --subnet',
          `kubectl:     gen kubeconfig -o admin.conf${server}, from a machine that reaches the endpoint`,
        ]
  return `gen: ${lines.join('\n     ')}\n`
}
