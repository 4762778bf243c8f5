/** What first boot reads under /etc/leaven: the data of one group. The program that reads it is boot/leaven. */

import type { FileSpec, SecretJson } from '../model/contribution.ts'
import type { ClusterPlan, NodePlan } from '../model/plan.ts'
import type { ClusterSecrets } from '../model/secrets.ts'
import * as registry from '../registry.ts'
import { choose } from './cluster.ts'
import type { GroupSketch } from './group.ts'
import { keyFiles } from './keys.ts'
import type { Merged } from './merge.ts'

export function bootFiles(
  plan: ClusterPlan,
  group: GroupSketch,
  merged: Merged,
  secrets: ClusterSecrets,
): readonly FileSpec[] {
  const { bootstrap } = plan
  const install = !bootstrap.prebaked
  const table = (name: string, rows: readonly (readonly (string | undefined)[])[]): FileSpec =>
    lines(
      `/etc/leaven/${name}`,
      rows.map((row) => row.map((cell) => cell || '-').join('\t')),
    )
  const files: readonly FileSpec[] = [
    {
      path: '/etc/leaven/node.env',
      mode: 0o600,
      body: { kind: 'env', values: nodeEnvironment(plan, group, merged) },
    },
    table('nodes', nodeRows(plan, group)),
    table(
      'fill',
      merged.fill.map((entry) => [entry.phase, entry.source, entry.destination, octal(entry.mode)]),
    ),
    table(
      'services',
      merged.services.map((entry) => [entry.phase, entry.unit]),
    ),
    table(
      'ports',
      plan.manageFirewall
        ? [
            ...merged.ports.map((entry) => [entry.protocol, entry.port, entry.purpose]),
            // Firewalls drop what they forward unless told: pods would reach nothing.
            ['source', plan.network.podSubnet, 'pods'],
          ]
        : [],
    ),
    lines('/etc/leaven/images', plan.airgapped ? merged.images.map((image) => image.reference) : []),
    table('packages', install ? merged.packages.map((entry) => [entry.name, entry.version]) : []),
    table(
      'repositories',
      install
        ? merged.repositories.map((entry) => [
            entry.id,
            entry.kind,
            entry.url,
            entry.suite,
            entry.components,
            entry.keyUrl,
          ])
        : [],
    ),
    table('downloads', install ? merged.downloads.map(downloadRow) : []),
    ...keyFiles(plan, group, secrets),
    lines('/etc/modules-load.d/leaven.conf', merged.modules),
    lines(
      '/etc/sysctl.d/90-leaven.conf',
      Object.entries(merged.sysctl).map(([key, value]) => `${key} = ${value}`),
    ),
    ...(group.role === 'control-plane' ? addonFiles(merged) : []),
    { path: '/usr/local/sbin/leaven', mode: 0o755, body: { kind: 'asset', name: 'boot/leaven' } },
    {
      path: '/etc/systemd/system/leaven.service',
      mode: 0o644,
      body: { kind: 'asset', name: 'boot/leaven.service' },
    },
    // A power cut during cloud-init loses runcmd; this file pulls the unit in on the next boot.
    lines('/etc/systemd/system/multi-user.target.d/leaven.conf', ['[Unit]', 'Wants=leaven.service']),
  ]
  return files.filter(({ body }) => body.kind !== 'lines' || body.lines.length > 0)
}

function lines(path: string, content: readonly string[]): FileSpec {
  return { path, mode: 0o644, body: { kind: 'lines', lines: content } }
}

function octal(mode: number): string {
  return mode.toString(8).padStart(4, '0')
}

/** The group's own nodes, and always every control plane: peers to look for, names to resolve. */
function nodeRows(plan: ClusterPlan, group: GroupSketch): readonly (readonly (string | undefined)[])[] {
  const cni = choose(registry.cni, plan.network.cni)
  return plan.nodes
    .filter((node) => node.role === 'control-plane' || group.nodes.includes(node))
    .map((node: NodePlan) => [
      node.name,
      node.role,
      node.address,
      node.mac,
      Object.entries(node.labels)
        .map(([key, value]) => `${key}=${value}`)
        .join(','),
      node.taints.map(({ key, value = '', effect }) => `${key}=${value}:${effect}`).join(','),
      cni.podCidr?.(plan, node.index),
    ])
}

