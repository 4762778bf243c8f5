/** Blueprint → ClusterPlan: every default of the product in one place, every choice made. */

import { defaultPodSubnet, defaultServiceSubnet } from '../blueprint/addresses.ts'
import { suggestion } from '../blueprint/schema.ts'
import { type KubernetesFacts, type KubernetesTable, lookupKubernetes } from '../facts/facts.ts'
import { familyOf, nthAddress, parseSubnet, splitFamilies } from '../model/address.ts'
import type { Blueprint, BlueprintNode } from '../model/blueprint.ts'
import { type Diagnostic, error, warning } from '../model/diagnostic.ts'
import { compact, type JsonObject } from '../model/json.ts'
import type { ClusterPlan, NodePlan } from '../model/plan.ts'
import { parseRole, type Role } from '../model/role.ts'
import type { EndpointProvider, OsProvider } from '../providers/provider.ts'
import * as registry from '../registry.ts'

export const groupNames: Readonly<Record<Role, string>> = {
  'control-plane': 'control-plane',
  worker: 'workers',
}

/** Decides everything that is the same for all nodes. Only an unknown Kubernetes version makes it impossible. */
export function planCluster(
  blueprint: Blueprint,
  table: KubernetesTable,
): { readonly plan?: ClusterPlan; readonly diagnostics: readonly Diagnostic[] } {
  const { facts, diagnostics } = kubernetesFacts(blueprint, table)
  if (facts === undefined) return { diagnostics }
  const endpoint = choose(registry.endpoint, blueprint.endpoint.provider ?? 'kube-vip')
  const os = choose(registry.os, blueprint.os?.provider ?? 'ubuntu')
  const release = blueprint.os?.release ?? os.defaultRelease
  const found = [...diagnostics, ...unknownRelease(os, release)]
  if (
    blueprint.endpoint.address === undefined &&
    !(endpoint.addressOptional && blueprint.endpoint.name !== undefined)
  )
    return { diagnostics: [...found, noAddress] }
  return {
    plan: {
      name: blueprint.name ?? 'kubernetes',
      kubernetes: kubernetes(blueprint, facts),
      endpoint: endpointOf(blueprint, endpoint),
      network: network(blueprint),
      os: {
        provider: os.name,
        release,
        netplan: os.releases[release]?.netplan ?? false,
        options: ownOptions(blueprint.os, os),
      },
      runtime: runtime(blueprint, facts, os.releases[release]?.runtimeVersion),
      etcd: {
        topology: blueprint.etcd?.topology ?? 'stacked',
        dataDir: blueprint.etcd?.dataDir ?? '/var/lib/etcd',
        extraArgs: blueprint.etcd?.extraArgs ?? {},
      },
      cloud: cloud(blueprint),
      bootstrap: bootstrap(blueprint),
      airgapped: blueprint.airgap?.enabled ?? false,
      bundle: blueprint.airgap?.bundle,
      ntpServers: blueprint.ntp?.servers ?? [],
      proxy: proxy(blueprint),
      manageFirewall: blueprint.firewall?.manage ?? true,
      repositories: blueprint.repositories ?? {},
      overrides: overrides(blueprint),
      nodes: planNodes(blueprint.nodes),
    },
    diagnostics: found,
  }
}

const noAddress = error(
  'blueprint/missing-field',
  ['endpoint'],
  'endpoint lacks address',
  'add address: the address that clients use for the API server',
)

function unknownRelease({ name, releases }: OsProvider, release: string): readonly Diagnostic[] {
  if (Object.hasOwn(releases, release)) return []
  const message = `${name} has no release ${release} that we know`
  return [
    error(
      'blueprint/unknown-release',
      ['os', 'release'],
      message,
      suggestion(release, Object.keys(releases)),
    ),
  ]
}

function endpointOf({ endpoint: written }: Blueprint, provider: EndpointProvider): ClusterPlan['endpoint'] {
  return {
    provider: provider.name,
    host: written.name ?? written.address ?? '',
    address: written.address,
    port: written.port ?? provider.defaultPort,
    vip: provider.floating ? written.address : undefined,
    interface: written.interface ?? 'auto',
    options: ownOptions(written, provider),
  }
}

