/** Rules across fields that no provider owns. They see a blueprint whose shape is right. */
import {
  canonical,
  parseAddress,
  parseRange,
  parseSubnet,
  type Subnet,
  subnetContains,
  subnetsOverlap,
} from '../model/address.ts'
import type { Blueprint } from '../model/blueprint.ts'
import { type Diagnostic, error, type Path, warning } from '../model/diagnostic.ts'
import { parseRole } from '../model/role.ts'
import { roleHint, show } from './schema.ts'

export const defaultPodSubnet = '10.244.0.0/16'
export const defaultServiceSubnet = '10.96.0.0/12'

export function checkRules(blueprint: Blueprint): readonly Diagnostic[] {
  return [
    ...addresses(blueprint),
    ...range(blueprint),
    ...subnets(blueprint),
    ...vip(blueprint),
    ...duplicates(blueprint),
    ...roles(blueprint),
    ...controlPlanes(blueprint),
    ...reservedPaths(blueprint),
  ]
}

function addresses(blueprint: Blueprint): readonly Diagnostic[] {
  const { endpoint, network, nodes } = blueprint
  const given: readonly (readonly [Path, string | undefined])[] = [
    [['endpoint', 'address'], endpoint.address],
    [['network', 'gateway'], network?.gateway],
    ...(network?.nameservers ?? []).map(
      (server, index) => [['network', 'nameservers', index], server] as const,
    ),
    ...nodes.map((node, index) => [['nodes', index, 'address'], node.address] as const),
  ]
  return given.flatMap(([path, value]) =>
    value !== undefined && parseAddress(value) === undefined
      ? [error('blueprint/bad-address', path, `${show(value)} is not an IP address`, addressHint(value))]
      : [],
  )
}

function addressHint(value: string): string {
  if (value.includes('/')) return `leave out the prefix length: ${value.split('/')[0]}`
  return 'write it like 172.31.253.60 or fd00::60'
}

function range({ network }: Blueprint): readonly Diagnostic[] {
  const text = network?.dhcpRange
  if (text === undefined || parseRange(text) !== undefined) return []
  return [
    error(
      'blueprint/bad-range',
      ['network', 'dhcpRange'],
      `${show(text)} is not a range of addresses`,
      'write its first and its last address, both IPv4 or both IPv6: 172.31.253.100-172.31.253.199',
    ),
  ]
}

function subnets({ network }: Blueprint): readonly Diagnostic[] {
  const found: Diagnostic[] = []
  const parsed: { path: Path; subnet: Subnet; text: string }[] = []
  for (const [field, fallback] of [
    ['podSubnet', defaultPodSubnet],
    ['serviceSubnet', defaultServiceSubnet],
  ] as const) {
    const text = network?.[field] ?? fallback
    const path: Path = ['network', field]
    const subnet = parseSubnet(text)
    if (subnet === undefined)
      found.push(
        error('blueprint/bad-subnet', path, `${show(text)} is not a subnet`, `write it like ${fallback}`),
      )
    else parsed.push({ path, subnet, text })
  }
  const [pods, services] = parsed
  if (pods && services && subnetsOverlap(pods.subnet, services.subnet))
    found.push({
      ...error(
        'blueprint/subnets-overlap',
        network?.serviceSubnet === undefined ? pods.path : services.path,
        `the pod subnet ${pods.text} and the service subnet ${services.text} overlap`,
        'give pods and services subnets of their own',
      ),
      ...(network?.podSubnet === undefined || network.serviceSubnet === undefined
        ? {}
        : { related: [{ path: pods.path, message: `pods get ${pods.text}` }] }),
    })
  if (services && services.subnet[1] > (services.subnet[0].kind() === 'ipv4' ? 28 : 124))
    found.push(
      error(
        'blueprint/subnet-too-small',
        services.path,
        `the service subnet ${services.text} has no room for the DNS service's address`,
        'take a /24 or larger; kubeadm gives the tenth address to cluster DNS',
      ),
    )
  return found
}

function vip(blueprint: Blueprint): readonly Diagnostic[] {
  const { endpoint, network, nodes } = blueprint
  const address = endpoint.address === undefined ? undefined : parseAddress(endpoint.address)
  if (address === undefined) return []
  const found: Diagnostic[] = []
  const path: Path = ['endpoint', 'address']
  nodes.forEach((node, index) => {
    if (node.address !== undefined && canonical(node.address) === canonical(endpoint.address ?? ''))
      found.push({
        ...error(
          'blueprint/endpoint-is-node',
          path,
          `the endpoint ${endpoint.address} is the address of node ${node.name}`,
          'the endpoint needs an address that no node has',
        ),
        related: [{ path: ['nodes', index, 'address'], message: `${node.name} has it` }],
      })
  })
  for (const [field, fallback] of [
    ['podSubnet', defaultPodSubnet],
    ['serviceSubnet', defaultServiceSubnet],
  ] as const) {
    const text = network?.[field] ?? fallback
    const subnet = parseSubnet(text)
    const what = field === 'podSubnet' ? 'pod' : 'service'
    if (subnet && subnetContains(subnet, address))
      found.push(
        error(
          'blueprint/endpoint-in-subnet',
          path,
          `the endpoint ${endpoint.address} lies inside the ${what} subnet ${text}`,
          `move the endpoint, or change network.${field}`,
        ),
      )
    nodes.forEach((node, index) => {
      const own = node.address === undefined ? undefined : parseAddress(node.address)
      if (subnet && own && subnetContains(subnet, own))
        found.push(
          error(
            'blueprint/node-in-subnet',
            ['nodes', index, 'address'],
            `node ${node.name} (${node.address}) lies inside the ${what} subnet ${text}`,
            `change network.${field}: nodes and ${what}s need subnets of their own`,
          ),
        )
    })
  }
  return found
}

