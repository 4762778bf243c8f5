/** The actions of Elastic Load Balancing (version 2) that `gen` uses. */
import { objects, type Parameters, Refusal, text, texts, type Xml } from './protocol.ts'
import type { Action } from './server.ts'
import { newId, type State, type Tags } from './state.ts'

function only(parameters: Parameters, ...names: readonly string[]) {
  const unknown = Object.keys(parameters).find((name) => !['Action', 'Version', ...names].includes(name))
  if (unknown !== undefined)
    throw new Refusal('ValidationError', `The parameter ${unknown} is not recognized`)
}

const pairs = (value: Parameters[string]): Tags =>
  Object.fromEntries(objects(value).map((entry) => [text(entry['Key']), text(entry['Value'])]))

const arn = (state: State, kind: string, name: string) =>
  `arn:aws:elasticloadbalancing:eu-central-1:111122223333:${kind}/${name}/${newId(state, 'x')}`

function checkName(name: string) {
  if (!/^[a-zA-Z0-9-]{1,32}$/.test(name))
    throw new Refusal('ValidationError', `The name '${name}' is not valid`)
}

function balancerXml(id: string, state: State): Xml {
  const found = state.balancers.get(id)
  if (found === undefined) throw new Refusal('LoadBalancerNotFound', `Load balancer '${id}' not found`)
  return {
    LoadBalancerArn: id,
    LoadBalancerName: found.name,
    State: { Code: found.polls > 0 ? 'provisioning' : 'active' },
    AvailabilityZones: objects(found.request['SubnetMappings']).map((mapping) => ({
      SubnetId: text(mapping['SubnetId']),
      LoadBalancerAddresses: [{ PrivateIPv4Address: text(mapping['PrivateIPv4Address']) }],
    })),
  }
}

