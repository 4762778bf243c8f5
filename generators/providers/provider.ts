/** The contract of everything that varies. A provider receives decisions and returns data. */
import type { Blueprint } from '../model/blueprint.ts'
import type { BaseRepository, Body, Contribution } from '../model/contribution.ts'
import type { Diagnostic } from '../model/diagnostic.ts'
import type { JsonObject } from '../model/json.ts'
import type { ClusterPlan } from '../model/plan.ts'
import type { Role } from '../model/role.ts'
import type { ClusterSecrets } from '../model/secrets.ts'

export type Axis = 'os' | 'runtime' | 'endpoint' | 'etcd' | 'cni' | 'cloud' | 'builder'

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
  /** ID in os-release(5). */
  readonly id: string
  /** What nodes have as their package sources before we come; undefined where we cannot tell (subscriptions). */
  readonly baseRepositories?: (plan: ClusterPlan) => readonly BaseRepository[]
  readonly releases: Readonly<Record<string, OsRelease>>
  /** Where AWS keeps the publisher's images of a release; undefined for a release that we do not know. */
  readonly amazonImages: (
    release: string,
    architecture: 'x86_64' | 'arm64',
  ) => { readonly owner: string; readonly names: readonly string[] } | undefined
  readonly defaultRelease: string
  /** What machine images of a release start from, where its publisher offers something. */
  readonly baseImages: Readonly<Record<string, BaseImages>>
  readonly installer: Installer
}

export type Architecture = 'amd64' | 'arm64'
export type Firmware = 'bios' | 'uefi'
type PerArchitecture<Value> = Partial<Readonly<Record<Architecture, Value>>>

/** A file, and the list of digests beside it that the publisher keeps. */
export interface PublishedFile {
  readonly url: string
  readonly checksums: string
}

export interface BaseImages {
  readonly cloudImage: PerArchitecture<PublishedFile>
  readonly installer: PerArchitecture<PublishedFile>
  /** Packages for installers that bring none, down to the release. */
  readonly repository?: string
  /** What their AMIs are like; `amazonImages` says which they are. */
  readonly aws?: { readonly rootDevice: string; readonly user: string }
  readonly gcp?: { readonly project: string; readonly family: PerArchitecture<string> }
  readonly azure?: {
    readonly publisher: string
    readonly offer: PerArchitecture<string>
    readonly sku: PerArchitecture<string>
  }
}

/** What an installer is told. Nothing of it is secret: it travels by HTTP. */
export interface InstallerSettings {
  readonly architecture: Architecture
  /** Type and key without a comment, for root. */
  readonly sshPublicKey: string
  readonly packages: readonly string[]
  readonly repository: string | undefined
  readonly httpProxy: string | undefined
}

/** How a distribution installs itself without anybody at the keyboard. */
export interface Installer {
  readonly name: 'autoinstall' | 'preseed' | 'kickstart'
  /** Keys for Packer's boot_command, which fills in where its HTTP server is. */
  readonly bootCommand: (firmware: Firmware, architecture: Architecture) => readonly string[]
  /** Files below Packer's http_directory, by name. */
  readonly answers: (settings: InstallerSettings) => Readonly<Record<string, Body>>
}

/** What a builder makes its machine from. */
export type Base =
  | { readonly kind: 'cloud-image'; readonly url: string; readonly checksum: string }
  | {
      readonly kind: 'installer'
      readonly url: string
      readonly checksum: string
      readonly bootCommand: readonly string[]
    }
  | {
      readonly kind: 'aws'
      readonly owner: string
      readonly name: string
      /** What the lock has for it. */
      readonly image: string | undefined
      readonly rootDevice: string
      readonly user: string
    }
  | { readonly kind: 'gcp'; readonly project: string; readonly family: string }
  | { readonly kind: 'azure'; readonly publisher: string; readonly offer: string; readonly sku: string }
  /** A template, an image or a machine of the user's, named in the builder's settings. */
  | { readonly kind: 'own' }

export interface Machine {
  readonly architecture: Architecture
  readonly firmware: Firmware
  readonly base: Base
  /** First part of the image's name. */
  readonly name: string
}

/** What Packer makes a machine image with. Its HCL is in packer/<name>/. */
export interface BuilderProvider extends Provider {
  readonly architectures: readonly Architecture[]
  /** What it can boot; empty: the platform or the template decides. */
  readonly firmware: readonly Firmware[]
  readonly base: (options: JsonObject) => Base['kind']
  /** Guest tools without which it does not learn the machine's address. */
  readonly guestPackages?: Readonly<Record<Installer['name'], readonly string[]>>
  /** Environment variables that say who one is there; the first of each group has to be set. */
  readonly environment: readonly string[]
  /** Needs /dev/kvm, a hypervisor or a network that hosted CI runners do not have. */
  readonly runner: 'any' | 'kvm' | 'own'
  /** Packer variables beside its options, whose names follow from theirs. */
  readonly variables: (machine: Machine, options: JsonObject) => JsonObject
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

/** One image to be made. */
export interface MachinePlan {
  readonly role: Role
  readonly builder: BuilderProvider
  /** The builder's settings in the blueprint. */
  readonly options: JsonObject
  readonly machine: Machine
  /** Who logs in while it is made. */
  readonly user: string
}
