/** Which machines a launch wants, and what is asked of EC2 for each. */
import { createHash } from 'node:crypto'
import type { Image, RunInstancesCommandInput, Subnet } from '@aws-sdk/client-ec2'
import { parseAddress, parseSubnet, subnetContains } from '../model/address.ts'
import type { ClusterPlan, GroupPlan } from '../model/plan.ts'
import type { Role } from '../model/role.ts'
import { launcher, type TagMap, tagSpecification } from './tags.ts'

export interface Machine {
  /** The declared name, or `<pool>-<n>` from 1 on. */
  readonly node: string
  readonly role: Role
  /** Its declared private address. */
  readonly address: string | undefined
  /** Tried in this order when a zone has no capacity left; one alone where the address decides. */
  readonly subnets: readonly Subnet[]
}

/** What all machines of one launch have in common. */
export interface Template {
  readonly cluster: string
  readonly kubernetes: string
  readonly image: Image
  readonly instanceType: string
  readonly securityGroups: readonly string[]
  readonly userData: Uint8Array
  readonly keyName: string | undefined
  readonly instanceProfile: string | undefined
  readonly kmsKey: string | undefined
  /** GiB. */
  readonly rootSize: number
  /** GiB; 0: etcd has no volume of its own. */
  readonly etcdSize: number
}

/**
 * Declared nodes each with its address, in the order of the blueprint; members of a pool spread over the subnets.
 * @param count of a pool: how many there are to be
 */
export function wantedMachines(
  plan: ClusterPlan,
  group: GroupPlan,
  subnets: readonly Subnet[],
  count: number,
): readonly Machine[] {
  if (group.pool === undefined)
    return plan.nodes
      .filter(({ name }) => group.nodes.includes(name))
      .slice(0, count)
      .map(({ name, role, address }, index) => ({
        node: name,
        role,
        address,
        subnets:
          address === undefined
            ? rotated(subnets, index)
            : subnets.filter((subnet) => holds(subnet, address)),
      }))
  return Array.from({ length: count }, (_, index) => ({
    node: `${group.pool}-${index + 1}`,
    role: group.role,
    address: undefined,
    subnets: rotated(subnets, index),
  }))
}

/** Neighbours in different zones first. */
function rotated(subnets: readonly Subnet[], by: number): readonly Subnet[] {
  const start = subnets.length === 0 ? 0 : by % subnets.length
  return [...subnets.slice(start), ...subnets.slice(0, start)]
}

export function holds({ CidrBlock = '' }: Subnet, address: string): boolean {
  const subnet = parseSubnet(CidrBlock)
  const parsed = parseAddress(address)
  return subnet !== undefined && parsed !== undefined && subnetContains(subnet, parsed)
}

/**
 * One machine a request, so that each can fail, and be repeated, on its own.
 * @param generation counts machines of this very request that are gone again: EC2 goes on answering a token with them
 */
export function runInstances(
  template: Template,
  machine: Machine,
  subnet: Subnet,
  generation: number,
): RunInstancesCommandInput {
  const { cluster, image, securityGroups } = template
  const tags: TagMap = {
    name: `${cluster}-${machine.node}`,
    madeBy: launcher,
    cluster,
    role: machine.role,
    node: machine.node,
    kubernetes: template.kubernetes,
  }
  const request: RunInstancesCommandInput = {
    ImageId: image.ImageId,
    InstanceType: template.instanceType as RunInstancesCommandInput['InstanceType'],
    MinCount: 1,
    MaxCount: 1,
    SubnetId: subnet.SubnetId,
    ...(machine.address === undefined ? {} : { PrivateIpAddress: machine.address }),
    ...(securityGroups.length === 0 ? {} : { SecurityGroupIds: [...securityGroups] }),
    UserData: Buffer.from(template.userData).toString('base64'),
    ...(template.keyName === undefined ? {} : { KeyName: template.keyName }),
    ...(template.instanceProfile === undefined
      ? {}
      : { IamInstanceProfile: { Name: template.instanceProfile } }),
    // Only the node itself gets at its user-data: no old protocol, and no hop further to a pod.
    MetadataOptions: { HttpEndpoint: 'enabled', HttpTokens: 'required', HttpPutResponseHopLimit: 1 },
    BlockDeviceMappings: volumes(template, machine),
    TagSpecifications: (['instance', 'volume', 'network-interface'] as const).map((type) =>
      tagSpecification(type, tags),
    ),
  }
  return { ...request, ClientToken: clientToken(request, generation) }
}

/** The name under which EC2 attaches etcd's volume; on Nitro the node sees it as an NVMe disk. */
const etcdAttachment = '/dev/sdf'

function volumes(
  { image, rootSize, etcdSize, kmsKey }: Template,
  { role }: Machine,
): RunInstancesCommandInput['BlockDeviceMappings'] {
  const volume = (size: number) => ({
    VolumeSize: size,
    VolumeType: 'gp3' as const,
    Encrypted: true,
    DeleteOnTermination: true,
    ...(kmsKey === undefined ? {} : { KmsKeyId: kmsKey }),
  })
  return [
    { DeviceName: image.RootDeviceName, Ebs: volume(Math.max(rootSize, rootOf(image))) },
    ...(role === 'control-plane' && etcdSize > 0
      ? [{ DeviceName: etcdAttachment, Ebs: volume(etcdSize) }]
      : []),
  ]
}

/** GiB that the image's root volume has at least. */
function rootOf({ BlockDeviceMappings = [], RootDeviceName }: Image): number {
  return BlockDeviceMappings.find(({ DeviceName }) => DeviceName === RootDeviceName)?.Ebs?.VolumeSize ?? 0
}

/**
 * The same request has the same token, on any machine and on any day: repeating it launches nothing twice.
 * https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-idempotency.html
 */
function clientToken(request: RunInstancesCommandInput, generation: number): string {
  const digest = createHash('sha256').update(JSON.stringify(request)).digest('hex')
  return `leaven-${digest.slice(0, 48)}-${generation}`
}
