/** Subnets as they are, security groups as they should be. */
import {
  AuthorizeSecurityGroupIngressCommand,
  CreateSecurityGroupCommand,
  DeleteSecurityGroupCommand,
  DescribeSubnetsCommand,
  DescribeVpcsCommand,
  type EC2Client,
  paginateDescribeSecurityGroups,
  RevokeSecurityGroupIngressCommand,
  type SecurityGroup,
  type Subnet,
  type Vpc,
} from '@aws-sdk/client-ec2'
import { createGroup, type GroupKind, type GroupSpec, missingRules } from '../../aws/groups.ts'
import { ownFilters, tagOf } from '../../aws/tags.ts'
import { UserError } from '../../cli/command.ts'
import { asking, codeOf } from './clients.effect.ts'
import { settled } from './wait.effect.ts'

/** In the order in which they are named. */
export async function describeSubnets(client: EC2Client, ids: readonly string[]): Promise<readonly Subnet[]> {
  return asking('looking for the subnets', async () => {
    const { Subnets = [] } = await client.send(new DescribeSubnetsCommand({ SubnetIds: [...new Set(ids)] }))
    return ids.flatMap((id, index) =>
      ids.indexOf(id) < index ? [] : Subnets.filter(({ SubnetId }) => SubnetId === id),
    )
  })
}

export async function describeVpc(client: EC2Client, id: string): Promise<Vpc> {
  return asking(`looking for ${id}`, async () => {
    const { Vpcs: [vpc] = [] } = await client.send(new DescribeVpcsCommand({ VpcIds: [id] }))
    if (vpc === undefined) throw new UserError(`there is no VPC ${id}`)
    return vpc
  })
}

/** Of this cluster, made by us. */
export async function ownGroups(client: EC2Client, cluster: string): Promise<readonly SecurityGroup[]> {
  return asking('looking for security groups', async () => {
    const found: SecurityGroup[] = []
    const query = { Filters: ownFilters(cluster) }
    for await (const page of paginateDescribeSecurityGroups({ client, pageSize: 1000 }, query))
      found.push(...(page.SecurityGroups ?? []))
    return found
  })
}

/**
 * Makes groups that are missing, and adds the rules that they lack; nothing is taken away.
 * @returns id of each kind
 */
export async function ensureGroups(
  client: EC2Client,
  cluster: string,
  vpc: string,
  specs: readonly GroupSpec[],
  tell: (line: string) => void,
): Promise<Readonly<Partial<Record<GroupKind, string>>>> {
  const present = (await ownGroups(client, cluster)).filter(({ VpcId }) => VpcId === vpc)
  const ids: Partial<Record<GroupKind, string>> = {}
  for (const spec of specs) {
    const own = present.find((group) => tagOf(group.Tags, 'role') === spec.kind)
    ids[spec.kind] = own?.GroupId ?? (await createOne(client, cluster, spec, vpc, tell))
  }
  for (const spec of specs) {
    const own = present.find(({ GroupId }) => GroupId === ids[spec.kind])
    for (const rule of missingRules(spec, ids, own))
      await asking(`opening ports of ${spec.name}`, () =>
        // A group that was just made is not known everywhere yet.
        settled(['InvalidGroup.NotFound'], async () => {
          try {
            await client.send(
              new AuthorizeSecurityGroupIngressCommand({ GroupId: ids[spec.kind], IpPermissions: [rule] }),
            )
          } catch (cause) {
            if (codeOf(cause) !== 'InvalidPermission.Duplicate') throw cause
          }
        }),
      )
  }
  return ids
}

async function createOne(
  client: EC2Client,
  cluster: string,
  spec: GroupSpec,
  vpc: string,
  tell: (line: string) => void,
): Promise<string> {
  return asking(`making the security group ${spec.name}`, async () => {
    try {
      const { GroupId = '' } = await client.send(
        new CreateSecurityGroupCommand(createGroup(cluster, spec, vpc)),
      )
      tell(`made the security group ${spec.name} (${GroupId})`)
      return GroupId
    } catch (cause) {
      if (codeOf(cause) !== 'InvalidGroup.Duplicate') throw cause
      // Made by a request of ours whose answer got lost, or moments ago by another run; a foreign one has no tags of ours.
      return settled(
        ['InvalidGroup.Duplicate'],
        async () => {
          const own = (await ownGroups(client, cluster)).find(
            ({ GroupName, VpcId }) => GroupName === spec.name && VpcId === vpc,
          )
          if (own?.GroupId !== undefined) return own.GroupId
          throw cause
        },
        15,
      )
    }
  })
}

/** They name each other, so first all rules go, and then the groups. */
export async function deleteGroups(
  client: EC2Client,
  groups: readonly SecurityGroup[],
  tell: (line: string) => void,
): Promise<void> {
  for (const { GroupId, IpPermissions = [] } of groups)
    if (IpPermissions.length > 0)
      await asking(`closing ports of ${GroupId}`, async () => {
        try {
          await client.send(new RevokeSecurityGroupIngressCommand({ GroupId, IpPermissions }))
        } catch (cause) {
          if (!['InvalidGroup.NotFound', 'InvalidPermission.NotFound'].includes(codeOf(cause))) throw cause
        }
      })
  for (const { GroupId, GroupName } of groups) {
    await asking(`deleting the security group ${GroupId}`, () =>
      // Interfaces of machines and load balancers that are gone linger for minutes.
      settled(
        ['DependencyViolation'],
        async () => {
          try {
            await client.send(new DeleteSecurityGroupCommand({ GroupId }))
          } catch (cause) {
            if (codeOf(cause) !== 'InvalidGroup.NotFound') throw cause
          }
        },
        600,
      ),
    )
    tell(`deleted the security group ${GroupName} (${GroupId})`)
  }
}