export const balancingActions: Readonly<Record<string, Action>> = {
  CreateLoadBalancer(parameters, state) {
    only(parameters, 'Name', 'Type', 'Scheme', 'IpAddressType', 'SubnetMappings', 'SecurityGroups', 'Tags')
    const name = text(parameters['Name'])
    checkName(name)
    const same = [...state.balancers].find(([, entry]) => entry.name === name)
    // With equal settings, Elastic Load Balancing answers with the one that there is.
    if (same !== undefined && JSON.stringify(same[1].request) !== JSON.stringify(parameters))
      throw new Refusal('DuplicateLoadBalancerName', `A load balancer with the name '${name}' exists`)
    const zones = objects(parameters['SubnetMappings']).map(
      (mapping) => state.subnets.get(text(mapping['SubnetId']))?.zone,
    )
    if (zones.includes(undefined)) throw new Refusal('SubnetNotFound', 'The subnet was not found')
    if (new Set(zones).size < zones.length)
      throw new Refusal(
        'InvalidConfigurationRequest',
        'A load balancer cannot be attached to multiple subnets in the same Availability Zone',
      )
    for (const group of texts(parameters['SecurityGroups']))
      if (!state.groups.has(group))
        throw new Refusal('InvalidSecurityGroup', `The security group '${group}' does not exist`)
    const id = same?.[0] ?? arn(state, 'loadbalancer/net', name)
    if (same === undefined)
      state.balancers.set(id, {
        name,
        request: parameters,
        tags: pairs(parameters['Tags']),
        attributes: {},
        polls: 2,
      })
    return { LoadBalancers: [balancerXml(id, state)] }
  },
  DescribeLoadBalancers(parameters, state) {
    only(parameters, 'Names')
    const wanted = texts(parameters['Names'])
    const found = [...state.balancers].filter(([, { name }]) => wanted.includes(name))
    if (found.length < wanted.length)
      throw new Refusal('LoadBalancerNotFound', `Load balancers '[${wanted.join(', ')}]' not found`)
    const answer = found.map(([id]) => balancerXml(id, state))
    for (const [, balancer] of found) balancer.polls = Math.max(0, balancer.polls - 1)
    return { LoadBalancers: answer }
  },
  ModifyLoadBalancerAttributes(parameters, state) {
    only(parameters, 'LoadBalancerArn', 'Attributes')
    const found = state.balancers.get(text(parameters['LoadBalancerArn']))
    if (found === undefined) throw new Refusal('LoadBalancerNotFound', 'not found')
    Object.assign(found.attributes, pairs(parameters['Attributes']))
    return {}
  },
  DeleteLoadBalancer(parameters, state) {
    only(parameters, 'LoadBalancerArn')
    const id = text(parameters['LoadBalancerArn'])
    state.balancers.delete(id)
    for (const [listener, { balancer }] of state.listeners)
      if (balancer === id) state.listeners.delete(listener)
    return {}
  },
  CreateTargetGroup(parameters, state) {
    only(
      parameters,
      ...[
        'Name',
        'Protocol',
        'Port',
        'VpcId',
        'TargetType',
        'IpAddressType',
        'HealthCheckProtocol',
        'HealthCheckPath',
      ],
      ...[
        'HealthCheckPort',
        'HealthCheckIntervalSeconds',
        'HealthCheckTimeoutSeconds',
        'HealthyThresholdCount',
      ],
      ...['UnhealthyThresholdCount', 'Matcher', 'Tags'],
    )
    const name = text(parameters['Name'])
    checkName(name)
    if ([...state.targetGroups.values()].some((entry) => entry.name === name))
      throw new Refusal('DuplicateTargetGroupName', `A target group with the name '${name}' exists`)
    const id = arn(state, 'targetgroup', name)
    state.targetGroups.set(id, {
      name,
      request: parameters,
      tags: pairs(parameters['Tags']),
      attributes: {},
      targets: new Set(),
    })
    return { TargetGroups: [{ TargetGroupArn: id, TargetGroupName: name }] }
  },
  DescribeTargetGroups(parameters, state) {
    only(parameters, 'Names')
    const wanted = texts(parameters['Names'])
    const found = [...state.targetGroups].filter(([, { name }]) => wanted.includes(name))
    if (found.length === 0) throw new Refusal('TargetGroupNotFound', 'One or more target groups not found')
    return {
      TargetGroups: found.map(([TargetGroupArn, { name }]) => ({ TargetGroupArn, TargetGroupName: name })),
    }
  },
  ModifyTargetGroupAttributes(parameters, state) {
    only(parameters, 'TargetGroupArn', 'Attributes')
    const found = state.targetGroups.get(text(parameters['TargetGroupArn']))
    if (found === undefined) throw new Refusal('TargetGroupNotFound', 'not found')
    Object.assign(found.attributes, pairs(parameters['Attributes']))
    return {}
  },
  RegisterTargets(parameters, state) {
    only(parameters, 'TargetGroupArn', 'Targets')
    const found = state.targetGroups.get(text(parameters['TargetGroupArn']))
    if (found === undefined) throw new Refusal('TargetGroupNotFound', 'not found')
    for (const target of objects(parameters['Targets']))
      found.targets.add(`${text(target['Id'])}:${text(target['Port'])}`)
    return {}
  },
  DeleteTargetGroup(parameters, state) {
    only(parameters, 'TargetGroupArn')
    const id = text(parameters['TargetGroupArn'])
    if ([...state.listeners.values()].some(({ targetGroup }) => targetGroup === id))
      throw new Refusal('ResourceInUse', `Target group '${id}' is currently in use by a listener`)
    state.targetGroups.delete(id)
    return {}
  },
  CreateListener(parameters, state) {
    only(parameters, 'LoadBalancerArn', 'Protocol', 'Port', 'DefaultActions', 'Tags')
    const balancer = text(parameters['LoadBalancerArn'])
    const [forward] = objects(parameters['DefaultActions'])
    if (!state.balancers.has(balancer)) throw new Refusal('LoadBalancerNotFound', 'not found')
    const id = arn(state, 'listener/net', 'listener')
    const targetGroup = text(forward?.['TargetGroupArn'])
    state.listeners.set(id, { balancer, port: text(parameters['Port']), targetGroup })
    return { Listeners: [{ ListenerArn: id }] }
  },
  DescribeListeners(parameters, state) {
    only(parameters, 'LoadBalancerArn')
    const own = [...state.listeners].filter(
      ([, { balancer }]) => balancer === text(parameters['LoadBalancerArn']),
    )
    return { Listeners: own.map(([ListenerArn, { port }]) => ({ ListenerArn, Port: port })) }
  },
  DescribeTags(parameters, state) {
    only(parameters, 'ResourceArns')
    return {
      TagDescriptions: texts(parameters['ResourceArns']).map((id) => ({
        ResourceArn: id,
        Tags: Object.entries((state.balancers.get(id) ?? state.targetGroups.get(id))?.tags ?? {}).map(
          ([Key, Value]) => ({ Key, Value }),
        ),
      })),
    }
  },
}
