/** What `gen explain` says of the codes that reading a blueprint and its rules raise. */
import type { Explanations } from '../model/diagnostic.ts'
import { families } from './explanations-families.ts'

const quoted = 'https://yaml.org/spec/1.2.2/#10.3.2-tag-resolution'
const clustering = 'https://kubernetes.io/docs/setup/production-environment/tools/kubeadm/high-availability/'
const cidrs =
  'https://kubernetes.io/docs/concepts/cluster-administration/networking/#kubernetes-ip-address-ranges'

/** The text itself: before there is a blueprint to speak of. */
const text: Explanations = {
  'blueprint/too-large': {
    severity: 'error',
    cause: 'The file has more than 1 MiB. Blueprints have a few kilobytes, so this is some other file.',
    fix: 'Name the blueprint with --blueprint. Large files for the nodes belong into the machine image.',
  },
  'blueprint/not-utf8': {
    severity: 'error',
    cause: 'The bytes are not UTF-8, as YAML is: the file is binary, or was saved in an older encoding.',
    fix: 'Save the file as UTF-8 in your editor, or convert it with iconv.',
    source: 'https://yaml.org/spec/1.2.2/#52-character-encodings',
  },
  'blueprint/empty': {
    severity: 'error',
    cause: 'There is nothing in the file but blanks and comments.',
    fix: 'Start from an example: gen example ha-kube-vip > cluster.yaml.',
  },
  'blueprint/syntax': {
    severity: 'error',
    cause:
      'The text is not YAML. Usual reasons: a tab as indentation, a missing blank after a colon, an open quote.',
    example: `network:
  dnsDomain: "cluster.local`,
    fix: 'Correct the place that the message names; the real mistake may be on the line before it.',
    source: 'https://yaml.org/spec/1.2.2/',
  },
  'blueprint/duplicate-key': {
    severity: 'error',
    cause: 'One mapping has the same key twice. Parsers disagree on which one counts, so neither does.',
    example: `kubernetes:
  version: 1.31.4
  version: 1.32.0`,
    fix: 'Remove one of the two.',
    source: 'https://yaml.org/spec/1.2.2/#3213-node-comparison',
  },
  'blueprint/many-documents': {
    severity: 'error',
    cause:
      'A line --- begins a second YAML document, and a blueprint is one document: one file, one cluster.',
    example: `---
apiVersion: v1
kind: ConfigMap`,
    fix: 'Keep each cluster in a file of its own. Manifests for the cluster go under addons.',
  },
  'blueprint/aliases': {
    severity: 'error',
    cause:
      'Anchors and aliases multiply each other to more than a blueprint can need, or an alias has no anchor.',
    fix: 'Write the values out where they are needed.',
    source: 'https://en.wikipedia.org/wiki/Billion_laughs_attack',
  },
}

/** The shape: fields, types, values. */
const shape: Explanations = {
  'blueprint/unknown-field': {
    severity: 'error',
    cause: 'The field does not exist in this place. It would be ignored, and you would believe it was not.',
    example: `endpoint:
  adress: 172.31.253.60`,
    fix: 'Correct the name or the indentation; blueprints/README.md lists all fields, gen schema is for editors.',
  },
  'blueprint/missing-field': {
    severity: 'error',
    cause: 'A field is left out that has no sensible default.',
    example: `endpoint:
  port: 6443`,
    fix: 'Add it; the hint shows what it looks like.',
  },
  'blueprint/wrong-type': {
    severity: 'error',
    cause:
      'The value is of another type. YAML reads 1.30 as the number 1.3, and yes, on and dates as what they look like.',
    example: `kubernetes:
  version: 1.30`,
    fix: 'Put text that looks like something else in quotes: "1.30".',
    source: quoted,
  },
  'blueprint/unknown-value': {
    severity: 'error',
    cause: 'The field takes one of a few words, and this is none of them.',
    example: `kubernetes:
  version: 1.31.4
  proxyMode: ipsv`,
    fix: 'Take one of the words in the hint.',
  },
  'blueprint/bad-value': {
    severity: 'error',
    cause: 'The value has the right type, but not the form that the field needs.',
    example: `bootstrap:
  tokenTTL: 1 day`,
    fix: 'Write it as the hint says.',
  },
  'blueprint/bad-key': {
    severity: 'error',
    cause:
      'In a mapping with keys of your own choice, such as labels, one key has a form that nobody would accept.',
    example: `nodes:
  - { name: m1, role: control-plane, address: 172.31.253.61, labels: { my label: a } }`,
    fix: 'Write the key as the hint says.',
    source:
      'https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set',
  },
  'blueprint/unknown-provider': {
    severity: 'error',
    cause: 'There is no provider of this name for this part of a cluster.',
    example: `network:
  cni: { provider: calio }`,
    fix: 'Take one of the names in the hint; blueprints/README.md says what each does.',
  },
  'blueprint/unknown-role': {
    severity: 'error',
    cause: 'Nodes are control planes (also: master) or workers (also: node).',
    example: `nodes:
  - { name: m1, role: mastr, address: 172.31.253.61 }`,
    fix: 'Write role: control-plane or role: worker.',
  },
}