function overrides({ overrides: written }: Blueprint): ClusterPlan['overrides'] {
  return {
    kubeadm: written?.kubeadm ?? {},
    kubelet: written?.kubelet ?? {},
    kubeProxy: written?.kubeProxy ?? {},
    containerd: written?.containerd ?? {},
    cloudConfig: written?.cloudConfig ?? {},
  }
}

function kubernetesFacts(
  blueprint: Blueprint,
  table: KubernetesTable,
): { facts?: KubernetesFacts; diagnostics: readonly Diagnostic[] } {
  const path = ['kubernetes', 'version']
  const { version } = blueprint.kubernetes
  const found = lookupKubernetes(table, version)
  if (!found.ok) {
    const range = `known: ${found.known.join(', ')}`
    const message: Record<typeof found.problem, string> = {
      malformed: `${version} is not a version of Kubernetes`,
      prerelease: `${version} is a pre-release of Kubernetes, and its images are not settled`,
      'too-old': `Kubernetes ${version} is older than what we know`,
      'too-new': `Kubernetes ${version} is newer than what we know`,
      unknown: `Kubernetes ${version} is a minor that we do not know`,
    }
    return { diagnostics: [error('blueprint/unknown-kubernetes', path, message[found.problem], range)] }
  }
  const { facts } = found
  return {
    facts,
    diagnostics: facts.beyondKnown
      ? [
          warning(
            'blueprint/patch-beyond-known',
            path,
            `Kubernetes ${facts.version} is newer than ${facts.minor}.${facts.latestKnownPatch}, the newest patch that we know`,
            `images are taken to be those of ${facts.minor}.${facts.latestKnownPatch}; compare with kubeadm config images list`,
          ),
        ]
      : [],
  }
}

function kubernetes(blueprint: Blueprint, facts: KubernetesFacts): ClusterPlan['kubernetes'] {
  const { kubernetes: written, nodes, endpoint } = blueprint
  const imageRepository = written.imageRepository ?? 'registry.k8s.io'
  const masters = nodes.filter((node) => parseRole(node.role) === 'control-plane')
  return {
    version: facts.version,
    imageRepository,
    customRepository: !['registry.k8s.io', 'k8s.gcr.io'].includes(imageRepository),
    proxyMode: written.proxyMode ?? (facts.supports.ipvsDeprecated ? 'nftables' : 'ipvs'),
    apiPort: written.apiServer?.port ?? 6443,
    // Whoever reaches an API server by any of its names finds it in the certificate.
    certSANs: unique([
      ...[endpoint.address, endpoint.name].filter((name) => name !== undefined),
      ...masters.map((node) => node.name),
      ...masters.flatMap((node) => addressesOf(node)),
      ...['localhost', '127.0.0.1', '::1'],
      ...(written.apiServer?.certSANs ?? []),
    ]),
    apiServer: { extraArgs: written.apiServer?.extraArgs ?? {} },
    controllerManager: { extraArgs: written.controllerManager?.extraArgs ?? {} },
    scheduler: { extraArgs: written.scheduler?.extraArgs ?? {} },
    featureGates: written.featureGates ?? {},
    encryptionAtRest: written.encryptionAtRest ?? false,
    facts,
  }
}

function network({ network: written, nodes }: Blueprint): ClusterPlan['network'] {
  const podSubnet = splitFamilies(written?.podSubnet ?? defaultPodSubnet)
  const serviceSubnet = splitFamilies(written?.serviceSubnet ?? defaultServiceSubnet)
  const services = parseSubnet(serviceSubnet[0] ?? '')
  const cni = choose(registry.cni, written?.cni?.provider ?? 'calico')
  const own = nodes.flatMap((node) => addressesOf(node)[0] ?? [])[0]
  const usual = { ipv4: 24, ipv6: 64 }
  const family = familyOf(own ?? '') ?? 'ipv4'
  const prefix = written?.prefix ?? usual[family]
  return {
    podSubnet: podSubnet.join(','),
    serviceSubnet: serviceSubnet.join(','),
    dualStack: podSubnet.length > 1,
    dnsDomain: written?.dnsDomain ?? 'cluster.local',
    // kubeadm's GetDNSIP: the tenth address.
    dnsAddress: services === undefined ? '' : nthAddress(services, 10),
    cni: cni.name,
    cniOptions: ownOptions(written?.cni, cni),
    gateways: splitFamilies(written?.gateway ?? '').filter((gateway) => gateway !== ''),
    prefix,
    prefixes: { ...usual, [family]: prefix },
    nameservers: written?.nameservers ?? [],
  }
}

