import { nthPart, parseSubnet, partOf } from '../../../model/address.ts'
import type { PortSpec } from '../../../model/contribution.ts'
import { type Diagnostic, error } from '../../../model/diagnostic.ts'
import type { Json } from '../../../model/json.ts'
import { compact } from '../../../model/json.ts'
import type { ClusterPlan } from '../../../model/plan.ts'
import type { CniProvider } from '../../provider.ts'
import {
  chooseRelease,
  ipv4Only,
  kustomization,
  manifestOf,
  patchFile,
  type Release,
  releaseImages,
  releaseOptions,
  releaseRules,
  unmanaged,
} from '../release.ts'
import facts from './facts.json' with { type: 'json' }

interface Backend {
  readonly modules: readonly string[]
  readonly ports: readonly PortSpec[]
}

const releases: readonly Release[] = facts.releases
const file = 'kube-flannel.yml'

/** https://github.com/flannel-io/flannel/blob/master/Documentation/backends.md */
const backends: Readonly<Record<string, Backend>> = {
  vxlan: {
    modules: ['vxlan'],
    ports: [{ protocol: 'udp', port: '8472', purpose: 'flannel VXLAN', from: 'cluster' }],
  },
  'host-gw': { modules: [], ports: [] },
  wireguard: {
    modules: ['wireguard'],
    ports: [{ protocol: 'udp', port: '51820', purpose: 'flannel WireGuard', from: 'cluster' }],
  },
}

export const flannel: CniProvider = {
  name: 'flannel',
  summary: 'flannel from its own manifest: VXLAN, host routes or WireGuard, no network policies.',
  options: {
    backend: {
      description:
        'How pods of two nodes talk: in VXLAN, by routes (all nodes in one subnet), or encrypted by WireGuard.',
      type: 'string',
      enum: Object.keys(backends),
      default: 'vxlan',
      examples: ['host-gw'],
    },
    mtu: {
      description: "MTU of the nodes' network; flannel asks the interface by itself.",
      otherwise: 'as the interface has',
      type: 'integer',
      minimum: 576,
      maximum: 9216,
      examples: [9000],
    },
    ...releaseOptions('flannel', releases, 'ghcr.io/flannel-io'),
  },
  allocatesNodeCidrs: true,
  routesPods: ({ network }) => network.cniOptions['backend'] === 'host-gw',
  rules: (plan) => [
    ...releaseRules('flannel', releases, plan),
    ...ipv4Only('flannel', plan),
    ...tooSmall(plan),
  ],
  contribute: (plan) => {
    const options = plan.network.cniOptions
    const release = chooseRelease(releases, plan)
    const type = String(options['backend'] ?? 'vxlan')
    const backend = backends[type]
    if (release === undefined || backend === undefined) return {}
    return {
      files: plan.os.netplan ? [] : [unmanaged('flannel*', 'cni0', 'veth*')],
      modules: backend.modules,
      ports: backend.ports,
      images: releaseImages(release, options),
      addons: [
        {
          order: 10,
          name: 'flannel',
          manifest: manifestOf(release, options, file),
          files: { [patchFile]: patches(plan, type) },
          kustomization: kustomization(file, release, options),
        },
      ],
    }
  },
}

/** kube-controller-manager gives every node a /24. */
function tooSmall({ network, nodes }: ClusterPlan): readonly Diagnostic[] {
  const subnet = parseSubnet(partOf('ipv4', network.podSubnet) ?? '')
  if (
    subnet === undefined ||
    subnet[0].kind() !== 'ipv4' ||
    nthPart(subnet, 24, nodes.length - 1) !== undefined
  )
    return []
  return [
    error(
      'flannel/pod-subnet-too-small',
      ['network', 'podSubnet'],
      `the pod subnet ${network.podSubnet} has not a /24 for each of ${nodes.length} nodes`,
      'take a larger one, such as 10.244.0.0/16',
    ),
  ]
}

function patches({ network }: ClusterPlan, type: string): readonly Json[] {
  const settings = {
    Network: partOf('ipv4', network.podSubnet) ?? '',
    // https://github.com/flannel-io/flannel/blob/master/Documentation/configuration.md#dual-stack
    ...(network.dualStack ? { EnableIPv6: true, IPv6Network: partOf('ipv6', network.podSubnet) ?? '' } : {}),
    EnableNFTables: false,
    Backend: compact({ Type: type, MTU: network.cniOptions['mtu'] }),
  }
  const container = {
    name: 'kube-flannel',
    // The kubelet's own address: flannel's default is the NIC of the default route, which need not be the nodes' network.
    args: ['--ip-masq', '--kube-subnet-mgr', '--iface=$(LEAVEN_NODE_IP)'],
    env: [{ name: 'LEAVEN_NODE_IP', valueFrom: { fieldRef: { fieldPath: 'status.hostIP' } } }],
  }
  return [
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'kube-flannel-cfg', namespace: 'kube-flannel' },
      data: { 'net-conf.json': `${JSON.stringify(settings, null, 2)}\n` },
    },
    {
      apiVersion: 'apps/v1',
      kind: 'DaemonSet',
      metadata: { name: 'kube-flannel-ds', namespace: 'kube-flannel' },
      spec: { template: { spec: { containers: [container] } } },
    },
  ]
}
