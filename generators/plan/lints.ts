/** What users cannot know and we do: combinations that parse, and then fail on the machine. */
import { didYouMean } from '../blueprint/schema.ts'
import { familyOf, inRange, parseAddress, parseRange, parseSubnet, subnetContains } from '../model/address.ts'
import type { Blueprint } from '../model/blueprint.ts'
import { type Diagnostic, error, type Path, warning } from '../model/diagnostic.ts'
import type { ClusterPlan } from '../model/plan.ts'
import { parseRole } from '../model/role.ts'
import * as registry from '../registry.ts'
import { choose } from './cluster.ts'
import { overrideRules } from './overrides.ts'
import { sizingRules } from './sizing.ts'

export function lintPlan(plan: ClusterPlan, blueprint: Blueprint): readonly Diagnostic[] {
  return [
    ...arp(plan),
    ...outsideSubnet(plan),
    ...proxyMode(plan),
    ...dualStack(plan),
    ...cgroup(plan),
    ...featureGates(plan),
    ...podParts(plan),
    ...restrictedLabels(blueprint),
    ...dhcpRange(plan, blueprint),
    ...movingTags(blueprint),
    ...sizingRules(blueprint),
    ...overrideRules(plan),
  ]
}

/** Clouds that route by their own tables drop gratuitous ARP (kube-vip#556). */
function arp({ endpoint, cloud }: ClusterPlan): readonly Diagnostic[] {
  const provider = choose(registry.endpoint, endpoint.provider)
  const place = choose(registry.cloud, cloud.provider)
  if (place.arp || !provider.needsArp(endpoint.options)) return []
  return [
    error(
      'blueprint/arp-on-cloud',
      ['endpoint'],
      `${endpoint.provider} moves ${endpoint.address} by ARP, which ${cloud.provider} ignores: only its holder would reach it`,
      cloud.provider === 'aws'
        ? 'use endpoint.provider: aws-nlb, a load balancer that gen launch makes'
        : `use a load balancer of ${cloud.provider} with endpoint.provider: external, or BGP where its routers speak it`,
    ),
  ]
}

function outsideSubnet({ endpoint, network, nodes, cloud }: ClusterPlan): readonly Diagnostic[] {
  const vip = endpoint.vip === undefined ? undefined : parseAddress(endpoint.vip)
  if (vip === undefined || !choose(registry.endpoint, endpoint.provider).needsArp(endpoint.options)) return []
  if (!choose(registry.cloud, cloud.provider).arp) return []
  return nodes
    .flatMap((node) => {
      // Of both addresses, the one in the family of the VIP counts.
      const own = [node.secondAddress, node.address].find((address) => familyOf(address ?? '') === vip.kind())
      const address = own ?? node.address
      const prefix = network.prefixes[familyOf(address ?? '') ?? 'ipv4']
      const subnet = address === undefined ? undefined : parseSubnet(`${address}/${prefix}`)
      if (node.role !== 'control-plane' || subnet === undefined || subnetContains(subnet, vip)) return []
      return [
        {
          ...error(
            'blueprint/endpoint-outside-subnet',
            ['endpoint', 'address'],
            `the endpoint ${endpoint.vip} is outside the subnet of ${node.name} (${address}/${prefix})`,
            'an address that moves by ARP has to be in the subnet of all control planes; set network.prefix if the subnet is larger',
          ),
          related: [{ path: ['nodes', node.index, 'address'], message: `${node.name} is here` }],
        },
      ]
    })
    .slice(0, 1)
}

