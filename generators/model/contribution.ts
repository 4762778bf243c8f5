/** What a provider may add to a group of nodes. Data only: nothing here is serialised yet. */
import type { Json, JsonObject } from './json.ts'
import type { Secret } from './secret.ts'

/** What a file holds; `render/` turns it into bytes. */
export type Body =
  | { readonly kind: 'yaml'; readonly documents: readonly Json[] }
  | { readonly kind: 'json'; readonly value: Json }
  | { readonly kind: 'toml'; readonly value: JsonObject }
  /** Lines of a format that has no structure of its own (lists, sysctl.d, TSV); a final newline is added. */
  | { readonly kind: 'lines'; readonly lines: readonly string[] }
  /** `NAME='value'` lines, POSIX-quoted, for shells and systemd's EnvironmentFile. */
  | { readonly kind: 'env'; readonly values: Readonly<Record<string, string>> }
  /** One of our Handlebars templates, `<axis>/<provider>/<name>`. */
  | { readonly kind: 'template'; readonly name: string; readonly view: JsonObject }
  | { readonly kind: 'text'; readonly text: string }
  /** A file of ours that is shipped as it is, such as `boot/leaven`. */
  | { readonly kind: 'asset'; readonly name: string }
  | { readonly kind: 'secret'; readonly text: Secret }
  /** YAML whose strings may be Secret; revealed only when the file is rendered. */
  | { readonly kind: 'secret-yaml'; readonly documents: readonly SecretJson[] }

export type SecretJson = Json | Secret | readonly SecretJson[] | { readonly [key: string]: SecretJson }

export interface FileSpec {
  /** Absolute path on the node. */
  readonly path: string
  /** POSIX mode; 0o600 where secret. */
  readonly mode: number
  readonly body: Body
}

/** The step of first boot at which the node copies a file and fills its placeholders. */
export type FillPhase = 'system' | 'runtime' | 'control-plane' | 'worker' | 'finish'

/**
 * A file whose content holds `@NODE_NAME@`, `@NODE_IP@`, `@NODE_INTERFACE@`, `@NODE_PREFIX@` or `@POD_CIDR@`
 * (with dual stack also `@NODE_IPS@` and `@POD_CIDR2@`):
 * all nodes of a group get the same text, and each fills in what only it knows.
 */
export interface FillSpec {
  readonly phase: FillPhase
  /** Under /etc/leaven; may contain `@NODE_NAME@`. */
  readonly source: string
  readonly destination: string
  readonly mode: number
}

export interface ServiceSpec {
  readonly phase: FillPhase
  readonly unit: string
}

/** `port` is `6443`, `2379-2380`, or `-` for protocols without ports. */
export interface PortSpec {
  readonly protocol: 'tcp' | 'udp' | 'vrrp' | 'ipip'
  readonly port: string
  readonly purpose: string
  /** Who has to get through: whoever uses the cluster, its own nodes, or its control planes alone. */
  readonly from: 'anyone' | 'cluster' | 'control-plane'
}

export interface PackageSpec {
  readonly name: string
  /** Version or glob, such as `1.31.4-*`; undefined takes what the repository offers. */
  readonly version?: string
}

export interface RepositorySpec {
  readonly id: string
  readonly kind: 'apt' | 'yum'
  readonly url: string
  readonly suite?: string
  readonly components?: string
  readonly keyUrl: string
}

/** A repository of the distribution itself, and what vouches for it. */
export type BaseRepository = AptBase | YumBase

export interface AptBase {
  readonly kind: 'apt'
  readonly url: string
  readonly suite: string
  readonly components: string
  /** File below /usr/share/keyrings, and the package that brings it. */
  readonly keyring: string
  readonly keyringPackage: string
}

export interface YumBase {
  readonly kind: 'yum'
  readonly id: string
  /** `$basearch` in it is dnf's own variable. */
  readonly url: string
  readonly keyUrl: string
  /** Of every key that may be in that file, 40 hex digits each: where the file comes from then does not matter. */
  readonly fingerprints: readonly string[]
}

export interface DownloadSpec {
  readonly url: string
  /** Hex digest, or where the publisher keeps it; a lock replaces the latter by the former. */
  readonly checksum: { readonly sha256: string } | { readonly sha256Url: string }
  /** File, or folder for an archive. */
  readonly destination: string
  readonly mode: number
  /** Leading path components to drop when the download is a tar archive. */
  readonly stripComponents?: number
}

export interface ContainerImage {
  /** Full reference with registry and tag. */
  readonly reference: string
  /** Why the cluster needs it, for `gen images list`. */
  readonly why: string
}

/** Something that the init node applies once the API answers: `NN-name` decides the order. */
export interface AddonSpec {
  readonly order: number
  readonly name: string
  /** What to fetch beside the kustomization, from the bundle or the URL. */
  readonly manifest?: { readonly url: string; readonly sha256?: string; readonly file: string }
  /** Kustomize patches over the fetched manifest, or whole objects when nothing is fetched. */
  readonly files: Readonly<Record<string, readonly Json[]>>
  readonly kustomization?: JsonObject
}

/** What a provider asks of kubeadm; the plan folds these together. */
export interface KubeadmPatch {
  readonly certSANs?: readonly string[]
  readonly apiServerArgs?: Readonly<Record<string, string>>
  readonly controllerManagerArgs?: Readonly<Record<string, string>>
  readonly kubeProxy?: JsonObject
  readonly kubelet?: JsonObject
  readonly kubeletArgs?: Readonly<Record<string, string>>
  readonly ignorePreflight?: readonly string[]
}

export interface Contribution {
  readonly files?: readonly FileSpec[]
  readonly fill?: readonly FillSpec[]
  readonly services?: readonly ServiceSpec[]
  readonly ports?: readonly PortSpec[]
  readonly packages?: readonly PackageSpec[]
  readonly repositories?: readonly RepositorySpec[]
  readonly downloads?: readonly DownloadSpec[]
  readonly modules?: readonly string[]
  readonly sysctl?: Readonly<Record<string, string>>
  readonly images?: readonly ContainerImage[]
  readonly addons?: readonly AddonSpec[]
  readonly kubeadm?: KubeadmPatch
  /** Further variables of node.env; only the names that the first-boot contract lists. */
  readonly env?: Readonly<Record<string, string>>
  /** Added to the cloud-config's top level, such as `chpasswd` or `ntp`. */
  readonly cloudConfig?: JsonObject
}