function downloadRow({
  url,
  checksum,
  destination,
  mode,
  stripComponents,
}: Merged['downloads'][number]): readonly string[] {
  const sum = 'sha256' in checksum ? checksum.sha256 : `sha256-url:${checksum.sha256Url}`
  return [
    url,
    sum,
    destination,
    octal(mode),
    stripComponents === undefined ? 'file' : `tar:${stripComponents}`,
  ]
}

function addonFiles({ addons }: Merged): readonly FileSpec[] {
  return addons.flatMap(({ order, name, manifest, files, kustomization }) => {
    const folder = `/etc/leaven/addons/${String(order).padStart(2, '0')}-${name}`
    const yaml = (file: string, documents: readonly SecretJson[]): FileSpec => ({
      path: `${folder}/${file}`,
      mode: 0o644,
      body: { kind: 'secret-yaml', documents },
    })
    return [
      ...Object.entries(files).map(([file, documents]) => yaml(file, documents)),
      ...(kustomization === undefined ? [] : [yaml('kustomization.yaml', [kustomization])]),
      ...(manifest === undefined
        ? []
        : [
            lines(`${folder}/manifest.url`, [
              [manifest.url, manifest.sha256 ?? '-', manifest.file].join('\t'),
            ]),
          ]),
    ]
  })
}

/** Every variable is always there, possibly empty: the program runs under `set -u`. */
export function nodeEnvironment(
  plan: ClusterPlan,
  group: GroupSketch,
  merged: Merged,
): Readonly<Record<string, string>> {
  const { kubernetes, endpoint, bootstrap, runtime, network } = plan
  const flag = (value: boolean) => (value ? '1' : '0')
  const ignored = [
    ...bootstrap.ignorePreflight,
    ...(merged.kubeadm.ignorePreflight ?? []),
    // Our static pods lie there before kubeadm runs; only old kubeadm minds (kubernetes#104942).
    ...(kubernetes.facts.supports.manifestsDirPreflight ? ['DirAvailable--etc-kubernetes-manifests'] : []),
  ]
  return {
    LEAVEN_FORMAT: '1',
    LEAVEN_CLUSTER: plan.name,
    LEAVEN_ROLE: group.role,
    LEAVEN_GROUP: group.name,
    LEAVEN_DECLARED: flag(group.pool === undefined),
    LEAVEN_KUBERNETES_VERSION: kubernetes.version,
    LEAVEN_ENDPOINT_HOST: endpoint.host,
    LEAVEN_ENDPOINT_ADDRESS: endpoint.address ?? '',
    LEAVEN_ENDPOINT_PORT: String(endpoint.port),
    LEAVEN_ENDPOINT_VIP: endpoint.vip ?? '',
    LEAVEN_INTERFACE: endpoint.interface,
    LEAVEN_API_PORT: String(kubernetes.apiPort),
    LEAVEN_CRI_SOCKET: runtime.socket,
    LEAVEN_SANDBOX_IMAGE: runtime.sandboxImage,
    LEAVEN_RUNTIME_UNIT: runtime.unit,
    LEAVEN_IGNORE_PREFLIGHT: [...new Set(ignored)].join(','),
    LEAVEN_SERIALIZE_JOINS: flag(!kubernetes.facts.supports.etcdLearner),
    LEAVEN_TAKEOVER: flag(bootstrap.takeover),
    LEAVEN_PREBAKED: flag(bootstrap.prebaked),
    LEAVEN_OFFLINE: flag(plan.airgapped),
    LEAVEN_SWAP: bootstrap.swap,
    LEAVEN_BLOCK_METADATA: flag(bootstrap.blockMetadata),
    LEAVEN_DNS_DOMAIN: network.dnsDomain,
    LEAVEN_SPREAD_DNS: flag(plan.nodes.length > 1),
    LEAVEN_CLOUD: plan.cloud.provider,
    LEAVEN_NODE_NAME_SOURCE:
      group.pool === undefined
        ? 'declared'
        : choose(registry.cloud, plan.cloud.provider).nodeName === 'imds-local-hostname'
          ? 'imds-local-hostname'
          : 'hostname',
    LEAVEN_BAKED_EXPECT: `kubernetes=${kubernetes.version} containerd=${runtime.version}`,
    LEAVEN_TIMEOUT_CLOCK: String(bootstrap.timeouts.clock),
    LEAVEN_TIMEOUT_API: String(bootstrap.timeouts.api),
    LEAVEN_SILENCE: String(bootstrap.timeouts.silence),
    LEAVEN_TOKEN_EXPIRES_HINT: bootstrap.tokenTTL,
    ...merged.env,
  }
}