/** The preferred one first. */
function addressesOf({ address }: BlueprintNode): readonly string[] {
  return address === undefined ? [] : splitFamilies(address)
}

function runtime(
  { runtime: written, kubernetes }: Blueprint,
  facts: KubernetesFacts,
  newestPackaged: string | undefined,
): ClusterPlan['runtime'] {
  const provider = choose(registry.runtime, written?.provider ?? 'containerd')
  return {
    provider: provider.name,
    version: written?.version ?? newestPackaged ?? provider.defaultVersion(facts),
    socket: `unix://${provider.socket}`,
    unit: provider.unit,
    // One fact for runtime and kubeadm: two tags mean that an offline node pulls (kubeadm#2851).
    sandboxImage: `${kubernetes.imageRepository ?? 'registry.k8s.io'}/pause:${facts.images.pause}`,
    mirrors: written?.mirrors ?? {},
    insecureRegistries: written?.insecureRegistries ?? [],
    options: ownOptions(written, provider),
  }
}

function cloud({ cloud: written }: Blueprint): ClusterPlan['cloud'] {
  const provider = choose(registry.cloud, written?.provider ?? 'nocloud')
  return {
    provider: provider.name,
    options: ownOptions(written, provider),
    metaData: provider.metaData ?? {},
  }
}

function bootstrap({ bootstrap: written }: Blueprint): ClusterPlan['bootstrap'] {
  return {
    credential: written?.credential ?? 'token',
    tokenTTL: written?.tokenTTL ?? '24h',
    keyAlgorithm: written?.keyAlgorithm ?? 'ecdsa-p256',
    prebaked: written?.prebaked ?? false,
    takeover: written?.takeover ?? false,
    swap: written?.swap ?? 'off',
    blockMetadata: written?.blockMetadata ?? true,
    ignorePreflight: written?.ignorePreflight ?? [],
    timeouts: {
      clock: seconds(written?.timeouts?.clock ?? '60s'),
      api: seconds(written?.timeouts?.api ?? '5m'),
      silence: seconds(written?.timeouts?.silence ?? '10s'),
    },
  }
}

function proxy({ proxy: written }: Blueprint): ClusterPlan['proxy'] {
  const http = written?.http ?? written?.https
  if (http === undefined) return undefined
  return { http, https: written?.https ?? http, noProxy: written?.noProxy ?? [] }
}

/** `1h30m` → 5400 */
export function seconds(duration: string): number {
  const [, hours = '0', minutes = '0', rest = '0'] =
    /^(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?$/.exec(duration) ?? []
  return Number(hours) * 3600 + Number(minutes) * 60 + Number(rest)
}

function planNodes(nodes: readonly BlueprintNode[]): readonly NodePlan[] {
  return nodes.map((node, index) => {
    const role = parseRole(node.role) ?? 'worker'
    return {
      name: node.name,
      role,
      group: groupNames[role],
      address: addressesOf(node)[0],
      secondAddress: addressesOf(node)[1],
      mac: node.mac?.toLowerCase(),
      labels: node.labels ?? {},
      taints: node.taints ?? [],
      index,
    }
  })
}

/** The options that the provider itself declares, as the user gave them. */
function ownOptions(written: object | undefined, provider: { readonly options: JsonObject }): JsonObject {
  const given = (written ?? {}) as Readonly<Record<string, JsonObject[string] | undefined>>
  return compact(Object.fromEntries(Object.keys(provider.options).map((key) => [key, given[key]])))
}

/** Shape checking has refused unknown names, so a miss here is our bug. */
export function choose<Entry extends { readonly name: string }>(
  entries: readonly Entry[],
  name: string,
): Entry {
  const found = entries.find((entry) => entry.name === name)
  if (found === undefined) throw new Error(`no provider ${name}`)
  return found
}

function unique(values: readonly string[]): readonly string[] {
  return [...new Set(values)]
}
