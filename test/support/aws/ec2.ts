/** The actions of EC2 that `gen` uses, with EC2's own refusals. */
import { parseAddress, parseSubnet, subnetContains } from '../../../generators/model/address.ts'
import { object, objects, type Parameters, Refusal, text, texts, type Xml } from './protocol.ts'
import type { Action } from './server.ts'
import { type Group, type Machine, newId, type State, type Tags } from './state.ts'

const dryRun = (parameters: Parameters) => {
  if (parameters['DryRun'] === 'true')
    throw new Refusal('DryRunOperation', 'Request would have succeeded, but DryRun flag is set.', 412)
}

/** EC2 refuses what it does not know; so do we, or a misspelt parameter would pass. */
function only(parameters: Parameters, ...names: readonly string[]) {
  const known = ['Action', 'Version', 'DryRun', ...names]
  const unknown = Object.keys(parameters).find((name) => !known.includes(name))
  if (unknown !== undefined)
    throw new Refusal('UnknownParameter', `The parameter ${unknown} is not recognized`)
}

const tagsXml = (tags: Tags) => Object.entries(tags).map(([key, value]) => ({ key, value }))

function tagsOf(parameters: Parameters, type: string): Tags {
  const own = objects(parameters['TagSpecification']).filter((entry) => entry['ResourceType'] === type)
  return Object.fromEntries(
    own.flatMap((entry) => objects(entry['Tag']).map((tag) => [text(tag['Key']), text(tag['Value'])])),
  )
}

/** `*` and `?` as EC2's filters have them; names that were not asked for do not matter. */
function passes(
  parameters: Parameters,
  values: Readonly<Record<string, string | readonly string[]>>,
): boolean {
  return objects(parameters['Filter']).every((filter) => {
    const name = text(filter['Name'])
    if (!name.startsWith('tag') && !Object.hasOwn(values, name))
      throw new Refusal('InvalidParameterValue', `The filter '${name}' is invalid`)
    const own = [values[name] ?? []].flat()
    return texts(filter['Value']).some((pattern) => {
      const expression = new RegExp(
        `^${pattern
          .replaceAll(/[.+^${}()|[\]\\]/g, '\\$&')
          .replaceAll('*', '.*')
          .replaceAll('?', '.')}$`,
      )
      return own.some((value) => expression.test(value))
    })
  })
}

const tagValues = (tags: Tags) => ({
  'tag-key': Object.keys(tags),
  ...Object.fromEntries(Object.entries(tags).map(([key, value]) => [`tag:${key}`, value])),
})

/** One page, and where the next begins. */
function page<T>(all: readonly T[], parameters: Parameters, { pageSize }: State) {
  const start = Number(text(parameters['NextToken']) || 0)
  const size = Math.min(pageSize, Number(text(parameters['MaxResults']) || pageSize))
  const next = start + size < all.length ? String(start + size) : undefined
  return { entries: all.slice(start, start + size), next }
}

function machineXml(machine: Machine, state: State) {
  return {
    instanceId: machine.id,
    imageId: machine.image,
    instanceState: { code: 0, name: machine.state },
    privateDnsName: `ip-${machine.address.replaceAll('.', '-')}.eu-central-1.compute.internal`,
    privateIpAddress: machine.address,
    instanceType: machine.type,
    clientToken: machine.token,
    placement: { availabilityZone: state.subnets.get(machine.subnet)?.zone },
    subnetId: machine.subnet,
    sourceDestCheck: machine.sourceDestCheck,
    stateReason:
      machine.reason === undefined ? undefined : { code: 'Client.InternalError', message: machine.reason },
    tagSet: tagsXml(machine.tags),
  }
}

function reservation(machines: readonly Machine[], state: State): Xml {
  return {
    reservationId: 'r-0',
    ownerId: '111122223333',
    instancesSet: machines.map((entry) => machineXml(entry, state)),
  }
}

/** As time goes by, which here is counted in questions. */
function tick(machine: Machine, state: State) {
  if (machine.hidden > 0) machine.hidden -= 1
  else if (machine.changes > 0) machine.changes -= 1
  else if (machine.state === 'pending') {
    machine.state = state.doomed === undefined ? 'running' : 'terminated'
    if (state.doomed !== undefined) machine.reason = state.doomed
  } else if (machine.state === 'shutting-down') machine.state = 'terminated'
}

