/** Would it work? What EC2 says of types and subnets, against what the blueprint needs. */
import type { Image, InstanceTypeInfo, Subnet, Vpc } from '@aws-sdk/client-ec2'
import { nthAddress, parseSubnet, splitFamilies, subnetsOverlap } from '../model/address.ts'
import type { ClusterPlan } from '../model/plan.ts'
import type { Role } from '../model/role.ts'
import { advisedControlPlane, minimum } from '../plan/sizing.ts'
import type { Architecture } from './images.ts'
import { holds, type Machine } from './machines.ts'

export interface Problem {
  readonly message: string
  readonly hint: string
  /** A warning is told, and the launch goes on. */
  readonly fatal: boolean
}

/** @param nodes how many the cluster may have; undefined: unknown */
export function typeProblems(
  type: InstanceTypeInfo,
  image: Image,
  role: Role,
  { nodes, etcdDevice }: { readonly nodes: number; readonly etcdDevice: string | undefined },
): readonly Problem[] {
  const name = type.InstanceType ?? ''
  const cpus = type.VCpuInfo?.DefaultVCpus ?? 0
  const memoryGiB = (type.MemoryInfo?.SizeInMiB ?? 0) / 1024
  const supported: readonly string[] = type.ProcessorInfo?.SupportedArchitectures ?? []
  const found: Problem[] = []
  if (!supported.includes(image.Architecture ?? ''))
    found.push({
      message: `${name} runs ${supported.join(' and ')}, and the image ${image.ImageId} is for ${image.Architecture}`,
      hint: 'choose another --instance-type or --image, or set os.architecture in the blueprint',
      fatal: true,
    })
  if (role === 'control-plane') found.push(...sizeProblems(name, cpus, memoryGiB, nodes))
  if (etcdDevice !== undefined) found.push(...deviceProblems(type, etcdDevice))
  return found
}

function sizeProblems(name: string, cpus: number, memoryGiB: number, nodes: number): readonly Problem[] {
  const has = `${name} has ${cpus} CPU${cpus === 1 ? '' : 's'} and ${memoryGiB} GiB of memory`
  if (cpus < minimum.cpus || memoryGiB < minimum.memoryGiB)
    return [
      {
        message: `${has}, and kubeadm refuses control planes with less than 2 CPUs or 1,700 MiB`,
        hint: 'choose a larger --instance-type',
        fatal: true,
      },
    ]
  const advised = advisedControlPlane(nodes)
  if (cpus >= advised.cpus && memoryGiB >= advised.memoryGiB) return []
  return [
    {
      message: `${has}, which is little for the control plane of a cluster of ${nodes} node${nodes === 1 ? '' : 's'}`,
      hint: `${advised.cpus} CPUs and ${advised.memoryGiB} GiB keep its load low`,
      fatal: false,
    },
  ]
}

/** cloud-init makes the file system on a disk by its name, so the name has to be right. */
function deviceProblems(type: InstanceTypeInfo, device: string): readonly Problem[] {
  const name = type.InstanceType ?? ''
  const nvme = device.startsWith('/dev/nvme')
  if (nvme === (type.Hypervisor === 'xen'))
    return [
      {
        message: `on ${name} (${type.Hypervisor}) the second volume is not ${device}`,
        hint: `set cloud.etcdDevice: ${nvme ? '/dev/xvdf' : '/dev/nvme1n1'}, or choose another --instance-type`,
        fatal: true,
      },
    ]
  if (!nvme || type.InstanceStorageSupported !== true) return []
  return [
    {
      message: `${name} has disks of its own, and ${device} may be one of them instead of etcd's volume`,
      hint: 'choose an --instance-type without instance store, or set cloud.etcdVolume: 0',
      fatal: true,
    },
  ]
}

/** Of machines and of the load balancer's addresses. */
export function subnetProblems(
  plan: ClusterPlan,
  machines: readonly Machine[],
  endpoint: readonly string[],
  subnets: readonly Subnet[],
): readonly Problem[] {
  const places: readonly (readonly [string, string])[] = [
    ...machines.flatMap(({ node, address }) => (address === undefined ? [] : [[node, address] as const])),
    ...endpoint.map((address) => ['the endpoint', address] as const),
  ]
  const known = subnets.map(({ SubnetId, CidrBlock }) => `${SubnetId} ${CidrBlock}`).join(', ')
  const vpcs = [...new Set(subnets.map(({ VpcId }) => VpcId))]
  if (vpcs.length > 1)
    return [
      {
        message: `the subnets are of several VPCs: ${vpcs.join(', ')}`,
        hint: 'give --subnet of one VPC',
        fatal: true,
      },
    ]
  return [
    ...places.flatMap(([who, address]) => addressProblems(who, address, subnets, known)),
    ...sameZone(endpoint, subnets),
    ...full(machines, subnets),
    ...(plan.network.dualStack
      ? [
          {
            message:
              'launching dual-stack nodes is not supported: IPv6 addresses would not be the declared ones',
            hint: 'give pods and services one IP family, or launch with user-data of gen userdata',
            fatal: true,
          },
        ]
      : []),
  ]
}

