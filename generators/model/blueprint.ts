/** What the user wrote, after its shape was checked: everything optional that may be left out. */
import type { Json, JsonObject } from './json.ts'

export interface Blueprint {
  readonly apiVersion: 'leaven/v1'
  readonly kind: 'Cluster'
  readonly name?: string
  readonly kubernetes: {
    readonly version: string
    readonly imageRepository?: string
    readonly proxyMode?: ProxyMode
    readonly apiServer?: ComponentSpec & { readonly certSANs?: readonly string[]; readonly port?: number }
    readonly controllerManager?: ComponentSpec
    readonly scheduler?: ComponentSpec
    readonly featureGates?: Readonly<Record<string, boolean>>
    readonly encryptionAtRest?: boolean
  }
  readonly endpoint: ProviderChoice & {
    readonly address?: string
    readonly port?: number
    readonly name?: string
    readonly interface?: string
  }
  readonly network?: {
    readonly podSubnet?: string
    readonly serviceSubnet?: string
    readonly dnsDomain?: string
    readonly cni?: ProviderChoice
    /** For static addresses in network-config. */
    readonly gateway?: string
    readonly prefix?: number
    readonly nameservers?: readonly string[]
    /** `first-last`: what a DHCP server of the nodes' subnet gives out. */
    readonly dhcpRange?: string
  }
  readonly os?: ProviderChoice & { readonly release?: string }
  readonly runtime?: ProviderChoice & {
    readonly version?: string
    readonly mirrors?: Readonly<Record<string, readonly string[]>>
    readonly insecureRegistries?: readonly string[]
  }
  readonly etcd?: { readonly topology?: string; readonly dataDir?: string; readonly extraArgs?: StringMap }
  readonly cloud?: ProviderChoice
  readonly bootstrap?: {
    readonly credential?: 'token' | 'certificate'
    readonly tokenTTL?: string
    readonly keyAlgorithm?: 'ecdsa-p256' | 'rsa-2048'
    readonly prebaked?: boolean
    readonly takeover?: boolean
    readonly swap?: 'off' | 'keep'
    readonly blockMetadata?: boolean
    readonly ignorePreflight?: readonly string[]
    readonly timeouts?: { readonly clock?: string; readonly api?: string; readonly silence?: string }
  }
  readonly nodes: readonly BlueprintNode[]
  readonly pools?: readonly BlueprintPool[]
  readonly airgap?: {
    readonly enabled?: boolean
    readonly images?: readonly string[]
    readonly bundle?: { readonly url: string; readonly sha256: string }
  }
  readonly ntp?: { readonly servers?: readonly string[] }
  readonly proxy?: { readonly http?: string; readonly https?: string; readonly noProxy?: readonly string[] }
  readonly firewall?: { readonly manage?: boolean; readonly extraPorts?: readonly string[] }
  readonly sysctl?: StringMap
  readonly modules?: readonly string[]
  readonly packages?: readonly string[]
  readonly repositories?: {
    readonly kubernetes?: string
    readonly containerd?: string
    readonly distribution?: string
    readonly binaries?: string
  }
  readonly files?: readonly (BlueprintText & {
    readonly path: string
    readonly template?: boolean
    readonly mode?: string
    readonly roles?: readonly string[]
  })[]
  readonly hooks?: {
    readonly preSystem?: BlueprintText
    readonly preKubeadm?: BlueprintText
    readonly postKubeadm?: BlueprintText
    readonly postDone?: BlueprintText
  }
  readonly users?: readonly JsonObject[]
  readonly mounts?: readonly (readonly string[])[]
  readonly addons?: readonly { readonly name: string; readonly url: string; readonly sha256?: string }[]
  readonly overrides?: {
    readonly kubeadm?: JsonObject
    readonly kubelet?: JsonObject
    readonly kubeProxy?: JsonObject
    readonly containerd?: JsonObject
    readonly cloudConfig?: JsonObject
  }
  readonly bake?: {
    readonly builders?: Readonly<Record<string, JsonObject>>
    readonly sshPublicKey?: string
    readonly firmware?: 'bios' | 'uefi'
    readonly cpus?: number
    readonly memoryMiB?: number
    readonly diskGiB?: number
    readonly cloudImages?: PinnedFiles
    readonly installers?: PinnedFiles
  }
  readonly lint?: { readonly allow?: readonly Allowance[] }
}

/** By processor. */
export type PinnedFiles = Partial<
  Readonly<Record<'amd64' | 'arm64', { readonly url: string; readonly sha256: string }>>
>

/** A warning that is right in general, and not here. */
export interface Allowance {
  readonly code: string
  readonly reason: string
}

export type ProxyMode = 'ipvs' | 'iptables' | 'nftables'
export type StringMap = Readonly<Record<string, string>>

export interface ComponentSpec {
  readonly extraArgs?: StringMap
}

/** A text of the user's: in the blueprint, or in a file beside it. */
export interface BlueprintText {
  readonly content?: string
  /** Relative to the blueprint. */
  readonly file?: string
}

/** One choice on an axis: the provider's name and whatever options it declares. */
export interface ProviderChoice {
  readonly provider?: string
  readonly [option: string]: Json | undefined
}

export interface BlueprintNode {
  readonly name: string
  readonly role: string
  readonly address?: string
  readonly mac?: string
  readonly resources?: Resources
  readonly labels?: StringMap
  readonly taints?: readonly Taint[]
}

export interface BlueprintPool {
  readonly name: string
  readonly role?: string
  readonly maxNodes?: number
  readonly labels?: StringMap
  readonly taints?: readonly Taint[]
}

/** Of one machine; only lints look at them. */
export interface Resources {
  readonly cpus?: number
  readonly memoryGiB?: number
}

export interface Taint {
  readonly key: string
  readonly value?: string
  readonly effect: 'NoSchedule' | 'PreferNoSchedule' | 'NoExecute'
}
