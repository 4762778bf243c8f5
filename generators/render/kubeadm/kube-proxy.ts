/** KubeProxyConfiguration of the whole cluster. https://kubernetes.io/docs/reference/config-api/kube-proxy-config.v1alpha1/ */
import type { JsonObject } from '../../model/json.ts'
import { compact } from '../../model/json.ts'

export interface KubeProxyOptions {
  readonly mode: 'iptables' | 'ipvs' | 'nftables'
  /** ipvs binds service addresses to a NIC; strict ARP keeps it from answering for a VIP that is elsewhere. */
  readonly strictARP?: boolean
  /** Connections tracked per core, and at least; 0 leaves the kernel's own value (in containers it cannot be set). */
  readonly conntrack?: { readonly maxPerCore: number; readonly min: number }
}

export function kubeProxyConfiguration({ mode, strictARP, conntrack }: KubeProxyOptions): JsonObject {
  return compact({
    apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
    kind: 'KubeProxyConfiguration',
    mode,
    conntrack: conntrack && { ...conntrack },
    ipvs: mode === 'ipvs' && strictARP === true ? { strictARP } : undefined,
  })
}