/** What fields mean together. */
const rules: Explanations = {
  'blueprint/bad-address': {
    severity: 'error',
    cause:
      'The text is not one IPv4 or IPv6 address: four numbers without leading zeros, or an IPv6 address without zone.',
    example: `endpoint:
  address: 172.31.253.60/24`,
    fix: 'Write the address alone. The prefix length of the nodes is network.prefix.',
  },
  'blueprint/bad-subnet': {
    severity: 'error',
    cause: 'The text is not an address with a prefix length.',
    example: `network:
  podSubnet: 10.244.0.0`,
    fix: 'Write it like 10.244.0.0/16.',
  },
  'blueprint/bad-range': {
    severity: 'error',
    cause: 'The DHCP range is not two addresses of one family, the lower one first.',
    example: `network:
  dhcpRange: 172.31.253.199-172.31.253.100`,
    fix: 'Write first and last address as the DHCP server has them.',
  },
  'blueprint/subnets-overlap': {
    severity: 'error',
    cause: 'Pods and services have addresses in common, so a packet to one may reach the other.',
    example: `network:
  podSubnet: 10.96.0.0/16`,
    fix: 'Give both a subnet of their own. A running cluster cannot change them.',
    source: cidrs,
  },
  'blueprint/subnet-too-small': {
    severity: 'error',
    cause: 'kubeadm gives the tenth address of the service subnet to cluster DNS, and this one has no tenth.',
    example: `network:
  serviceSubnet: 10.96.0.0/29`,
    fix: 'Take a /24 or larger; a service each takes one address.',
    source: 'https://kubernetes.io/docs/reference/setup-tools/kubeadm/implementation-details/#dns',
  },
  'blueprint/endpoint-is-node': {
    severity: 'error',
    cause:
      'The endpoint is an address that moves between control planes. A node that owns it for itself would never give it up.',
    example: `endpoint:
  address: 172.31.253.61`,
    fix: 'Take a free address of the same subnet for the endpoint.',
    source: clustering,
  },
  'blueprint/endpoint-in-subnet': {
    severity: 'error',
    cause:
      'The endpoint lies among the addresses of pods or services, where the nodes do not look for a neighbour.',
    example: `endpoint:
  address: 10.96.0.60`,
    fix: 'Move the endpoint into the nodes’ subnet, or choose other subnets for pods and services.',
    source: cidrs,
  },
  'blueprint/node-in-subnet': {
    severity: 'error',
    cause:
      'A node has an address among those of pods or services: its traffic would be routed into the cluster.',
    example: `network:
  podSubnet: 172.31.0.0/16`,
    fix: 'Choose a subnet for pods and services that the nodes’ network does not use.',
    source: cidrs,
  },
  'blueprint/duplicate-name': {
    severity: 'error',
    cause: 'Two nodes or pools have one name. The second would take the first one’s Node object.',
    example: `nodes:
  - { name: m1, role: control-plane, address: 172.31.253.61 }
  - { name: m1, role: worker, address: 172.31.253.71 }`,
    fix: 'Give every node a name of its own.',
    source: 'https://kubernetes.io/docs/concepts/architecture/nodes/#node-name-uniqueness',
  },
  'blueprint/duplicate-address': {
    severity: 'error',
    cause: 'Two nodes, or a node and the gateway, have one address.',
    example: `nodes:
  - { name: m1, role: control-plane, address: 172.31.253.61 }
  - { name: w1, role: worker, address: 172.31.253.61 }`,
    fix: 'Give every node an address of its own.',
  },
  'blueprint/duplicate-mac': {
    severity: 'error',
    cause: 'Two nodes have one MAC address, by which a machine recognises which node it is.',
    example: `nodes:
  - { name: m1, role: control-plane, address: 172.31.253.61, mac: "52:54:00:12:34:56" }
  - { name: w1, role: worker, mac: "52:54:00:12:34:56" }`,
    fix: 'Write the MAC address of each machine’s own NIC.',
  },
  'blueprint/pool-role': {
    severity: 'error',
    cause:
      'Nodes of a pool have no declared names and addresses, which control planes must know of each other before they boot.',
    example: `pools:
  - { name: extra, role: control-plane }`,
    fix: 'Declare control planes under nodes.',
  },
  'blueprint/pool-name': {
    severity: 'error',
    cause: 'The name is taken: it is how the texts of the declared nodes are called.',
    example: `pools:
  - { name: workers }`,
    fix: 'Choose another name for the pool.',
  },
  'blueprint/node-name': {
    severity: 'error',
    cause: 'localhost is the name of every machine for itself.',
    example: `nodes:
  - { name: localhost, role: control-plane, address: 172.31.253.61 }`,
    fix: 'Give the node a name of its own.',
  },
  'blueprint/no-control-plane': {
    severity: 'error',
    cause: 'Somebody has to run the API server and etcd.',
    example: `nodes:
  - { name: w1, role: worker, address: 172.31.253.71 }`,
    fix: 'Give one node the role control-plane, or three to survive the loss of one.',
    source: clustering,
  },
  'blueprint/control-plane-address': {
    severity: 'error',
    cause:
      'Control planes ask each other whether a cluster exists before one of them makes it. For that they need addresses.',
    example: `nodes:
  - { name: m1, role: control-plane }`,
    fix: 'Give it a fixed address, by DHCP reservation or statically, and write it here.',
  },
  'blueprint/no-execute': {
    severity: 'warning',
    cause:
      'NoExecute evicts every pod that does not tolerate it, and on a control plane that may be a network agent.',
    example: `nodes:
  - { name: m1, role: control-plane, address: 172.31.253.61, taints: [{ key: own, effect: NoExecute }] }`,
    fix: 'Use NoSchedule; control planes have such a taint already.',
    source:
      'https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/#taint-based-evictions',
  },
  'blueprint/reserved-path': {
    severity: 'error',
    cause: 'First boot itself writes and reads there. A file of yours would break it without a word.',
    example: `files:
  - { path: /etc/leaven/node.env, content: "" }`,
    fix: 'Choose another path; to change what is generated use overrides.',
  },
}

export const explanations: Explanations = { ...text, ...shape, ...rules, ...families }