function proxyMode({ kubernetes, os }: ClusterPlan): readonly Diagnostic[] {
  const path = ['kubernetes', 'proxyMode']
  const { supports, minor } = kubernetes.facts
  const found: Diagnostic[] = []
  if (kubernetes.proxyMode === 'ipvs' && supports.ipvsDeprecated)
    found.push(
      warning(
        'blueprint/ipvs-deprecated',
        path,
        `kube-proxy's ipvs mode is deprecated in Kubernetes ${minor}`,
        'use nftables',
      ),
    )
  if (kubernetes.proxyMode === 'nftables' && !supports.nftablesProxy)
    found.push(
      error(
        'blueprint/nftables-too-early',
        path,
        `kube-proxy's nftables mode is not yet stable in Kubernetes ${minor}`,
        'use ipvs or iptables',
      ),
    )
  const release = choose(registry.os, os.provider).releases[os.release]
  // https://kubernetes.io/docs/reference/networking/virtual-ips/#proxy-mode-nftables
  if (kubernetes.proxyMode === 'nftables' && release !== undefined && olderKernel(release.kernel, [5, 13]))
    found.push(
      error(
        'blueprint/nftables-kernel',
        path,
        `kube-proxy's nftables mode needs Linux 5.13, and ${os.provider} ${os.release} has ${release.kernel}`,
        'use iptables, or a newer os.release',
      ),
    )
  return found
}

/** https://kubernetes.io/docs/concepts/services-networking/dual-stack/ */
function dualStack({ kubernetes, network }: ClusterPlan): readonly Diagnostic[] {
  if (!network.dualStack || kubernetes.facts.supports.dualStack) return []
  return [
    error(
      'blueprint/dual-stack-too-early',
      ['network', 'podSubnet'],
      `Kubernetes ${kubernetes.facts.minor} has dual stack only behind a feature gate`,
      'take Kubernetes 1.21 or newer, or subnets of one IP family',
    ),
  ]
}

function olderKernel(kernel: string, [major, minor]: readonly [number, number]): boolean {
  const [ownMajor = 0, ownMinor = 0] = kernel.split('.').map(Number)
  return ownMajor < major || (ownMajor === major && ownMinor < minor)
}

/** https://kubernetes.io/blog/2025/12/17/kubernetes-v1-35-release/ : the kubelet refuses cgroup v1. */
function cgroup({ kubernetes, os }: ClusterPlan): readonly Diagnostic[] {
  const release = choose(registry.os, os.provider).releases[os.release]
  if (release?.cgroup !== 'v1' || !kubernetes.facts.supports.cgroupV1Refused) return []
  return [
    error(
      'blueprint/cgroup-v1',
      ['os'],
      `${os.provider} ${os.release} boots with cgroup v1, where the kubelet of Kubernetes ${kubernetes.facts.minor} does not start`,
      'take a newer os.release, or Kubernetes 1.34 or older',
    ),
  ]
}

/** https://kubernetes.io/docs/reference/setup-tools/kubeadm/kubeadm-init/#feature-gates : kubeadm stops at any other. */
function featureGates({ kubernetes }: ClusterPlan): readonly Diagnostic[] {
  const { kubeadmGates, minor } = kubernetes.facts
  return Object.keys(kubernetes.featureGates)
    .filter((gate) => !kubeadmGates.includes(gate))
    .map((gate) => {
      const near = didYouMean(gate, kubeadmGates)
      return {
        ...error(
          'blueprint/unknown-feature-gate',
          ['kubernetes', 'featureGates', gate],
          `kubeadm of Kubernetes ${minor} has no feature gate ${gate}, and would stop at it`,
          near === undefined
            ? `it has ${kubeadmGates.join(', ')}; gates of components go under extraArgs: { feature-gates: … } or overrides.kubelet.featureGates`
            : `did you mean ${near}?`,
        ),
        atKey: true,
      }
    })
}

/** A CNI that divides the pod subnet by declaration runs out of parts. */
function podParts(plan: ClusterPlan): readonly Diagnostic[] {
  const { podCidr } = choose(registry.cni, plan.network.cni)
  const without =
    podCidr === undefined ? [] : plan.nodes.filter((node) => podCidr(plan, node.index) === undefined)
  const [first] = without
  if (first === undefined) return []
  return [
    error(
      'blueprint/pod-subnet-too-small',
      ['network', 'podSubnet'],
      `the pod subnet ${plan.network.podSubnet} has no part left for ${without.map(({ name }) => name).join(', ')}`,
      'take a larger pod subnet: every node gets a /24 of its own',
    ),
  ]
}

