import { partOf } from '../../../model/address.ts'
import type { PortSpec } from '../../../model/contribution.ts'
import { type Diagnostic, error } from '../../../model/diagnostic.ts'
import type { Json, JsonObject } from '../../../model/json.ts'
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

interface CalicoRelease extends Release {
  /** It can take the address that the kubelet was given. */
  readonly knowsInternalIp: boolean
}

interface Backend {
  /** `calico.yaml` runs BIRD, `calico-vxlan.yaml` neither runs nor probes it. */
  readonly file: string
  readonly ipip: 'Always' | 'Never'
  readonly vxlan: 'Always' | 'Never'
  readonly modules: readonly string[]
  readonly ports: readonly PortSpec[]
}

const releases: readonly CalicoRelease[] = facts.releases
const bgpPort: PortSpec = { protocol: 'tcp', port: '179', purpose: 'Calico BGP', from: 'cluster' }

/** https://docs.tigera.io/calico/latest/getting-started/kubernetes/requirements#network-requirements */
const backends: Readonly<Record<string, Backend>> = {
  vxlan: {
    file: 'calico-vxlan.yaml',
    ipip: 'Never',
    vxlan: 'Always',
    modules: ['vxlan'],
    ports: [{ protocol: 'udp', port: '4789', purpose: 'Calico VXLAN', from: 'cluster' }],
  },
  ipip: {
    file: 'calico.yaml',
    ipip: 'Always',
    vxlan: 'Never',
    modules: ['ipip'],
    ports: [{ protocol: 'ipip', port: '-', purpose: 'Calico IP-in-IP', from: 'cluster' }, bgpPort],
  },
  bgp: { file: 'calico.yaml', ipip: 'Never', vxlan: 'Never', modules: [], ports: [bgpPort] },
}

export const calico: CniProvider = {
  name: 'calico',
  summary: 'Calico from its own manifest: VXLAN, IP-in-IP or BGP, with network policies.',
  options: {
    backend: {
      description:
        'How pods of two nodes talk: in VXLAN (works everywhere), in IP-in-IP, or routed by BGP without a tunnel.',
      type: 'string',
      enum: Object.keys(backends),
      default: 'vxlan',
      examples: ['ipip'],
    },
    mtu: {
      description: "MTU of pods' interfaces; Calico measures by itself.",
      otherwise: 'as Calico measures',
      type: 'integer',
      minimum: 576,
      maximum: 9216,
      examples: [1450],
    },
    autodetection: {
      description: "How Calico finds a node's own address, as IP_AUTODETECTION_METHOD.",
      type: 'string',
      pattern: '^(first-found|kubernetes-internal-ip|(can-reach|interface|skip-interface|cidr)=\\S+)$',
      expect: 'a method of Calico such as interface=eth0 or cidr=10.0.0.0/24',
      default: 'kubernetes-internal-ip',
      examples: ['cidr=172.31.253.0/24'],
    },
    ...releaseOptions('calico', releases, 'quay.io/calico'),
  },
  allocatesNodeCidrs: false,
  routesPods: ({ network }) => network.cniOptions['backend'] === 'bgp',
  rules: (plan) => [
    ...releaseRules('calico', releases, plan),
    ...ipv4Only('calico', plan),
    ...oldTunnel(plan),
  ],
  contribute: (plan) => {
    const options = plan.network.cniOptions
    const release = chooseRelease(releases, plan)
    const backend = backends[String(options['backend'] ?? 'vxlan')]
    if (release === undefined || backend === undefined) return {}
    return {
      files: plan.os.netplan ? [] : [unmanaged('cali*', 'tunl*', 'vxlan.calico', 'wireguard.cali')],
      modules: backend.modules,
      ports: backend.ports,
      images: releaseImages(release, options),
      addons: [
        {
          order: 10,
          name: 'calico',
          manifest: manifestOf(release, options, backend.file),
          files: { [patchFile]: patches(plan, release, backend) },
          kustomization: kustomization(backend.file, release, options),
        },
      ],
    }
  },
}