const isGone = ({ state }: Machine) => state === 'terminated'

function runInstances(parameters: Parameters, state: State): Xml {
  only(
    parameters,
    ...['ImageId', 'InstanceType', 'MinCount', 'MaxCount', 'SubnetId', 'PrivateIpAddress', 'SecurityGroupId'],
    ...[
      'UserData',
      'KeyName',
      'IamInstanceProfile',
      'MetadataOptions',
      'BlockDeviceMapping',
      'TagSpecification',
      'ClientToken',
    ],
  )
  const { ClientToken: token = '', DryRun: _, ...rest } = parameters
  const request = JSON.stringify(rest)
  const known = state.tokens.get(text(token))
  const before = state.machines.get(known?.machine ?? '')
  if (before !== undefined && parameters['DryRun'] !== 'true') {
    if (known?.request !== request)
      throw new Refusal(
        'IdempotentParameterMismatch',
        'The request uses the same client token as a previous, but non-identical request.',
      )
    return reservation([before], state)
  }
  const place = checkRun(parameters, state)
  dryRun(parameters)
  const address = text(parameters['PrivateIpAddress']) || freeAddress(place, state)
  const id = newId(state, 'i')
  const machine: Machine = {
    id,
    image: text(parameters['ImageId']),
    type: text(parameters['InstanceType']),
    subnet: text(parameters['SubnetId']),
    address,
    groups: texts(parameters['SecurityGroupId']),
    userData: Buffer.from(text(parameters['UserData']), 'base64').toString('binary'),
    token: text(token),
    request: parameters,
    tags: tagsOf(parameters, 'instance'),
    state: 'pending',
    sourceDestCheck: true,
    hidden: state.lag,
    changes: 1,
  }
  state.machines.set(id, machine)
  state.tokens.set(text(token), { machine: id, request })
  for (const mapping of objects(parameters['BlockDeviceMapping']))
    state.volumes.set(newId(state, 'vol'), {
      machine: id,
      request: mapping,
      tags: tagsOf(parameters, 'volume'),
    })
  return reservation([machine], state)
}

function checkRun(parameters: Parameters, state: State): string {
  const image = text(parameters['ImageId'])
  const type = text(parameters['InstanceType'])
  const place = text(parameters['SubnetId'])
  const address = text(parameters['PrivateIpAddress'])
  const subnet = state.subnets.get(place)
  if (!state.images.has(image))
    throw new Refusal('InvalidAMIID.NotFound', `The image id '[${image}]' does not exist`)
  if (!state.types.has(type))
    throw new Refusal('InvalidParameterValue', `Invalid value '${type}' for InstanceType.`)
  if (subnet === undefined)
    throw new Refusal('InvalidSubnetID.NotFound', `The subnet ID '${place}' does not exist`)
  for (const group of texts(parameters['SecurityGroupId']))
    if (!state.groups.has(group))
      throw new Refusal('InvalidGroup.NotFound', `The security group '${group}' does not exist`)
  if (Buffer.from(text(parameters['UserData']), 'base64').length > 16_384)
    throw new Refusal('InvalidParameterValue', 'User data is limited to 16384 bytes')
  if (text(parameters['ClientToken']).length > 64)
    throw new Refusal('InvalidParameterValue', 'The client token exceeds 64 characters')
  const range = parseSubnet(subnet.cidr)
  const parsed = parseAddress(address)
  if (parsed !== undefined && range !== undefined && !subnetContains(range, parsed))
    throw new Refusal(
      'InvalidParameterValue',
      `Address ${address} does not fall within the subnet's address range`,
    )
  if (
    address !== '' &&
    [...state.machines.values()].some((machine) => !isGone(machine) && machine.address === address)
  )
    throw new Refusal('InvalidIPAddress.InUse', `Address ${address} is in use.`)
  return place
}

function freeAddress(place: string, state: State): string {
  const prefix = state.subnets.get(place)?.cidr.replace(/\.0\/24$/, '') ?? ''
  const used = new Set(
    [...state.machines.values()].filter((machine) => !isGone(machine)).map(({ address }) => address),
  )
  for (let n = 100; ; n += 1) if (!used.has(`${prefix}.${n}`)) return `${prefix}.${n}`
}

