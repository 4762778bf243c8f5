/** Modules and settings that containers and kube-proxy need of any kernel. */
import type { ClusterPlan } from '../../model/plan.ts'
import type { Release } from './release.ts'

/** https://kubernetes.io/docs/setup/production-environment/container-runtimes/ */
export function modules({ kubernetes }: ClusterPlan, release: Release): readonly string[] {
  const ipvs = ['ip_vs', 'ip_vs_rr', 'ip_vs_wrr', 'ip_vs_sh', release.conntrackModule]
  return ['overlay', 'br_netfilter', ...(kubernetes.proxyMode === 'ipvs' ? ipvs : [])]
}

export function sysctl({ network }: ClusterPlan): Readonly<Record<string, string>> {
  const ipv6 = `${network.podSubnet},${network.serviceSubnet}`.includes(':')
  return {
    'net.ipv4.ip_forward': '1',
    ...(ipv6 ? { 'net.ipv6.conf.all.forwarding': '1' } : {}),
    'net.bridge.bridge-nf-call-iptables': '1',
    'net.bridge.bridge-nf-call-ip6tables': '1',
    // The kernel's 128 instances are used up by some dozen pods that watch files:
    // https://kind.sigs.k8s.io/docs/user/known-issues/#pod-errors-due-to-too-many-open-files
    'fs.inotify.max_user_instances': '8192',
    'fs.inotify.max_user_watches': '524288',
  }
}
