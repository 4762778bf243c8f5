/**
 * The hub: what we ask of kubeadm, in one shape that no kubeadm API has. Converters beside this file write
 * it in the words of one API version; nothing else knows those words. It has no serialization concerns.
 * A field that an API cannot express is left out by its converter; `kubeadmFeatures` says which those are.
 */
import type { JsonObject } from '../../model/json.ts'
import type { Secret } from '../../model/secret.ts'

/** In the order given; a name may repeat (only v1beta4 can keep both, older APIs keep the last). */
export interface NameValue {
  readonly name: string
  readonly value: string
}

export interface HostPathMount {
  readonly name: string
  readonly hostPath: string
  readonly mountPath: string
  readonly readOnly?: boolean
  /** As in core/v1 HostPathType. */
  readonly pathType?: 'DirectoryOrCreate' | 'Directory' | 'FileOrCreate' | 'File' | 'Socket'
}

export interface ControlPlaneComponent {
  /** Flags without leading dashes. */
  readonly extraArgs?: readonly NameValue[]
  readonly extraVolumes?: readonly HostPathMount[]
  /** Environment; v1beta4. */
  readonly extraEnvs?: readonly NameValue[]
}

export interface Taint {
  readonly key: string
  readonly value?: string
  readonly effect: 'NoSchedule' | 'PreferNoSchedule' | 'NoExecute'
}

export interface LocalEtcd {
  readonly dataDir: string
  readonly imageRepository?: string
  readonly imageTag?: string
  readonly extraArgs?: readonly NameValue[]
  readonly extraEnvs?: readonly NameValue[]
  readonly serverCertSANs?: readonly string[]
  readonly peerCertSANs?: readonly string[]
}

export interface ExternalEtcd {
  /** `https://host:port` */
  readonly endpoints: readonly string[]
  readonly caFile: string
  readonly certFile: string
  readonly keyFile: string
}

export interface BootstrapToken {
  /** `[a-z0-9]{6}.[a-z0-9]{16}` */
  readonly token: Secret
  /** Go duration; `0s` never expires. */
  readonly ttl: string
  readonly description?: string
  readonly usages: readonly ('signing' | 'authentication')[]
  readonly groups: readonly string[]
}

export type Discovery =
  | {
      readonly by: 'token'
      /** `host:port` */
      readonly apiServerEndpoint: string
      readonly token: Secret
      /** `sha256:<hex>` of the CA's public key. */
      readonly caCertHashes: readonly string[]
      /** For the kubelet's first certificate, when it is not `token`. */
      readonly tlsBootstrapToken?: Secret
    }
  /** A kubeconfig that, unless tlsBootstrapToken is given, brings its own client credential. */
  | { readonly by: 'file'; readonly kubeConfigPath: string; readonly tlsBootstrapToken?: Secret }

export interface NodeRegistration {
  readonly name?: string
  readonly criSocket: string
  readonly kubeletExtraArgs?: readonly NameValue[]
  /** Absent: kubeadm's default for the role. Empty: no taint at all. */
  readonly taints?: readonly Taint[]
  /** v1beta3 and later. */
  readonly imagePullPolicy?: 'Always' | 'IfNotPresent' | 'Never'
  readonly ignorePreflightErrors?: readonly string[]
}

/** Go durations (`5m0s`). Older APIs have a place for the first two only. */
export interface Timeouts {
  readonly controlPlaneComponentHealthCheck?: string
  readonly discovery?: string
  readonly kubeletHealthCheck?: string
  readonly kubernetesAPICall?: string
  readonly etcdAPICall?: string
  readonly tlsBootstrap?: string
}

export interface KubeadmCluster {
  /** Without `v`. */
  readonly kubernetesVersion: string
  readonly clusterName: string
  /** `host:port` */
  readonly controlPlaneEndpoint: string
  readonly certificatesDir?: string
  readonly imageRepository?: string
  readonly dns?: { readonly imageRepository?: string; readonly imageTag?: string }
  readonly networking: {
    /** Comma separated for dual stack. */
    readonly podSubnet?: string
    readonly serviceSubnet?: string
    readonly dnsDomain?: string
  }
  readonly apiServer: ControlPlaneComponent & { readonly certSANs?: readonly string[] }
  readonly controllerManager: ControlPlaneComponent
  readonly scheduler: ControlPlaneComponent
  readonly etcd: { readonly local: LocalEtcd } | { readonly external: ExternalEtcd }
  /** kubeadm's own gates, not the components'. */
  readonly featureGates?: Readonly<Record<string, boolean>>
  /** v1beta4. Go durations. */
  readonly certificateValidityPeriod?: string
  readonly caCertificateValidityPeriod?: string
  /** v1beta4. */
  readonly encryptionAlgorithm?: 'RSA-2048' | 'RSA-3072' | 'RSA-4096' | 'ECDSA-P256'
}

/** Everything both documents of one group of nodes are made from. */
export interface KubeadmHub {
  readonly cluster: KubeadmCluster
  readonly nodeRegistration: NodeRegistration
  /** Present on control planes: where this node's API server listens. Absent: the node joins as a worker. */
  readonly localAPIEndpoint?: { readonly advertiseAddress: string; readonly bindPort: number }
  /** Init only. Empty: kubeadm makes up one token of its own. */
  readonly bootstrapTokens: readonly BootstrapToken[]
  /** Join only. */
  readonly discovery: Discovery
  readonly timeouts: Timeouts
  /** v1beta3 and later. */
  readonly skipPhases?: { readonly init?: readonly string[]; readonly join?: readonly string[] }
  /** v1beta3 and later: a folder of patches for static pods and the kubelet's configuration; kubeadm stops when it is missing. */
  readonly patchesDirectory?: string
  /** KubeletConfiguration and KubeProxyConfiguration, from `kubeletConfiguration()` and `kubeProxyConfiguration()`. */
  readonly kubelet: JsonObject
  readonly kubeProxy: JsonObject
}

/** What one API version can express; ask these, never the version. */
export interface KubeadmFeatures {
  readonly extraEnvs: boolean
  readonly repeatedArgs: boolean
  readonly imagePullPolicy: boolean
  readonly skipPhases: boolean
  readonly patchesDirectory: boolean
  readonly certificateValidity: boolean
  readonly encryptionAlgorithm: boolean
  /** More timeouts than discovery and the control plane's health. */
  readonly allTimeouts: boolean
}
