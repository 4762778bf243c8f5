import {
  canonical,
  parseAddress,
  parseSubnet,
  splitFamilies,
  subnetContains,
} from '../../../model/address.ts'
import { type Diagnostic, error, warning } from '../../../model/diagnostic.ts'
import type { ClusterPlan } from '../../../model/plan.ts'
import type { EndpointProvider } from '../../provider.ts'

/**
 * An internal network load balancer, one fixed private address a zone. The addresses are chosen before it exists, so
 * user-data and certificates need nothing that AWS makes up: neither its DNS name nor a hosted zone.
 * `gen launch` makes it; the nodes find it by /etc/hosts.
 */
export const awsNlb: EndpointProvider = {
  name: 'aws-nlb',
  summary:
    'A network load balancer of AWS with fixed private addresses, which gen launch makes; nothing is added to the nodes.',
  options: {
    addresses: {
      description:
        'Its private IPv4 addresses: a free one in a subnet of each zone. AWS keeps the first four and the last of a subnet.',
      type: 'array',
      items: { type: 'string' },
      minItems: 1,
      maxItems: 6,
      examples: [['10.0.1.10', '10.0.2.10', '10.0.3.10']],
    },
  },
  // The nodes know several addresses by one name.
  required: ['addresses', 'name'],
  floating: false,
  needsArp: () => false,
  defaultPort: 6443,
  addressOptional: true,
  rules: (plan) => [
    ...single(plan),
    ...badAddresses(plan),
    ...taken(plan),
    ...oneZone(plan),
    ...elsewhere(plan),
  ],
  contribute: (plan) => {
    const addresses = endpointAddresses(plan)
    return { env: { LEAVEN_ENDPOINT_ADDRESS: addresses.join(',') }, kubeadm: { certSANs: addresses } }
  },
}

export function endpointAddresses({ endpoint }: ClusterPlan): readonly string[] {
  return (endpoint.options['addresses'] ?? []) as readonly string[]
}

function single({ endpoint }: ClusterPlan): readonly Diagnostic[] {
  if (endpoint.address === undefined) return []
  return [
    error(
      'aws-nlb/one-address',
      ['endpoint', 'address'],
      'a network load balancer has an address in each zone, not one',
      `move it to endpoint.addresses: [${endpoint.address}]`,
    ),
  ]
}

function badAddresses(plan: ClusterPlan): readonly Diagnostic[] {
  const addresses = endpointAddresses(plan)
  return addresses.flatMap((text, index) => {
    const problem =
      parseAddress(text)?.kind() !== 'ipv4'
        ? `${text} is not an IPv4 address`
        : addresses.indexOf(text) < index
          ? `${text} is given twice`
          : undefined
    if (problem === undefined) return []
    return [
      error(
        'aws-nlb/bad-address',
        ['endpoint', 'addresses', index],
        problem,
        'write a free IPv4 address of a subnet in each zone, such as 10.0.1.10',
      ),
    ]
  })
}

function taken(plan: ClusterPlan): readonly Diagnostic[] {
  const { network, nodes } = plan
  return endpointAddresses(plan).flatMap((text, index) => {
    const address = parseAddress(text)
    if (address === undefined) return []
    const node = nodes.find(
      (entry) => entry.address !== undefined && canonical(entry.address) === canonical(text),
    )
    const inside = [network.podSubnet, network.serviceSubnet].flatMap(splitFamilies).find((subnet) => {
      const parsed = parseSubnet(subnet)
      return parsed !== undefined && subnetContains(parsed, address)
    })
    const whose =
      node === undefined ? inside && `lies in ${inside}, which is for pods or services` : `is ${node.name}'s`
    if (whose === undefined) return []
    return [
      {
        ...error(
          'aws-nlb/address-taken',
          ['endpoint', 'addresses', index],
          `the address ${text} ${whose}`,
          'the load balancer needs an address that nobody else has',
        ),
        ...(node === undefined
          ? {}
          : { related: [{ path: ['nodes', node.index, 'address'], message: `${node.name} is here` }] }),
      },
    ]
  })
}

function oneZone(plan: ClusterPlan): readonly Diagnostic[] {
  const masters = plan.nodes.filter(({ role }) => role === 'control-plane')
  if (endpointAddresses(plan).length !== 1 || masters.length < 2) return []
  return [
    warning(
      'aws-nlb/one-zone',
      ['endpoint', 'addresses'],
      'with an address in one zone, the loss of that zone takes the endpoint away from all control planes',
      'add an address in a subnet of each zone that has a control plane',
    ),
  ]
}

/** Machines outside its VPC can be targets, too, through Direct Connect or a VPN; few mean that. */
function elsewhere({ cloud }: ClusterPlan): readonly Diagnostic[] {
  if (cloud.provider === 'aws') return []
  return [
    warning(
      'aws-nlb/other-cloud',
      ['endpoint', 'provider'],
      `a load balancer of AWS is to serve nodes of cloud.provider ${cloud.provider}`,
      'set cloud.provider: aws; elsewhere its VPC needs a route to the nodes',
    ),
  ]
}
