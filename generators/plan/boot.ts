/** What first boot reads under /etc/leaven: the data of one group. The program that reads it is boot/leaven. */

import type { FileSpec, SecretJson } from '../model/contribution.ts'
import type { ClusterPlan, NodePlan } from '../model/plan.ts'
import type { ClusterSecrets } from '../model/secrets.ts'
import * as registry from '../registry.ts'
import { choose } from './cluster.ts'
import { hasRoomToSpread } from './coredns.ts'
import type { GroupSketch } from './group.ts'
import { keyFiles } from './keys.ts'
import type { Merged } from './merge.ts'

export function bootFiles(
  plan: ClusterPlan,
  group: GroupSketch,
  merged: Merged,
  secrets: ClusterSecrets,
): readonly FileSpec[] {
  const files: readonly FileSpec[] = [
    {
      path: '/etc/leaven/node.env',
      mode: 0o600,
      body: { kind: 'env', values: nodeEnvironment(plan, group, merged) },
    },
    lines('/etc/leaven/tables', joined(tables(plan, group, merged))),
    ...keyFiles(plan, group, secrets),
    lines('/etc/modules-load.d/leaven.conf', merged.modules),
    lines(
      '/etc/sysctl.d/90-leaven.conf',
      Object.entries(merged.sysctl).map(([key, value]) => `${key} = ${value}`),
    ),
    ...(group.role === 'control-plane' ? addonFiles(merged) : []),
    // A baked image has them all.
    ...(plan.bootstrap.prebaked
      ? []
      : programs([
          ...(group.role === 'control-plane' ? ['control-plane'] : []),
          ...(nameSource(plan, group) === 'imds-local-hostname' ? ['imds'] : []),
          ...(plan.airgapped ? ['archives', 'bundle'] : []),
        ])),
  ]
  return files.filter(({ body }) => body.kind !== 'lines' || body.lines.length > 0)
}

type Rows = readonly (readonly (string | undefined)[])[]

type Tables = Readonly<Record<string, Rows>>

function joined(tables: Tables): readonly string[] {
  return Object.entries(tables).flatMap(([name, rows]) =>
    rows.map((row) => [name, ...row.map((cell) => cell || '-')].join('\t')),
  )
}

/** What first boot looks up, by the name in front of each row; boot/README.md describes the columns. */
function tables(plan: ClusterPlan, group: GroupSketch, merged: Merged): Tables {
  const install = !plan.bootstrap.prebaked
  const { packages, repositories, downloads } = merged
  return {
    nodes: nodeRows(plan, group),
    fill: merged.fill.map((entry) => [entry.phase, entry.source, entry.destination, octal(entry.mode)]),
    services: merged.services.map((entry) => [entry.phase, entry.unit]),
    ports: plan.manageFirewall
      ? [
          ...merged.ports.map((entry) => [entry.protocol, entry.port]),
          // Firewalls drop what they forward unless told: pods would reach nothing.
          ...plan.network.podSubnet.split(',').map((subnet) => ['source', subnet]),
        ]
      : [],
    images: plan.airgapped ? imageRows(merged) : [],
    // Without a network everything comes from the bundle.
    ...(install
      ? installTables({ packages, repositories: plan.airgapped ? [] : repositories, downloads })
      : {}),
    addons:
      group.role === 'control-plane'
        ? merged.addons.map((addon) => [
            folderOf(addon),
            addon.manifest?.url,
            addon.manifest?.sha256,
            addon.manifest?.file,
          ])
        : [],
  }
}

type Installed = Pick<Merged, 'packages' | 'repositories' | 'downloads'>

function installTables({ packages, repositories, downloads }: Installed): Tables {
  return {
    packages: packages.length > 0 ? [packages.map(packageCell)] : [],
    repositories: repositories.map((entry) => [
      entry.id,
      entry.kind,
      entry.url,
      entry.suite,
      entry.components,
      entry.keyUrl,
    ]),
    downloads: downloads.map(downloadRow),
  }
}

function imageRows({ images }: Pick<Merged, 'images'>): Rows {
  return [...new Set(images.map((image) => image.reference))].map((reference) => [reference])
}

/** The rows of /etc/leaven/tables that a machine image is baked from. */
export function tableLines(baked: Installed & Pick<Merged, 'images' | 'services'>): readonly string[] {
  return joined({
    services: baked.services.map((entry) => [entry.phase, entry.unit]),
    images: imageRows(baked),
    ...installTables(baked),
  })
}

/**
 * The program, its unit, and the parts that are needed: a worker's plain text has no room for what it never does.
 * @param parts names under boot/, sourced by the program
 */
export function programs(parts: readonly string[]): readonly FileSpec[] {
  const program = (path: string, name: string, mode: number): FileSpec => ({
    path,
    mode,
    body: { kind: 'asset', name: `boot/${name}` },
  })
  return [
    program('/usr/local/sbin/leaven', 'leaven', 0o755),
    ...parts.map((name) => program(`/usr/local/lib/leaven/${name}`, name, 0o644)),
    program('/etc/systemd/system/leaven.service', 'leaven.service', 0o644),
    // A power cut during cloud-init loses runcmd; this file pulls the unit in on the next boot.
    lines('/etc/systemd/system/multi-user.target.d/leaven.conf', ['[Unit]', 'Wants=leaven.service']),
  ]
}

