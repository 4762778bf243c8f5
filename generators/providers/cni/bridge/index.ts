import {
  familyOf,
  nthPart,
  parseAddress,
  parseSubnet,
  splitFamilies,
  subnetContains,
} from '../../../model/address.ts'
import type { FileSpec } from '../../../model/contribution.ts'
import { type Diagnostic, error, warning } from '../../../model/diagnostic.ts'
import type { JsonObject } from '../../../model/json.ts'
import type { ClusterPlan } from '../../../model/plan.ts'
import type { CniProvider } from '../../provider.ts'
import { ipv4Only, unmanaged } from '../release.ts'

const source = '/etc/leaven/cni/10-leaven.conflist'
const routes = '/etc/leaven/pod-routes'
const unit = 'leaven-pod-routes.service'
/** The sizes that kube-controller-manager gives to a node, too. */
const nodePrefixes = { ipv4: 24, ipv6: 64 } as const

export const bridge: CniProvider = {
  name: 'bridge',
  summary:
    'A Linux bridge per node and static routes between declared nodes of one subnet; nothing to download, no network policies.',
  options: {
    mtu: {
      description: "MTU of pods' interfaces; the kernel's default is that of the bridge.",
      otherwise: 'the kernel’s own',
      type: 'integer',
      minimum: 576,
      maximum: 9216,
      examples: [9000],
    },
  },
  allocatesNodeCidrs: true,
  routesPods: () => true,
  podCidr: ({ network }, index) => {
    const parts = splitFamilies(network.podSubnet).map((text) => {
      const subnet = parseSubnet(text)
      return subnet === undefined ? undefined : nthPart(subnet, nodePrefixes[subnet[0].kind()], index)
    })
    return parts.includes(undefined) ? undefined : parts.join(',')
  },
  rules: (plan, { pools }) => [
    ...(pools ?? []).map((pool, index) =>
      error(
        'bridge/pool',
        ['pools', index],
        `nodes of the pool ${pool.name} would get no pod network: the bridge needs declared nodes`,
        'declare them under nodes, or use another network.cni.provider',
      ),
    ),
    ...addresses(plan),
    ...ipv4Only('bridge', plan),
  ],
  contribute: (plan) => ({
    files: [
      { path: source, mode: 0o644, body: { kind: 'json', value: conflist(plan) } },
      { path: routes, mode: 0o644, body: { kind: 'lines', lines: routeTable(plan) } },
      routesUnit,
      ...(plan.os.netplan ? [] : [unmanaged('cni0', 'veth*')]),
    ],
    fill: [{ phase: 'runtime', source, destination: '/etc/cni/net.d/10-leaven.conflist', mode: 0o644 }],
    services: [{ phase: 'runtime', unit }],
    // Two would give out the parts of one subnet: the declaration, and the controller in its own order.
    kubeadm: { controllerManagerArgs: { 'allocate-node-cidrs': 'false' } },
  }),
}

/** https://www.cni.dev/plugins/current/main/bridge/ */
function conflist({ network }: ClusterPlan): JsonObject {
  const mtu = network.cniOptions['mtu']
  return {
    cniVersion: '0.4.0',
    name: 'leaven',
    plugins: [
      {
        type: 'bridge',
        bridge: 'cni0',
        isDefaultGateway: true,
        ipMasq: true,
        hairpinMode: true,
        ...(mtu === undefined ? {} : { mtu }),
        ipam: {
          type: 'host-local',
          ranges: network.dualStack
            ? [[{ subnet: '@POD_CIDR@' }], [{ subnet: '@POD_CIDR2@' }]]
            : [[{ subnet: '@POD_CIDR@' }]],
        },
      },
      { type: 'portmap', capabilities: { portMappings: true } },
    ],
  }
}

/** `CIDR ADDRESS` of every declared node, the reader's own too: all nodes of a group get one text. */
function routeTable(plan: ClusterPlan): readonly string[] {
  return plan.nodes.flatMap(({ address, secondAddress, index }) => {
    const vias = [address, secondAddress].filter((via) => via !== undefined)
    return splitFamilies(bridge.podCidr?.(plan, index) ?? '').flatMap((cidr) => {
      const via = vias.find((candidate) => familyOf(candidate) === familyOf(cidr))
      return via === undefined ? [] : [`${cidr} ${via}`]
    })
  })
}

/** A node has no route to its own pods but the bridge; an address of its own is how it knows its line. */
const routesUnit: FileSpec = {
  path: `/etc/systemd/system/${unit}`,
  mode: 0o644,
  body: {
    kind: 'lines',
    lines: [
      '[Unit]',
      "Description=Routes to the other nodes' pods",
      'Wants=network-online.target',
      'After=network-online.target',
      'Before=kubelet.service',
      // Restarted, these drop routes that they did not make.
      'PartOf=systemd-networkd.service NetworkManager.service networking.service',
      '[Service]',
      'Type=oneshot',
      'RemainAfterExit=yes',
      `ExecStart=/bin/sh -c 'while read -r cidr node; do [ -n "$$(ip -o address show to "$$node")" ] || ip route replace "$$cidr" via "$$node" || exit; done <${routes}'`,
      '[Install]',
      'WantedBy=multi-user.target',
    ],
  },
}

function addresses({ nodes, network }: ClusterPlan): readonly Diagnostic[] {
  const first = nodes.find(({ address }) => address !== undefined)?.address
  const subnet = parseSubnet(`${first}/${network.prefix}`)
  return nodes.flatMap(({ name, address, secondAddress, index }) => {
    if (address === undefined || (network.dualStack && secondAddress === undefined))
      return [
        error(
          'bridge/address-missing',
          ['nodes', index],
          `node ${name} has no address${address === undefined ? '' : ' of the second IP family'}, so nobody has a route to its pods`,
          'add address:, or use another network.cni.provider',
        ),
      ]
    const parsed = parseAddress(address)
    if (subnet === undefined || parsed === undefined || subnetContains(subnet, parsed)) return []
    return [
      warning(
        'bridge/not-one-subnet',
        ['nodes', index, 'address'],
        `node ${name} (${address}) is outside the subnet of ${first}/${network.prefix}: pods cannot be routed there directly`,
        'set network.prefix if the subnet is larger, or use another network.cni.provider',
      ),
    ]
  })
}