function describeInstances(parameters: Parameters, state: State): Xml {
  only(parameters, 'Filter', 'InstanceId', 'MaxResults', 'NextToken')
  if (text(parameters['NextToken']) === '')
    for (const machine of state.machines.values()) tick(machine, state)
  const found = [...state.machines.values()].filter(
    (machine) =>
      machine.hidden === 0 &&
      passes(parameters, {
        'instance-id': machine.id,
        'instance-state-name': machine.state,
        ...tagValues(machine.tags),
      }),
  )
  const { entries, next } = page(found, parameters, state)
  return { reservationSet: entries.map((machine) => reservation([machine], state)), nextToken: next }
}

/** `tcp 6443-6443 sg-1` for each source of each permission. */
function rulesOf(parameters: Parameters): readonly (readonly [string, string])[] {
  return objects(parameters['IpPermissions']).flatMap((entry) => {
    const ports =
      entry['FromPort'] === undefined ? '*' : `${text(entry['FromPort'])}-${text(entry['ToPort'])}`
    const sources = [
      ...objects(entry['Groups']).map(
        (source) => [text(source['GroupId']), text(source['Description'])] as const,
      ),
      ...objects(entry['IpRanges']).map(
        (source) => [text(source['CidrIp']), text(source['Description'])] as const,
      ),
      ...objects(entry['Ipv6Ranges']).map(
        (source) => [text(source['CidrIpv6']), text(source['Description'])] as const,
      ),
    ]
    return sources.map(([source, why]) => [`${text(entry['IpProtocol'])} ${ports} ${source}`, why] as const)
  })
}

function groupXml(group: Group): Xml {
  return {
    groupId: group.id,
    groupName: group.name,
    vpcId: group.vpc,
    tagSet: tagsXml(group.tags),
    ipPermissions: [...group.rules].map(([rule]) => {
      const [protocol = '', ports = '', source = ''] = rule.split(' ')
      const [from, to] = ports === '*' ? [] : ports.split('-')
      return {
        ipProtocol: protocol,
        fromPort: from,
        toPort: to,
        groups: source.startsWith('sg-') ? [{ groupId: source }] : [],
        ipRanges: source.startsWith('sg-') ? [] : [{ cidrIp: source }],
      }
    }),
  }
}

function groupAt(id: string, state: State): Group {
  const group = state.groups.get(id)
  if (group === undefined)
    throw new Refusal('InvalidGroup.NotFound', `The security group '${id}' does not exist`)
  return group
}

const groupActions: Readonly<Record<string, Action>> = {
  CreateSecurityGroup(parameters, state) {
    only(parameters, 'GroupName', 'GroupDescription', 'VpcId', 'TagSpecification')
    const name = text(parameters['GroupName'])
    const vpc = text(parameters['VpcId'])
    if (!state.vpcs.has(vpc)) throw new Refusal('InvalidVpcID.NotFound', `The vpc ID '${vpc}' does not exist`)
    if ([...state.groups.values()].some((group) => group.name === name && group.vpc === vpc))
      throw new Refusal(
        'InvalidGroup.Duplicate',
        `The security group '${name}' already exists for VPC '${vpc}'`,
      )
    dryRun(parameters)
    const id = newId(state, 'sg')
    state.groups.set(id, { id, name, vpc, tags: tagsOf(parameters, 'security-group'), rules: new Map() })
    return { groupId: id }
  },
  DescribeSecurityGroups(parameters, state) {
    only(parameters, 'Filter', 'MaxResults', 'NextToken')
    const found = [...state.groups.values()].filter(({ tags, name, vpc }) =>
      passes(parameters, { 'group-name': name, 'vpc-id': vpc, ...tagValues(tags) }),
    )
    const { entries, next } = page(found, parameters, state)
    return { securityGroupInfo: entries.map(groupXml), nextToken: next }
  },
  AuthorizeSecurityGroupIngress(parameters, state) {
    only(parameters, 'GroupId', 'IpPermissions')
    const group = groupAt(text(parameters['GroupId']), state)
    for (const [rule, why] of rulesOf(parameters)) {
      if (group.rules.has(rule))
        throw new Refusal('InvalidPermission.Duplicate', `the specified rule "${rule}" already exists`)
      const source = rule.split(' ')[2] ?? ''
      if (source.startsWith('sg-')) groupAt(source, state)
      group.rules.set(rule, why)
    }
    return { return: true }
  },
  RevokeSecurityGroupIngress(parameters, state) {
    only(parameters, 'GroupId', 'IpPermissions')
    const group = groupAt(text(parameters['GroupId']), state)
    for (const [rule] of rulesOf(parameters)) group.rules.delete(rule)
    return { return: true }
  },
  DeleteSecurityGroup(parameters, state) {
    only(parameters, 'GroupId')
    const group = groupAt(text(parameters['GroupId']), state)
    const used =
      [...state.machines.values()].some((machine) => !isGone(machine) && machine.groups.includes(group.id)) ||
      [...state.groups.values()].some(
        (other) => other !== group && [...other.rules.keys()].some((rule) => rule.endsWith(` ${group.id}`)),
      ) ||
      [...state.balancers.values()].some(({ request }) => texts(request['SecurityGroups']).includes(group.id))
    if (used) throw new Refusal('DependencyViolation', `resource ${group.id} has a dependent object`)
    state.groups.delete(group.id)
    return { return: true }
  },
}