function addressProblems(
  who: string,
  address: string,
  subnets: readonly Subnet[],
  known: string,
): readonly Problem[] {
  const subnet = subnets.find((entry) => holds(entry, address))
  if (subnet === undefined)
    return [
      {
        message: `${who} has the address ${address}, which is in none of the subnets (${known})`,
        hint: 'give the --subnet that holds it, or change the address in the blueprint',
        fatal: true,
      },
    ]
  const parsed = parseSubnet(subnet.CidrBlock ?? '')
  // https://docs.aws.amazon.com/vpc/latest/userguide/subnet-sizing.html
  const last = parsed === undefined ? 0 : 2 ** (32 - parsed[1]) - 1
  const reserved = parsed === undefined ? [] : [0, 1, 2, 3, last].map((n) => nthAddress(parsed, n))
  if (!reserved.includes(address)) return []
  return [
    {
      message: `${who} has the address ${address}, which AWS keeps for itself in ${subnet.CidrBlock}`,
      hint: 'the first four addresses of a subnet and the last cannot be had',
      fatal: true,
    },
  ]
}

function sameZone(endpoint: readonly string[], subnets: readonly Subnet[]): readonly Problem[] {
  const zones = endpoint.map((address) => subnets.find((entry) => holds(entry, address))?.AvailabilityZone)
  const twice = zones.find((zone, index) => zone !== undefined && zones.indexOf(zone) < index)
  if (twice === undefined) return []
  return [
    {
      message: `two addresses of the endpoint are in the zone ${twice}`,
      hint: 'a load balancer has one address a zone: remove one from endpoint.addresses',
      fatal: true,
    },
  ]
}

function full(machines: readonly Machine[], subnets: readonly Subnet[]): readonly Problem[] {
  return subnets.flatMap((subnet) => {
    const first = machines.filter((machine) => machine.subnets[0] === subnet)
    const free = subnet.AvailableIpAddressCount ?? 0
    if (first.length <= free) return []
    return [
      {
        message: `${subnet.SubnetId} has ${free} free addresses, and ${first.length} machines are to be there`,
        hint: 'give a larger or another --subnet',
        fatal: true,
      },
    ]
  })
}

/** A pod's or service's address that is also a machine's in the VPC reaches the wrong one. */
export function vpcProblems(
  { network }: ClusterPlan,
  { VpcId, CidrBlockAssociationSet = [] }: Vpc,
): readonly Problem[] {
  const inner = [...splitFamilies(network.podSubnet), ...splitFamilies(network.serviceSubnet)]
  return CidrBlockAssociationSet.flatMap(({ CidrBlock = '' }) => {
    const vpc = parseSubnet(CidrBlock)
    const same = inner.find((text) => {
      const subnet = parseSubnet(text)
      return vpc !== undefined && subnet !== undefined && subnetsOverlap(vpc, subnet)
    })
    if (same === undefined) return []
    return [
      {
        message: `${same} of pods or services overlaps ${CidrBlock} of ${VpcId}`,
        hint: 'choose another network.podSubnet or network.serviceSubnet',
        fatal: true,
      },
    ]
  })
}

/** Families that have no disks of their own and do not save up CPU time. */
const families = { x86_64: { lean: 'c6i', full: 'm6i' }, arm64: { lean: 'c7g', full: 'm7g' } } as const
const sizes = [
  { cpus: 4, name: 'xlarge' },
  { cpus: 8, name: '2xlarge' },
  { cpus: 16, name: '4xlarge' },
  { cpus: 32, name: '8xlarge' },
] as const

/** What the sizing table advises, in EC2's words; workers get 2 CPUs and 8 GiB to begin with. */
export function defaultType(role: Role, nodes: number, architecture: Architecture): string {
  const family = families[architecture]
  if (role === 'worker') return `${family.full}.large`
  const { cpus, memoryGiB } = advisedControlPlane(nodes)
  const size = sizes.find((entry) => entry.cpus >= cpus)?.name ?? '8xlarge'
  return `${memoryGiB > cpus * 2 ? family.full : family.lean}.${size}`
}