function patches(plan: ClusterPlan, release: CalicoRelease, { ipip, vxlan }: Backend): readonly Json[] {
  const { network } = plan
  const method = String(network.cniOptions['autodetection'] ?? autodetection(plan, release))
  const variables = {
    CALICO_IPV4POOL_CIDR: partOf('ipv4', network.podSubnet) ?? '',
    CALICO_IPV4POOL_IPIP: ipip,
    CALICO_IPV4POOL_VXLAN: vxlan,
    IP_AUTODETECTION_METHOD: method,
    ...(network.dualStack
      ? {
          // https://docs.tigera.io/calico/latest/networking/ipam/ipv6
          IP6: 'autodetect',
          IP6_AUTODETECTION_METHOD: method,
          FELIX_IPV6SUPPORT: 'true',
          CALICO_IPV6POOL_CIDR: partOf('ipv6', network.podSubnet) ?? '',
          CALICO_IPV6POOL_VXLAN: vxlan,
          CALICO_IPV6POOL_NAT_OUTGOING: 'true',
        }
      : {}),
  }
  const container: JsonObject = {
    name: 'calico-node',
    env: Object.entries(variables).map(([name, value]) => ({ name, value })),
  }
  const daemonSet: JsonObject = {
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: { name: 'calico-node', namespace: 'kube-system' },
    spec: { template: { spec: { containers: [container] } } },
  }
  const mtu = network.cniOptions['mtu']
  const data = {
    ...(mtu === undefined ? {} : { veth_mtu: String(mtu) }),
    ...(network.dualStack ? { cni_network_config: dualStackConfig() } : {}),
  }
  if (Object.keys(data).length === 0) return [daemonSet]
  const metadata = { name: 'calico-config', namespace: 'kube-system' }
  return [daemonSet, { apiVersion: 'v1', kind: 'ConfigMap', metadata, data }]
}

/** The manifest's own, whose IPAM gives IPv4 only, with IPv6 beside it; Calico fills in what is in capitals. */
function dualStackConfig(): string {
  const config = {
    name: 'k8s-pod-network',
    cniVersion: '0.3.1',
    plugins: [
      {
        type: 'calico',
        log_level: 'info',
        log_file_path: '/var/log/calico/cni/cni.log',
        datastore_type: 'kubernetes',
        nodename: '__KUBERNETES_NODE_NAME__',
        mtu: '__CNI_MTU__',
        ipam: { type: 'calico-ipam', assign_ipv4: 'true', assign_ipv6: 'true' },
        policy: { type: 'k8s' },
        kubernetes: { kubeconfig: '__KUBECONFIG_FILEPATH__' },
      },
      { type: 'portmap', snat: true, capabilities: { portMappings: true } },
      { type: 'bandwidth', capabilities: { bandwidth: true } },
    ],
  }
  // A number, once it is filled in.
  return `${JSON.stringify(config, null, 2).replace('"__CNI_MTU__"', '__CNI_MTU__')}\n`
}

/** IPv6 in VXLAN came with 3.23: https://docs.tigera.io/archive/v3.23/release-notes/ */
function oldTunnel(plan: ClusterPlan): readonly Diagnostic[] {
  const release = chooseRelease(releases, plan)
  if (!plan.network.dualStack || release === undefined || release.knowsInternalIp) return []
  return [
    error(
      'calico/dual-stack-too-early',
      ['network', 'podSubnet'],
      `calico ${release.version} carries no IPv6 between nodes in VXLAN`,
      'take a Kubernetes that a newer Calico goes with, or network.cni.version: 3.25.0',
    ),
  ]
}

/**
 * The first address that is found may be the VIP, and Calico would announce the node under it. The kubelet's is not;
 * where Calico cannot ask for that, the address by which another node is reached is not, either.
 */
function autodetection({ nodes }: ClusterPlan, { knowsInternalIp }: CalicoRelease): string {
  const known = nodes.find(({ role, address }) => role === 'control-plane' && address !== undefined)?.address
  return knowsInternalIp || known === undefined ? 'kubernetes-internal-ip' : `can-reach=${known}`
}
