/** Removing what `gen launch` made, by its tags and nothing else. */
import type { Instance, SecurityGroup } from '@aws-sdk/client-ec2'
import { tagOf } from '../../aws/tags.ts'
import type { Role } from '../../model/role.ts'
import type { Clients } from './clients.effect.ts'
import { looseVolumes, ownInstances, terminate } from './instances.effect.ts'
import { type OwnBalancer, ownBalancer, removeBalancer } from './load-balancer.effect.ts'
import { deleteGroups, ownGroups } from './network.effect.ts'

export interface Remains {
  readonly instances: readonly Instance[]
  readonly endpoint: OwnBalancer
  readonly groups: readonly SecurityGroup[]
}

/** @param role its machines alone; undefined: all that there is */
export async function remains(clients: Clients, cluster: string, role: Role | undefined): Promise<Remains> {
  const all = await ownInstances(clients.ec2, cluster, [
    'pending',
    'running',
    'stopping',
    'stopped',
    'shutting-down',
  ])
  if (role !== undefined)
    return {
      instances: all.filter(({ Tags }) => tagOf(Tags, 'role') === role),
      endpoint: { balancer: undefined, targetGroup: undefined },
      groups: [],
    }
  return {
    instances: all,
    endpoint: await ownBalancer(clients.balancing, cluster),
    groups: await ownGroups(clients.ec2, cluster),
  }
}

/** In the order in which one holds the other. @returns volumes that are left over */
export async function destroy(
  clients: Clients,
  cluster: string,
  { instances, endpoint, groups }: Remains,
  tell: (line: string) => void,
): Promise<readonly string[]> {
  await terminate(
    clients.ec2,
    instances.flatMap(({ InstanceId }) => InstanceId ?? []),
    tell,
  )
  await removeBalancer(clients.balancing, endpoint, tell)
  await deleteGroups(clients.ec2, groups, tell)
  return looseVolumes(clients.ec2, cluster)
}
