/** What we decided. No optional fields: decided means decided; `undefined` means "does not apply". */

import type { KubernetesFacts } from '../facts/facts.ts'
import type { Family } from './address.ts'
import type { Blueprint, ComponentSpec, ProxyMode, StringMap, Taint } from './blueprint.ts'
import type {
  AddonSpec,
  ContainerImage,
  DownloadSpec,
  FileSpec,
  FillSpec,
  PackageSpec,
  PortSpec,
  RepositorySpec,
  ServiceSpec,
} from './contribution.ts'
import type { JsonObject } from './json.ts'
import type { Role } from './role.ts'

export interface NodePlan {
  readonly name: string
  readonly role: Role
  /** The group whose user-data the node gets. */
  readonly group: string
  /** Undefined: the node gets its address from DHCP. */
  readonly address: string | undefined
  /** Of the other IP family, where one is declared. */
  readonly secondAddress: string | undefined
  readonly mac: string | undefined
  readonly labels: StringMap
  readonly taints: readonly Taint[]
  /** Position among the nodes, 0 first: bridge CNI takes the pod subnet's nth part. */
  readonly index: number
}

/** The cluster-wide decisions that providers see. */
export interface ClusterPlan {
  readonly name: string
  readonly kubernetes: {
    readonly version: string
    readonly imageRepository: string
    /** kubeadm's own default; when different the image path of CoreDNS is flat. */
    readonly customRepository: boolean
    readonly proxyMode: ProxyMode
    readonly apiPort: number
    readonly certSANs: readonly string[]
    readonly apiServer: Required<ComponentSpec>
    readonly controllerManager: Required<ComponentSpec>
    readonly scheduler: Required<ComponentSpec>
    readonly featureGates: Readonly<Record<string, boolean>>
    readonly encryptionAtRest: boolean
    readonly facts: KubernetesFacts
  }
  readonly endpoint: {
    readonly provider: string
    /** What controlPlaneEndpoint names: the DNS name when one is given or needed, else the address. */
    readonly host: string
    /** Undefined when an external load balancer is only known by name. */
    readonly address: string | undefined
    readonly port: number
    /** The address that moves between our own nodes; undefined when it lives elsewhere. */
    readonly vip: string | undefined
    /** `auto`, or the name of the NIC. */
    readonly interface: string
    readonly options: JsonObject
  }
  readonly network: {
    /** With dual stack two, separated by a comma. */
    readonly podSubnet: string
    readonly serviceSubnet: string
    /** Pods, services and nodes have addresses of both IP families. */
    readonly dualStack: boolean
    readonly dnsDomain: string
    readonly dnsAddress: string
    readonly cni: string
    readonly cniOptions: JsonObject
    /** One of each IP family at most. */
    readonly gateways: readonly string[]
    /** Prefix length of the nodes' subnet, in the family of their first addresses. */
    readonly prefix: number
    readonly prefixes: Readonly<Record<Family, number>>
    readonly nameservers: readonly string[]
  }
  readonly os: {
    readonly provider: string
    readonly release: string
    readonly netplan: boolean
    readonly options: JsonObject
  }
  readonly runtime: {
    readonly provider: string
    readonly version: string
    readonly socket: string
    readonly unit: string
    readonly sandboxImage: string
    readonly mirrors: Readonly<Record<string, readonly string[]>>
    readonly insecureRegistries: readonly string[]
    readonly options: JsonObject
  }
  readonly etcd: { readonly topology: string; readonly dataDir: string; readonly extraArgs: StringMap }
  readonly cloud: {
    readonly provider: string
    readonly options: JsonObject
    /** Keys for the seed's meta-data, beside instance-id and local-hostname. */
    readonly metaData: JsonObject
  }
  readonly bootstrap: {
    readonly credential: 'token' | 'certificate'
    /** Go duration, as kubeadm reads it. */
    readonly tokenTTL: string
    readonly keyAlgorithm: 'ecdsa-p256' | 'rsa-2048'
    readonly prebaked: boolean
    readonly takeover: boolean
    readonly swap: 'off' | 'keep'
    readonly blockMetadata: boolean
    readonly ignorePreflight: readonly string[]
    /** Seconds. */
    readonly timeouts: { readonly clock: number; readonly api: number; readonly silence: number }
  }
  readonly airgapped: boolean
  /** Where nodes fetch their bundle when they do not have it. */
  readonly bundle: { readonly url: string; readonly sha256: string } | undefined
  readonly ntpServers: readonly string[]
  readonly proxy:
    | { readonly http: string; readonly https: string; readonly noProxy: readonly string[] }
    | undefined
  readonly manageFirewall: boolean
  /** Where packages and binaries come from; undefined takes the publisher's own. */
  readonly repositories: NonNullable<Blueprint['repositories']>
  readonly overrides: {
    readonly kubeadm: JsonObject
    readonly kubelet: JsonObject
    readonly kubeProxy: JsonObject
    readonly containerd: JsonObject
    readonly cloudConfig: JsonObject
  }
  readonly nodes: readonly NodePlan[]
}

/** Everything one user-data text is made of. All nodes of a group get the same text. */
export interface GroupPlan {
  /** `control-plane`, `workers`, or the pool's name. */
  readonly name: string
  readonly role: Role
  /** Undefined for declared nodes. */
  readonly pool: string | undefined
  readonly labels: StringMap
  readonly taints: readonly Taint[]
  readonly nodes: readonly string[]
  readonly files: readonly FileSpec[]
  readonly fill: readonly FillSpec[]
  readonly services: readonly ServiceSpec[]
  readonly ports: readonly PortSpec[]
  readonly packages: readonly PackageSpec[]
  readonly repositories: readonly RepositorySpec[]
  readonly downloads: readonly DownloadSpec[]
  readonly modules: readonly string[]
  readonly sysctl: StringMap
  readonly images: readonly ContainerImage[]
  readonly addons: readonly AddonSpec[]
  readonly env: StringMap
  readonly cloudConfig: JsonObject
}

/** A machine image of one role. */
export interface ImagePlan {
  readonly role: Role
  /** By their absolute paths in the image. Nothing here is secret, and nothing belongs to one node. */
  readonly files: readonly FileSpec[]
  /** What the archive of this role has to hold. */
  readonly images: readonly ContainerImage[]
}
