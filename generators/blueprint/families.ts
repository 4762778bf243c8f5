/** Rules of dual stack: pairs such as `10.244.0.0/16,fd00:10:244::/56`, one of each IP family, in one order everywhere. */
import { type Family, familyOf, parseSubnet, partOf, splitFamilies } from '../model/address.ts'
import type { Blueprint } from '../model/blueprint.ts'
import { type Diagnostic, error, type Path } from '../model/diagnostic.ts'
import { defaultPodSubnet, defaultServiceSubnet } from './addresses.ts'

export function familyRules(blueprint: Blueprint): readonly Diagnostic[] {
  const { network, nodes } = blueprint
  const pods = network?.podSubnet ?? defaultPodSubnet
  const services = network?.serviceSubnet ?? defaultServiceSubnet
  const pairs: readonly (readonly [Path, string | undefined])[] = [
    [['network', 'podSubnet'], pods],
    [['network', 'serviceSubnet'], services],
    [['network', 'gateway'], network?.gateway],
    ...nodes.map(({ address }, index) => [['nodes', index, 'address'], address] as const),
  ]
  const wrong = pairs.flatMap(([path, text]) => (text === undefined ? [] : onePerFamily(path, text)))
  if (wrong.length > 0) return wrong
  return [
    ...sameFamilies(pods, services, network?.serviceSubnet === undefined ? 'podSubnet' : 'serviceSubnet'),
    ...nodeFamilies(blueprint, familiesOf(pods)),
    ...sizes(pods, services),
  ]
}

function familiesOf(text: string): readonly Family[] {
  return splitFamilies(text).flatMap((part) => familyOf(part) ?? [])
}

function onePerFamily(path: Path, text: string): readonly Diagnostic[] {
  const families = familiesOf(text)
  if (new Set(families).size === families.length) return []
  return [
    error(
      'blueprint/family-twice',
      path,
      `${text} names one IP family more than once`,
      'a pair is one IPv4 and one IPv6, the preferred one first',
    ),
  ]
}

function sameFamilies(pods: string, services: string, field: string): readonly Diagnostic[] {
  const [podFamilies, serviceFamilies] = [familiesOf(pods), familiesOf(services)]
  // Services may do with the first family alone.
  if (serviceFamilies.every((family, index) => family === podFamilies[index])) return []
  return [
    error(
      'blueprint/families-differ',
      ['network', field],
      `pods have ${podFamilies.map(named).join(', then ')}, and services ${serviceFamilies.map(named).join(', then ')}`,
      'services have the families of pods in the same order, or the first one alone',
    ),
  ]
}

/** The API server advertises a node's first address, which has to be of the first service subnet's family. */
function nodeFamilies({ nodes }: Blueprint, [first, second]: readonly Family[]): readonly Diagnostic[] {
  if (first === undefined || second === undefined) return []
  return nodes.flatMap(({ name, address }, index) => {
    const own = address === undefined ? undefined : familiesOf(address)[0]
    if (own === undefined || own === first) return []
    return [
      error(
        'blueprint/families-differ',
        ['nodes', index, 'address'],
        `node ${name} has ${named(own)} first, and pods and services have ${named(first)} first`,
        'write both addresses in the order of the subnets',
      ),
    ]
  })
}

/** kubeadm's MaximumBitsForServiceSubnet and PodSubnetNodeMaskMaxDiff; a node gets a /64 of the pods' IPv6. */
function sizes(pods: string, services: string): readonly Diagnostic[] {
  const prefixOf = (text: string) => {
    const v6 = partOf('ipv6', text)
    return v6 === undefined ? undefined : parseSubnet(v6)?.[1]
  }
  const [podPrefix, servicePrefix] = [prefixOf(pods), prefixOf(services)]
  const found: Diagnostic[] = []
  if (servicePrefix !== undefined && servicePrefix < 108)
    found.push(
      error(
        'blueprint/subnet-too-large',
        ['network', 'serviceSubnet'],
        `kubeadm refuses IPv6 service subnets larger than a /108, and this is a /${servicePrefix}`,
        'take a /112',
      ),
    )
  if (podPrefix !== undefined && (podPrefix < 48 || podPrefix > 64))
    found.push(
      error(
        podPrefix < 48 ? 'blueprint/subnet-too-large' : 'blueprint/pod-subnet-too-small',
        ['network', 'podSubnet'],
        `every node gets a /64 of the pods' IPv6 subnet, and of a /${podPrefix} kubeadm cannot give it`,
        'take a prefix from /48 to /64, such as /56 for 256 nodes',
      ),
    )
  return found
}

function named(family: Family): string {
  return family === 'ipv4' ? 'IPv4' : 'IPv6'
}