export function lines(path: string, content: readonly string[]): FileSpec {
  return { path, mode: 0o644, body: { kind: 'lines', lines: content } }
}

function octal(mode: number): string {
  return mode.toString(8).padStart(4, '0')
}

/** The group's own nodes, and always every control plane: peers to look for, names to resolve. */
function nodeRows(plan: ClusterPlan, group: GroupSketch): Rows {
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
      ...(plan.network.dualStack ? [node.secondAddress] : []),
    ])
}

function packageCell({ name, version }: Merged['packages'][number]): string {
  return version === undefined ? name : `${name}=${version}`
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

function folderOf({ order, name }: Merged['addons'][number]): string {
  return `${String(order).padStart(2, '0')}-${name}`
}

function addonFiles({ addons }: Merged): readonly FileSpec[] {
  return addons.flatMap((addon) => {
    const yaml = (file: string, documents: readonly SecretJson[]): FileSpec => ({
      path: `/etc/leaven/addons/${folderOf(addon)}/${file}`,
      mode: 0o644,
      body: { kind: 'secret-yaml', documents },
    })
    return [
      ...Object.entries(addon.files).map(([file, documents]) => yaml(file, documents)),
      ...(addon.kustomization === undefined ? [] : [yaml('kustomization.yaml', [addon.kustomization])]),
    ]
  })
}

/** Variables that boot/ reads; one that is missing reads as empty. */
export function nodeEnvironment(
  plan: ClusterPlan,
  group: GroupSketch,
  merged: Merged,
): Readonly<Record<string, string>> {
  const { kubernetes, endpoint, bootstrap, runtime } = plan
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
    LEAVEN_DECLARED: flag(group.pool === undefined),
    LEAVEN_KUBERNETES_VERSION: kubernetes.version,
    LEAVEN_ENDPOINT_HOST: endpoint.host,
    LEAVEN_ENDPOINT_ADDRESS: endpoint.address ?? '',
    LEAVEN_ENDPOINT_PORT: String(endpoint.port),
    LEAVEN_ENDPOINT_VIP: endpoint.vip ?? '',
    LEAVEN_INTERFACE: endpoint.interface,
    LEAVEN_CRI_SOCKET: runtime.socket,
    LEAVEN_RUNTIME_UNIT: runtime.unit,
    LEAVEN_IGNORE_PREFLIGHT: [...new Set(ignored)].join(','),
    LEAVEN_PREBAKED: flag(bootstrap.prebaked),
    LEAVEN_SWAP: bootstrap.swap,
    LEAVEN_BLOCK_METADATA: flag(bootstrap.blockMetadata),
    LEAVEN_NODE_NAME_SOURCE: nameSource(plan, group),
    ...(plan.network.dualStack ? { LEAVEN_DUAL_STACK: '1' } : {}),
    LEAVEN_BAKED_EXPECT: bakedFacts(plan, group),
    LEAVEN_TIMEOUT_CLOCK: String(bootstrap.timeouts.clock),
    LEAVEN_TOKEN_EXPIRES_HINT: bootstrap.tokenTTL,
    ...(plan.airgapped && plan.bundle !== undefined
      ? { LEAVEN_BUNDLE_URL: plan.bundle.url, LEAVEN_BUNDLE_SHA256: plan.bundle.sha256 }
      : {}),
    ...(group.role === 'control-plane' ? controlPlaneEnvironment(plan) : {}),
    ...merged.env,
  }
}

/**
 * What /etc/leaven/baked.json of this node's image has to say. Our default of containerd stands for its series, as it does
 * where it is installed. A worker may run on a control plane's image, which holds more.
 */
function bakedFacts({ kubernetes, runtime }: ClusterPlan, { role }: GroupSketch): string {
  const isDefault = runtime.version === kubernetes.facts.containerd.default
  const containerd = isDefault ? runtime.version.split('.').slice(0, 2).join('.') : runtime.version
  const own = role === 'control-plane' ? [`role=${role}`] : []
  return [`kubernetes=${kubernetes.version}`, `containerd=${containerd}`, ...own].join(' ')
}

function controlPlaneEnvironment(plan: ClusterPlan): Readonly<Record<string, string>> {
  const { kubernetes, bootstrap } = plan
  return {
    LEAVEN_API_PORT: String(kubernetes.apiPort),
    LEAVEN_SERIALIZE_JOINS: flag(!kubernetes.facts.supports.etcdLearner),
    LEAVEN_TAKEOVER: flag(bootstrap.takeover),
    LEAVEN_SILENCE: String(bootstrap.timeouts.silence),
    LEAVEN_SPREAD_DNS: flag(hasRoomToSpread(plan)),
  }
}

function nameSource(plan: ClusterPlan, group: GroupSketch): string {
  if (group.pool === undefined) return 'declared'
  return choose(registry.cloud, plan.cloud.provider).nodeName === 'imds-local-hostname'
    ? 'imds-local-hostname'
    : 'hostname'
}

function flag(value: boolean): string {
  return value ? '1' : '0'
}