const imageActions: Readonly<Record<string, Action>> = {
  DescribeImages(parameters, state) {
    only(parameters, 'Owner', 'Filter', 'ImageId', 'IncludeDeprecated', 'MaxResults', 'NextToken')
    const owners = texts(parameters['Owner']).map((owner) => (owner === 'self' ? '111122223333' : owner))
    const ids = texts(parameters['ImageId'])
    const missing = ids.find((id) => !state.images.has(id))
    if (missing !== undefined)
      throw new Refusal('InvalidAMIID.NotFound', `The image id '[${missing}]' does not exist`)
    const found = [...state.images].filter(
      ([id, image]) =>
        (owners.length === 0 || owners.includes(image.owner)) &&
        (ids.length === 0 || ids.includes(id)) &&
        (image.hidden !== true || parameters['IncludeDeprecated'] === 'true') &&
        passes(parameters, {
          name: image.name,
          architecture: image.arch,
          state: 'available',
          'root-device-type': 'ebs',
          'virtualization-type': 'hvm',
          ...tagValues(image.tags),
        }),
    )
    const { entries, next } = page(found, parameters, state)
    return {
      imagesSet: entries.map(([id, image]) => ({
        imageId: id,
        imageOwnerId: image.owner,
        name: image.name,
        architecture: image.arch,
        creationDate: image.created,
        imageState: 'available',
        rootDeviceName: '/dev/sda1',
        deprecationTime: image.deprecated,
        blockDeviceMapping: image.snapshots.map((snapshotId, index) => ({
          deviceName: index === 0 ? '/dev/sda1' : '/dev/sdb',
          ebs: { snapshotId, volumeSize: 8 },
        })),
        tagSet: tagsXml(image.tags),
      })),
      nextToken: next,
    }
  },
  DeregisterImage(parameters, state) {
    only(parameters, 'ImageId', 'DeleteAssociatedSnapshots')
    const id = text(parameters['ImageId'])
    const image = state.images.get(id)
    if (image === undefined)
      throw new Refusal('InvalidAMIID.NotFound', `The image id '[${id}]' does not exist`)
    dryRun(parameters)
    state.images.delete(id)
    if (parameters['DeleteAssociatedSnapshots'] !== 'true') return { return: true }
    const results = image.snapshots.map((snapshotId) => {
      if ([...state.images.values()].some(({ snapshots }) => snapshots.includes(snapshotId)))
        return { snapshotId, returnCode: 'skipped' }
      if (state.locked.has(snapshotId)) return { snapshotId, returnCode: 'missing-permissions' }
      state.snapshots.delete(snapshotId)
      return { snapshotId, returnCode: 'success' }
    })
    return { return: true, deleteSnapshotResultSet: results }
  },
  EnableImageDeprecation(parameters, state) {
    only(parameters, 'ImageId', 'DeprecateAt')
    const image = state.images.get(text(parameters['ImageId']))
    if (image === undefined) throw new Refusal('InvalidAMIID.NotFound', 'no such image')
    if (!(Date.parse(text(parameters['DeprecateAt'])) > Date.now()))
      throw new Refusal('InvalidParameterValue', 'DeprecateAt has to be in the future')
    dryRun(parameters)
    image.deprecated = text(parameters['DeprecateAt'])
    return { return: true }
  },
  DescribeLaunchTemplates(parameters, state) {
    only(parameters, 'MaxResults', 'NextToken')
    const { entries, next } = page([...state.templates.keys()], parameters, state)
    return { launchTemplates: entries.map((id) => ({ launchTemplateId: id })), nextToken: next }
  },
  DescribeLaunchTemplateVersions(parameters, state) {
    only(parameters, 'LaunchTemplateId', 'MaxResults', 'NextToken')
    const all = (state.templates.get(text(parameters['LaunchTemplateId'])) ?? []).map((imageId, index) => ({
      versionNumber: index + 1,
      launchTemplateData: { imageId },
    }))
    const { entries, next } = page(all, parameters, state)
    return { launchTemplateVersionSet: entries, nextToken: next }
  },
}