/** The kubelet refuses to start with labels of Kubernetes' own domains that are not meant for it. */
function restrictedLabels({ nodes, pools }: Blueprint): readonly Diagnostic[] {
  const workers = [
    ...nodes.map(({ role, labels }, index) => ({ role, labels, path: ['nodes', index] as Path })),
    ...(pools ?? []).map(({ labels }, index) => ({ role: 'worker', labels, path: ['pools', index] as Path })),
  ].filter(({ role }) => parseRole(role) === 'worker')
  return workers.flatMap(({ labels, path }) =>
    Object.keys(labels ?? {})
      .filter(kubeletMayNotSet)
      .map((key) => ({
        ...error(
          'blueprint/restricted-label',
          [...path, 'labels', key],
          `a worker may not give itself the label ${key}`,
          'only an administrator sets labels of kubernetes.io; use a domain of your own',
        ),
        atKey: true,
      })),
  )
}

/** A DHCP server would give the address to another machine, some day. https://www.rfc-editor.org/rfc/rfc2131#section-3.1 */
function dhcpRange({ endpoint }: ClusterPlan, { network, nodes }: Blueprint): readonly Diagnostic[] {
  const range = parseRange(network?.dhcpRange ?? '')
  if (network?.dhcpRange === undefined || range === undefined) return []
  const fixed: readonly (readonly [Path, string, string | undefined])[] = [
    [['endpoint', 'address'], 'the endpoint', endpoint.vip],
    ...nodes.map(({ name, address }, index) => [['nodes', index, 'address'], name, address] as const),
  ]
  return fixed.flatMap(([path, what, text]) => {
    const address = text === undefined ? undefined : parseAddress(text)
    if (address === undefined || !inRange(range, address)) return []
    return [
      {
        ...warning(
          'blueprint/address-in-dhcp-range',
          path,
          `${what} (${text}) is an address that the DHCP server gives out (${network.dhcpRange})`,
          'take one outside the range, or reserve it in the server and narrow network.dhcpRange',
        ),
        related: [{ path: ['network', 'dhcpRange'], message: 'the range is here' }],
      },
    ]
  })
}

/**
 * The kubelet always pulls `:latest`, and an image without a tag is one; offline there is nowhere to pull from.
 * https://kubernetes.io/docs/concepts/containers/images/#imagepullpolicy-defaulting
 */
function movingTags({ airgap, files }: Blueprint): readonly Diagnostic[] {
  if (airgap?.enabled !== true) return []
  const warn = (path: Path, reference: string) =>
    warning(
      'blueprint/moving-tag-offline',
      path,
      `the kubelet pulls ${reference} at every start, and offline there is nothing to pull from`,
      'name a version, such as :1.2.3, or a digest',
    )
  const named = (airgap.images ?? []).flatMap((reference, index) =>
    moves(reference) ? [warn(['airgap', 'images', index], reference)] : [],
  )
  const inFiles = (files ?? []).flatMap(({ content = '' }, index) =>
    [...content.matchAll(/(?:^|[{,])[\s-]*image:\s*["']?([^\s"'#{},]+)/gm)]
      .map(([, reference = '']) => reference)
      .filter(moves)
      .map((reference) => warn(['files', index, 'content'], reference)),
  )
  return [...named, ...inFiles]
}

function moves(reference: string): boolean {
  const [, tag] = reference.slice(reference.lastIndexOf('/') + 1).split(':')
  return !reference.includes('@') && (tag === undefined || tag === 'latest')
}

/** https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#noderestriction */
function kubeletMayNotSet(key: string): boolean {
  const domain = key.split('/')[0] ?? ''
  const reserved = key.includes('/') && /(^|\.)(kubernetes|k8s)\.io$/.test(domain)
  if (!reserved) return false
  const allowed = [
    'kubernetes.io/hostname',
    'kubernetes.io/os',
    'kubernetes.io/arch',
    'node.kubernetes.io/instance-type',
    'beta.kubernetes.io/instance-type',
    'beta.kubernetes.io/os',
    'beta.kubernetes.io/arch',
    'failure-domain.beta.kubernetes.io/region',
    'failure-domain.beta.kubernetes.io/zone',
    'topology.kubernetes.io/region',
    'topology.kubernetes.io/zone',
  ]
  return !allowed.includes(key) && !/(^|\.)(kubelet|node)\.kubernetes\.io$/.test(domain)
}
