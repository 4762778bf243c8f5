/**
 * Facts of Kubernetes as data, and the one place where its versions are compared.
 * Callers ask for what they need (`facts.supports.x`, `facts.images.etcd`), never for a number.
 * The table is read by an effect, which lists `generators/facts/kubernetes/`, and is passed in.
 */
import { compareVersions, type VersionRange } from './version.ts'

export type KubeadmApi = 'v1beta2' | 'v1beta3' | 'v1beta4'

/** Named after the feature; decided in the JSON of each minor. */
export interface KubernetesSupports {
  /** `kubeadm join` refuses a manifests folder that already holds a static pod. */
  readonly manifestsDirPreflight: boolean
  /** Control planes join etcd as learners by default, so that several may join at once. */
  readonly etcdLearner: boolean
  /** Its etcd takes `--experimental-*` flags (3.5 and older). */
  readonly etcdExperimentalFlags: boolean
  /** kubeadm's etcd asks for ephemeral storage. */
  readonly etcdStorageRequest: boolean
  /** admin.conf has its rights by RBAC; super-admin.conf exists on the init node. */
  readonly superAdminConf: boolean
  /** kubeadm's gate ControlPlaneKubeletLocalMode exists and may be set. */
  readonly localModeGate: boolean
  /** kubeadm patches can target `kubeletconfiguration`. */
  readonly kubeletConfigurationPatches: boolean
  /** `kubeadm config validate` */
  readonly configValidate: boolean
  /** kube-proxy mode nftables is GA. */
  readonly nftablesProxy: boolean
  readonly ipvsDeprecated: boolean
  /** The kubelet does not start on a cgroup v1 host unless told to. */
  readonly cgroupV1Refused: boolean
  /** The kubelet speaks CRI v1; before, only v1alpha2, which containerd 2 no longer has. */
  readonly criV1: boolean
  /** The kubelet speaks nothing but CRI v1, which containerd has from 1.6 on. */
  readonly criV1Only: boolean
  /** IPv4 and IPv6 together without a feature gate. */
  readonly dualStack: boolean
  /** The kubelet can be told to live with swap that pods may use (NodeSwap on by default). */
  readonly nodeSwap: boolean
  /** Every patch's `kubeadm join --control-plane` reads an ECDSA sa.key; older ones insist on RSA. */
  readonly ecdsaServiceAccountKey: boolean
  /** kubeadm's CoreDNS prefers nodes that run none of it. */
  readonly corednsAntiAffinity: boolean
}

/** Images of a range of patches; `to` of the last range is the latest patch that we know. */
export interface PatchRange {
  readonly from: number
  readonly to: number
  readonly etcd: string
  readonly coredns: string
  readonly registry: string
}

/** One file `generators/facts/kubernetes/<minor>.json`; the schema beside this file says each field. */
export interface KubernetesMinor {
  /** For editors. */
  readonly $schema?: string
  readonly minor: string
  readonly endOfLife: string
  readonly kubeadmApi: KubeadmApi
  /** Tag of the sandbox image. */
  readonly pause: string
  readonly patches: readonly PatchRange[]
  /** Path of CoreDNS below kubeadm's default registry; below any other registry it is `coredns`. */
  readonly corednsPath: 'coredns' | 'coredns/coredns'
  readonly packages: 'pkgs.k8s.io' | 'binaries'
  readonly containerd: { readonly supported: readonly VersionRange[]; readonly default: string }
  /** For installs from binaries. */
  readonly tools: { readonly crictl: string; readonly cniPlugins: string }
  /** What kubeadm puts on control planes. */
  readonly controlPlane: { readonly labels: readonly string[]; readonly taints: readonly string[] }
  /** kubeadm's own feature gates; any other makes kubeadm fail. */
  readonly kubeadmGates: readonly string[]
  readonly supports: KubernetesSupports
  readonly sources: readonly Source[]
}

export interface Source {
  readonly url: string
  /** When it was read, `YYYY-MM-DD`. */
  readonly date: string
  readonly what: string
}

/** Keyed by minor, `1.31`. */
export type KubernetesTable = Readonly<Record<string, KubernetesMinor>>

/** Everything that is decided once the exact version is. */
export interface KubernetesFacts
  extends Omit<KubernetesMinor, '$schema' | 'pause' | 'patches' | 'corednsPath' | 'sources'> {
  /** `1.31.4` */
  readonly version: string
  readonly patch: number
  readonly latestKnownPatch: number
  /** Only the minor was asked for: the patch is the latest that we know. */
  readonly patchChosen: boolean
  /** The patch is newer than we know; its images are those of the latest known patch. */
  readonly beyondKnown: boolean
  readonly images: {
    /** kubeadm's default registry for this patch. */
    readonly registry: string
    readonly etcd: string
    readonly coredns: { readonly path: string; readonly tag: string }
    readonly pause: string
  }
}

export type KubernetesLookup =
  | { readonly ok: true; readonly facts: KubernetesFacts }
  | {
      readonly ok: false
      /** `unknown`: between known minors, but no file. */
      readonly problem: 'malformed' | 'prerelease' | 'too-old' | 'too-new' | 'unknown'
      readonly known: readonly string[]
    }

const versionPattern =
  /^v?(0|[1-9]\d{0,3})\.(0|[1-9]\d{0,3})(?:\.(0|[1-9]\d{0,3}))?(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$/

/**
 * The facts of one version: `1.31.4`, `v1.31.4`, or `1.31` for its latest known patch.
 * A patch that was never released inside a known range cannot be told from a real one.
 */
export function lookupKubernetes(table: KubernetesTable, version: string): KubernetesLookup {
  const known = knownMinors(table)
  const match = versionPattern.exec(version)
  if (match === null) return { ok: false, problem: 'malformed', known }
  if (match[4] !== undefined || match[5] !== undefined) return { ok: false, problem: 'prerelease', known }
  const name = `${match[1]}.${match[2]}`
  const minor = Object.hasOwn(table, name) ? table[name] : undefined
  if (minor === undefined) return { ok: false, problem: whyUnknown(name, known), known }
  return { ok: true, facts: factsOf(minor, match[3] === undefined ? undefined : Number(match[3])) }
}

/** Oldest first. */
export function knownMinors(table: KubernetesTable): readonly string[] {
  return Object.keys(table).toSorted(compareVersions)
}

function factsOf(minor: KubernetesMinor, asked: number | undefined): KubernetesFacts {
  const { $schema: _schema, pause, patches, corednsPath, sources: _sources, ...shared } = minor
  const last = patches.at(-1)
  if (last === undefined) throw new RangeError(`facts of ${minor.minor} have no patch range`)
  const patch = asked ?? last.to
  const range = patches.find((candidate) => patch >= candidate.from && patch <= candidate.to) ?? last
  return {
    ...shared,
    version: `${minor.minor}.${patch}`,
    patch,
    latestKnownPatch: last.to,
    patchChosen: asked === undefined,
    beyondKnown: patch > last.to,
    images: {
      registry: range.registry,
      etcd: range.etcd,
      coredns: { path: corednsPath, tag: range.coredns },
      pause,
    },
  }
}

function whyUnknown(minor: string, known: readonly string[]): 'too-old' | 'too-new' | 'unknown' {
  const [oldest, newest] = [known.at(0), known.at(-1)]
  if (oldest !== undefined && compareVersions(minor, oldest) < 0) return 'too-old'
  if (newest !== undefined && compareVersions(minor, newest) > 0) return 'too-new'
  return 'unknown'
}