export const ec2Actions: Readonly<Record<string, Action>> = {
  ...groupActions,
  ...imageActions,
  RunInstances: runInstances,
  DescribeInstances: describeInstances,
  TerminateInstances(parameters, state) {
    only(parameters, 'InstanceId')
    for (const id of texts(parameters['InstanceId'])) {
      const machine = state.machines.get(id)
      if (machine === undefined)
        throw new Refusal('InvalidInstanceID.NotFound', `The instance ID '${id}' does not exist`)
      if (!isGone(machine)) Object.assign(machine, { state: 'shutting-down', changes: 1 })
      for (const [volume, { machine: owner, request }] of state.volumes)
        if (owner === id && object(request['Ebs'])['DeleteOnTermination'] === 'true')
          state.volumes.delete(volume)
    }
    return { instancesSet: [] }
  },
  ModifyInstanceAttribute(parameters, state) {
    only(parameters, 'InstanceId', 'SourceDestCheck')
    const machine = state.machines.get(text(parameters['InstanceId']))
    if (machine === undefined || machine.hidden > 0)
      throw new Refusal('InvalidInstanceID.NotFound', 'The instance ID does not exist')
    machine.sourceDestCheck = object(parameters['SourceDestCheck'])['Value'] === 'true'
    return { return: true }
  },
  DescribeInstanceTypes(parameters, state) {
    only(parameters, 'InstanceType')
    const wanted = texts(parameters['InstanceType'])
    const unknown = wanted.find((name) => !state.types.has(name))
    if (unknown !== undefined)
      throw new Refusal(
        'InvalidInstanceType',
        `The following supplied instance types do not exist: [${unknown}]`,
      )
    return {
      instanceTypeSet: wanted.map((name) => {
        const type = state.types.get(name)
        return {
          instanceType: name,
          hypervisor: type?.hypervisor,
          instanceStorageSupported: type?.disks,
          processorInfo: { supportedArchitectures: [type?.arch] },
          vCpuInfo: { defaultVCpus: type?.cpus },
          memoryInfo: { sizeInMiB: type?.mib },
        }
      }),
    }
  },
  DescribeSubnets(parameters, state) {
    only(parameters, 'SubnetId')
    const wanted = texts(parameters['SubnetId'])
    const unknown = wanted.find((id) => !state.subnets.has(id))
    if (unknown !== undefined)
      throw new Refusal('InvalidSubnetID.NotFound', `The subnet ID '${unknown}' does not exist`)
    return {
      subnetSet: wanted.map((subnetId) => {
        const subnet = state.subnets.get(subnetId)
        return {
          subnetId,
          vpcId: subnet?.vpc,
          cidrBlock: subnet?.cidr,
          availabilityZone: subnet?.zone,
          availableIpAddressCount: subnet?.free,
        }
      }),
    }
  },
  DescribeVpcs(parameters, state) {
    only(parameters, 'VpcId')
    return {
      vpcSet: texts(parameters['VpcId']).map((vpcId) => ({
        vpcId,
        cidrBlockAssociationSet: [{ cidrBlock: state.vpcs.get(vpcId)?.cidr }],
      })),
    }
  },
  DescribeVolumes(parameters, state) {
    only(parameters, 'Filter', 'MaxResults', 'NextToken')
    const found = [...state.volumes].filter(([, { machine, tags }]) => {
      const owner = state.machines.get(machine)
      const status = owner === undefined || isGone(owner) ? 'available' : 'in-use'
      return passes(parameters, { status, ...tagValues(tags) })
    })
    const { entries, next } = page(found, parameters, state)
    return { volumeSet: entries.map(([volumeId]) => ({ volumeId })), nextToken: next }
  },
}
