import type { Explanations } from '../../../model/diagnostic.ts'

const mapping = 'https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_SubnetMapping.html'

export const explanations: Explanations = {
  'aws-nlb/one-address': {
    severity: 'error',
    cause: 'A network load balancer has one address in each zone; they stand in a list of their own.',
    example: `cloud: { provider: aws }
endpoint: { provider: aws-nlb, name: api.prod.internal, addresses: [10.0.1.10, 10.0.2.10], address: 10.0.3.10 }`,
    fix: 'Move the address to endpoint.addresses.',
    source: mapping,
  },
  'aws-nlb/bad-address': {
    severity: 'error',
    cause: 'An address of the load balancer is none, is not IPv4, or is there twice.',
    example: `cloud: { provider: aws }
endpoint: { provider: aws-nlb, name: api.prod.internal, addresses: [10.0.1.10, 10.0.1.10] }`,
    fix: 'Write a free private IPv4 address of a subnet in each zone.',
    source: mapping,
  },
  'aws-nlb/address-taken': {
    severity: 'error',
    cause:
      'The address belongs to a node, or to the subnets of pods or services, which no machine outside has.',
    example: `cloud: { provider: aws }
endpoint: { provider: aws-nlb, name: api.prod.internal, addresses: [10.0.1.10, 172.31.253.61] }`,
    fix: 'Choose an address of the subnet that nobody has.',
    source: mapping,
  },
  'aws-nlb/one-zone': {
    severity: 'warning',
    cause: 'The load balancer runs where it has an address. A zone that fails takes its part with it.',
    example: `cloud: { provider: aws }
endpoint: { provider: aws-nlb, name: api.prod.internal, addresses: [10.0.1.10] }`,
    fix: 'Give it an address in each zone that has a control plane, or allow the warning for a cluster of one zone.',
    source:
      'https://docs.aws.amazon.com/elasticloadbalancing/latest/network/network-load-balancers.html#availability-zones',
  },
  'aws-nlb/other-cloud': {
    severity: 'warning',
    cause: 'The load balancer is in a VPC of AWS, and the nodes are said to be elsewhere.',
    example: `cloud: { provider: vsphere }
endpoint: { provider: aws-nlb, name: api.prod.internal, addresses: [10.0.1.10, 10.0.2.10] }`,
    fix: 'Set cloud.provider: aws. Nodes on premises work if the VPC reaches them (Direct Connect, VPN): then allow it.',
    source:
      'https://docs.aws.amazon.com/elasticloadbalancing/latest/network/load-balancer-target-groups.html#target-type',
  },
}
