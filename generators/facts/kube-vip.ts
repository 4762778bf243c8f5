/** What differs between versions of kube-vip, as the static pod of a control plane needs it. */
import facts from './kube-vip.json' with { type: 'json' }
import { compareVersions, inRange, parseVersion } from './version.ts'

export interface KubeVipFacts {
  readonly version: string
  /** `ghcr.io/kube-vip/kube-vip:v1.0.3` */
  readonly image: string
  /** Where it looks for a kubeconfig inside its container, in every version. */
  readonly kubeconfigPath: '/etc/kubernetes/admin.conf'
  /** Name of the variable that holds the prefix length of the VIP. */
  readonly subnetVariable: 'vip_cidr' | 'vip_subnet'
  readonly capabilities: readonly ['NET_ADMIN', 'NET_RAW']
  /** Its own defaults, in seconds: how long a dead holder keeps the VIP. */
  readonly lease: { readonly duration: number; readonly renewDeadline: number; readonly retryPeriod: number }
  readonly supports: {
    /** `cp_detect`: finds the local API server by its certificate. */
    readonly cpDetect: boolean
    /** `vip_nodename`; without it the node's name is taken from the hostname. */
    readonly nodeName: boolean
    /** `kubernetes_addr`; without it `https://kubernetes:<port>` is called, so that name must mean this node. */
    readonly kubernetesAddress: boolean
    /** `k8s_config_file` with any path. */
    readonly configFile: boolean
    /** Works with `drop: [ALL]`, as its own manifest has it. */
    readonly dropsCapabilities: boolean
  }
  /** A known fault of exactly this version. */
  readonly defect: { readonly refuse: boolean; readonly what: string; readonly source: string } | undefined
  /** Newer than the newest version that we know. */
  readonly beyondKnown: boolean
}

/** One for all Kubernetes minors: leases and TLS are all that it uses of the API. */
export const defaultKubeVipVersion: string = facts.default

/** Facts of `1.0.3` or `v1.0.3`; undefined when it is no full version or one that we know nothing of. */
export function lookupKubeVip(version: string): KubeVipFacts | undefined {
  if (parseVersion(version)?.length !== 3) return undefined
  const series = facts.series.find((candidate) => inRange(version, candidate))
  if (series === undefined) return undefined
  const plain = version.replace(/^v/, '')
  return {
    version: plain,
    image: `${facts.image}:v${plain}`,
    kubeconfigPath: '/etc/kubernetes/admin.conf',
    subnetVariable: series.subnetVariable === 'vip_cidr' ? 'vip_cidr' : 'vip_subnet',
    capabilities: ['NET_ADMIN', 'NET_RAW'],
    lease: series.lease,
    supports: series.supports,
    defect: facts.defects.find((defect) => defect.version === plain),
    beyondKnown: compareVersions(plain, facts.latestKnown) > 0,
  }
}
