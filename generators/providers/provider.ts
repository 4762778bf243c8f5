/** The contract of everything that varies. A provider receives decisions and returns data. */
import type { Blueprint } from '../model/blueprint.ts'
import type { Contribution } from '../model/contribution.ts'
import type { Diagnostic } from '../model/diagnostic.ts'
import type { JsonObject } from '../model/json.ts'
import type { ClusterPlan } from '../model/plan.ts'
import type { Role } from '../model/role.ts'
import type { ClusterSecrets } from '../model/secrets.ts'

export type Axis = 'os' | 'runtime' | 'endpoint' | 'etcd' | 'cni' | 'cloud'

/** What a contribution is made for: one role, or one pool of it. */
export interface Target {
  readonly role: Role
  readonly pool: string | undefined
}

export interface Provider {
  /** Also the folder's name. */
  readonly name: string
  /** One line for the field table. */
  readonly summary: string
  /** JSON Schema (draft-07) `properties` of this provider's own options, beside the axis' common ones. */
  readonly options: JsonObject
  /** Which of its own options have to be given. */
  readonly required?: readonly string[]
  /** Problems that only this provider knows of; `plan` is what was decided from `blueprint`. */
  readonly rules?: (plan: ClusterPlan, blueprint: Blueprint) => readonly Diagnostic[]
  /** What it adds to a group's nodes. Secrets go only into files of mode 0600. */
  readonly contribute?: (plan: ClusterPlan, target: Target, secrets: ClusterSecrets) => Contribution
}

/** How the API server is reached. */
export interface EndpointProvider extends Provider {
  /** The endpoint's address moves between our own control planes (a VIP). */
  readonly floating: boolean
  /** Needs layer-2 neighbours that believe gratuitous ARP. */
  readonly needsArp: (options: JsonObject) => boolean
  /** The port that clients use when the blueprint names none. */
  readonly defaultPort: number
  /** `address` may be left out when `name` is given. */
  readonly addressOptional: boolean
}

export interface OsProvider extends Provider {
  readonly releases: Readonly<Record<string, OsRelease>>
  /** Where AWS keeps the publisher's images of a release; undefined for a release that we do not know. */
  readonly amazonImages: (
    release: string,
    architecture: 'x86_64' | 'arm64',
  ) => { readonly owner: string; readonly names: readonly string[] } | undefined
  readonly defaultRelease: string
}

/** The publisher's own machine images on EC2 (commercial regions). */
export interface AmazonImages {
  /** Account that owns them: anybody may give an image such a name. */
  readonly owner: string
  /** Patterns of names as DescribeImages takes them; `{release}`, `{name}` (code name) and `{arch}` are ours. */
  readonly names: readonly string[]
  /** What the publisher calls an architecture of EC2. */
  readonly architectures: Readonly<Record<'x86_64' | 'arm64', string>>
}

export interface OsRelease {
  /** Cgroup hierarchy that the release boots with. */
  readonly cgroup: 'v1' | 'v2'
  /** Kernel `major.minor`. */
  readonly kernel: string
  readonly packageManager: 'apt' | 'yum'
  /** The network-config renderer does not understand `to: default` (cloud-init before 22.3 or ENI). */
  readonly legacyRoutes: boolean
  /** cloud-init renders through netplan, the only renderer that finds a NIC by a pattern of its name. */
  readonly netplan: boolean
  /** The containerd to use when the blueprint names none, where the default is not packaged any more. */
  readonly runtimeVersion?: string
  readonly source: string
}

export interface RuntimeProvider extends Provider {
  readonly socket: string
  readonly unit: string
  /** The version to use for a Kubernetes version when the blueprint names none. */
  readonly defaultVersion: (kubernetes: ClusterPlan['kubernetes']['facts']) => string
}

export interface CniProvider extends Provider {
  /** The nth node's part of the pod subnet, where it is decided by declaration; undefined when there is none left. */
  readonly podCidr?: (plan: ClusterPlan, index: number) => string | undefined
  /** Sysctl, modules and ports come through `contribute`; whether pods get addresses of their own subnets. */
  readonly allocatesNodeCidrs: boolean
  /** Packets leave a node with the addresses of its pods: a cloud that checks sources would drop them. */
  readonly routesPods: (plan: ClusterPlan) => boolean
}

export type UserDataEncoding = 'plain' | 'gzip' | 'gzip+base64' | 'mime'

/** Where the VM lives: limits, encodings, lints. */
export interface CloudProvider extends Provider {
  /** Bytes that the platform takes, counted as `measured`; undefined: no practical limit. */
  readonly userDataLimit: number | undefined
  /** `raw`: the bytes we write. `base64`: their base64 text. */
  readonly measured: 'raw' | 'base64'
  /** Encodings that reach cloud-init intact, preferred first. */
  readonly encodings: readonly UserDataEncoding[]
  /** Neighbours believe gratuitous ARP, so an ARP VIP can work. */
  readonly arp: boolean
  /** How the node learns its name. */
  readonly nodeName: 'declared' | 'imds-local-hostname'
  /** Keys for the seed's meta-data, beside instance-id and local-hostname. */
  readonly metaData?: JsonObject
  /** Public page that states limit and encoding. */
  readonly source: string
}
