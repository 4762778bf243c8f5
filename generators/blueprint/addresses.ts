/** Rules of addresses and subnets: what they are, and that none lies where another one is. */
import {
  canonical,
  parseAddress,
  parseRange,
  parseSubnet,
  type Subnet,
  splitFamilies,
  subnetContains,
  subnetsOverlap,
} from '../model/address.ts'
import type { Blueprint } from '../model/blueprint.ts'
import { type Diagnostic, error, type Path } from '../model/diagnostic.ts'
import { show } from './schema.ts'

export const defaultPodSubnet = '10.244.0.0/16'
export const defaultServiceSubnet = '10.96.0.0/12'

export function addressRules(blueprint: Blueprint): readonly Diagnostic[] {
  return [...addresses(blueprint), ...range(blueprint), ...subnets(blueprint), ...vip(blueprint)]
}

function addresses(blueprint: Blueprint): readonly Diagnostic[] {
  const { endpoint, network, nodes } = blueprint
  const given: readonly (readonly [Path, string | undefined])[] = [
    [['endpoint', 'address'], endpoint.address],
    ...parts(['network', 'gateway'], network?.gateway),
    ...(network?.nameservers ?? []).map(
      (server, index) => [['network', 'nameservers', index], server] as const,
    ),
    ...nodes.flatMap((node, index) => parts(['nodes', index, 'address'], node.address)),
  ]
  return given.flatMap(([path, value]) =>
    value !== undefined && parseAddress(value) === undefined
      ? [error('blueprint/bad-address', path, `${show(value)} is not an IP address`, addressHint(value))]
      : [],
  )
}

/** Each of `10.0.0.1,fd00::1`. */
function parts(path: Path, text: string | undefined): readonly (readonly [Path, string])[] {
  return text === undefined ? [] : splitFamilies(text).map((part) => [path, part])
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
    const path: Path = ['network', field]
    for (const text of splitFamilies(network?.[field] ?? fallback)) {
      const subnet = parseSubnet(text)
      if (subnet === undefined)
        found.push(
          error('blueprint/bad-subnet', path, `${show(text)} is not a subnet`, `write it like ${fallback}`),
        )
      else parsed.push({ path, subnet, text })
    }
  }
  const overlap = parsed.flatMap((pods) =>
    parsed
      .filter((other) => pods.path[1] === 'podSubnet' && other.path[1] === 'serviceSubnet')
      .filter((services) => subnetsOverlap(pods.subnet, services.subnet))
      .map((services) => ({ pods, services })),
  )
  for (const { pods, services } of overlap)
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
  for (const services of parsed.filter(({ path }) => path[1] === 'serviceSubnet'))
    if (services.subnet[1] > (services.subnet[0].kind() === 'ipv4' ? 28 : 124))
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
    if (splitFamilies(node.address ?? '').some((own) => canonical(own) === canonical(endpoint.address ?? '')))
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
  ] as const)
    for (const text of splitFamilies(network?.[field] ?? fallback))
      found.push(...insideSubnet(blueprint, field, text))
  return found
}

/** Kubernetes gives these addresses away as it likes. */
function insideSubnet(
  { endpoint, nodes }: Blueprint,
  field: 'podSubnet' | 'serviceSubnet',
  text: string,
): readonly Diagnostic[] {
  const subnet = parseSubnet(text)
  if (subnet === undefined) return []
  const what = field === 'podSubnet' ? 'pod' : 'service'
  const inside = (written: string) => {
    const address = parseAddress(written)
    return address !== undefined && subnetContains(subnet, address)
  }
  const endpointInside = inside(endpoint.address ?? '')
    ? [
        error(
          'blueprint/endpoint-in-subnet',
          ['endpoint', 'address'],
          `the endpoint ${endpoint.address} lies inside the ${what} subnet ${text}`,
          `move the endpoint, or change network.${field}`,
        ),
      ]
    : []
  const nodesInside = nodes.flatMap((node, index) =>
    splitFamilies(node.address ?? '')
      .filter(inside)
      .map((address) =>
        error(
          'blueprint/node-in-subnet',
          ['nodes', index, 'address'],
          `node ${node.name} (${address}) lies inside the ${what} subnet ${text}`,
          `change network.${field}: nodes and ${what}s need subnets of their own`,
        ),
      ),
  )
  return [...endpointInside, ...nodesInside]
}