function duplicates({ network, nodes, pools }: Blueprint): readonly Diagnostic[] {
  const names: readonly (readonly [Path, string])[] = [
    ...nodes.map((node, index) => [['nodes', index, 'name'], node.name] as const),
    ...(pools ?? []).map((pool, index) => [['pools', index, 'name'], pool.name] as const),
  ]
  const given = (field: 'address' | 'mac'): [Path, string][] =>
    nodes.flatMap((node, index) => {
      const value = node[field]
      return value === undefined ? [] : [[['nodes', index, field], canonical(value.toLowerCase())]]
    })
  const gateway: [Path, string][] =
    network?.gateway === undefined ? [] : [[['network', 'gateway'], canonical(network.gateway)]]
  return [
    ...repeated(names, 'blueprint/duplicate-name', 'name'),
    ...repeated([...gateway, ...given('address')], 'blueprint/duplicate-address', 'address'),
    ...repeated(given('mac'), 'blueprint/duplicate-mac', 'MAC address'),
  ]
}

function repeated(
  entries: readonly (readonly [Path, string])[],
  code: Diagnostic['code'],
  what: string,
): readonly Diagnostic[] {
  const first = new Map<string, Path>()
  return entries.flatMap(([path, value]) => {
    const earlier = first.get(value)
    if (earlier === undefined) {
      first.set(value, path)
      return []
    }
    return [
      {
        ...error(code, path, `the ${what} ${value} is given twice`, `every node has its own ${what}`),
        related: [{ path: earlier, message: 'it is first given here' }],
      },
    ]
  })
}

function roles({ pools, files, nodes }: Blueprint): readonly Diagnostic[] {
  const found: Diagnostic[] = []
  pools?.forEach((pool, index) => {
    if (pool.role !== undefined && parseRole(pool.role) === 'control-plane')
      found.push(
        error(
          'blueprint/pool-role',
          ['pools', index, 'role'],
          `the pool ${pool.name} cannot have the role ${pool.role}`,
          'control planes are declared under nodes: they must know each other before the first boot',
        ),
      )
    if (['control-plane', 'workers'].includes(pool.name))
      found.push(
        error(
          'blueprint/pool-name',
          ['pools', index, 'name'],
          `a pool cannot be named ${pool.name}`,
          'that is the name of the declared nodes; choose another',
        ),
      )
  })
  files?.forEach((file, index) => {
    file.roles?.forEach((role, place) => {
      if (parseRole(role) === undefined)
        found.push(
          error(
            'blueprint/unknown-role',
            ['files', index, 'roles', place],
            `there is no role named ${role}`,
            roleHint(role),
          ),
        )
    })
  })
  nodes.forEach((node, index) => {
    if (node.name === 'localhost')
      found.push(
        error(
          'blueprint/node-name',
          ['nodes', index, 'name'],
          'a node cannot be named localhost',
          'give it a host name of its own',
        ),
      )
  })
  return found
}

function controlPlanes({ nodes }: Blueprint): readonly Diagnostic[] {
  const masters = nodes.filter((node) => parseRole(node.role) === 'control-plane')
  const found: Diagnostic[] = []
  if (masters.length === 0)
    found.push(
      error(
        'blueprint/no-control-plane',
        ['nodes'],
        'no node has the role control-plane',
        'give at least one node the role control-plane; three make it highly available',
      ),
    )
  nodes.forEach((node, index) => {
    if (parseRole(node.role) === 'control-plane' && node.address === undefined)
      found.push(
        error(
          'blueprint/control-plane-address',
          ['nodes', index],
          `the control plane ${node.name} has no address`,
          'control planes must know each other before the first boot: add address:',
        ),
      )
    if (
      parseRole(node.role) === 'control-plane' &&
      node.taints?.some((taint) => taint.effect === 'NoExecute')
    )
      found.push(
        warning(
          'blueprint/no-execute',
          ['nodes', index, 'taints'],
          `the taint NoExecute on the control plane ${node.name} evicts what does not tolerate it, kube-proxy and CNI excepted`,
          'use NoSchedule',
        ),
      )
  })
  return found
}

/** Files of the user's that would break first boot without a word. */
function reservedPaths({ files }: Blueprint): readonly Diagnostic[] {
  const reserved = /^\/(etc\/leaven|var\/lib\/leaven|etc\/kubernetes\/pki)\/|^\/usr\/local\/sbin\/leaven$/
  return (files ?? []).flatMap((file, index) =>
    reserved.test(file.path)
      ? [
          error(
            'blueprint/reserved-path',
            ['files', index, 'path'],
            `${file.path} belongs to first boot`,
            'choose another path, or use overrides',
          ),
        ]
      : [],
  )
}
