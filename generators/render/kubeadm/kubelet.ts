/**
 * KubeletConfiguration of the whole cluster: kubeadm keeps it in a ConfigMap that every joining node reads,
 * so nothing that differs between nodes belongs here. https://kubernetes.io/docs/reference/config-api/kubelet-config.v1beta1/
 */
import type { JsonObject } from '../../model/json.ts'
import { compact } from '../../model/json.ts'

export interface KubeletOptions {
  readonly clusterDNS: readonly string[]
  readonly clusterDomain: string
  /** `off`: the kubelet does not start while swap is on. `unused`: it starts, pods get none. `limited`: burstable pods may use some (needs NodeSwap). */
  readonly swap: 'off' | 'unused' | 'limited'
  /** Absent: kubeadm's own choice, made on the init node. */
  readonly resolvConf?: string
  /** Serving certificates from the cluster's CA; each needs someone to approve its request. */
  readonly serverTLSBootstrap?: boolean
  /** False lets the kubelet start on cgroup v1 where it would refuse; absent where the field is unknown. */
  readonly failCgroupV1?: boolean
}

export function kubeletConfiguration(options: KubeletOptions): JsonObject {
  return compact({
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    // containerd is told the same; two drivers on one systemd host kill pods minutes after a good start.
    cgroupDriver: 'systemd',
    clusterDNS: [...options.clusterDNS],
    clusterDomain: options.clusterDomain,
    failSwapOn: options.swap === 'off',
    memorySwap: options.swap === 'limited' ? { swapBehavior: 'LimitedSwap' } : undefined,
    resolvConf: options.resolvConf,
    rotateCertificates: true,
    serverTLSBootstrap: options.serverTLSBootstrap === true ? true : undefined,
    failCgroupV1: options.failCgroupV1,
  })
}
