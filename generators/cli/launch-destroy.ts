import { parseRole } from '../model/role.ts'
import { access, awsOptions } from './aws.ts'
import { blueprintOptions, type Command, flag, text, UsageError } from './command.ts'
import { confirm } from './confirm.ts'
import { compileOrReport } from './inputs.effect.ts'
import { columns } from './table.ts'

export const destroy: Command = {
  name: 'destroy',
  summary: 'remove the machines, load balancer and security groups that it made',
  usage: '[--role ROLE] [--dry-run | --yes]',
  description: 'Goes by the tags leaven:made-by and leaven:cluster: what is without them stays.',
  options: {
    ...blueprintOptions,
    role: { type: 'string', value: 'ROLE', description: 'only the machines of this role' },
    'dry-run': { type: 'boolean', description: 'say what would be removed' },
    yes: { type: 'boolean', short: 'y', description: 'do not ask' },
    ...awsOptions,
  },
  examples: [['gen launch destroy --dry-run', 'what it would remove']],
  async run(invocation, io) {
    const written = text(invocation, 'role')
    const role = parseRole(written ?? '')
    if (written !== undefined && role === undefined)
      throw new UsageError(`there is no role named ${written}`, 'control-plane (or master), worker')
    const ready = await compileOrReport(invocation, io, { withSecrets: false })
    if (ready === undefined) return 1
    const { name } = ready.plan
    const { connect } = await import('../effects/aws/clients.effect.ts')
    const { destroy: removeAll, remains } = await import('../effects/aws/destroy.effect.ts')
    const clients = connect(access(invocation))
    const found = await remains(clients, name, role)
    const { balancer, targetGroup } = found.endpoint
    const rows = [
      ...found.instances.map(({ InstanceId = '', PrivateIpAddress = '', Tags }) => [
        'machine',
        InstanceId,
        `${Tags?.find(({ Key }) => Key === 'Name')?.Value ?? ''} ${PrivateIpAddress}`,
      ]),
      ...[balancer?.LoadBalancerName].flatMap((own) =>
        own === undefined ? [] : [['load balancer', own, '']],
      ),
      ...[targetGroup?.TargetGroupName].flatMap((own) =>
        own === undefined ? [] : [['target group', own, '']],
      ),
      ...found.groups.map(({ GroupId = '', GroupName = '' }) => ['security group', GroupId, GroupName]),
    ]
    if (rows.length === 0) {
      io.stderr(`gen: there is nothing of ${name} that gen launch made\n`)
      return 0
    }
    await io.stdout(columns(rows))
    if (flag(invocation, 'dry-run')) return 0
    const question = `Remove this of ${name}, with everything that its machines hold?`
    if (!(await confirm(question, flag(invocation, 'yes'), io))) return 1
    const left = await removeAll(clients, name, found, (line) => io.stderr(`gen: ${line}\n`))
    if (left.length > 0) io.stderr(`gen: volumes without a machine stay: ${left.join(' ')}\n`)
    return 0
  },
}
