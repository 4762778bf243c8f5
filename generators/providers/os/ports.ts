/** https://kubernetes.io/docs/reference/networking/ports-and-protocols/ */
import type { PortSpec } from '../../model/contribution.ts'
import type { ClusterPlan } from '../../model/plan.ts'
import type { Role } from '../../model/role.ts'

const kubelet: PortSpec = { protocol: 'tcp', port: '10250', purpose: 'kubelet', from: 'cluster' }
const kubeProxy: PortSpec = { protocol: 'tcp', port: '10256', purpose: 'kube-proxy health', from: 'cluster' }

/** What Kubernetes itself listens on; endpoint and CNI add theirs. */
export function ports({ kubernetes, endpoint }: ClusterPlan, role: Role): readonly PortSpec[] {
  const range = kubernetes.apiServer.extraArgs['service-node-port-range'] ?? '30000-32767'
  const nodePorts = (['tcp', 'udp'] as const).map((protocol) => ({
    protocol,
    port: range,
    purpose: 'NodePort services',
    from: 'anyone' as const,
  }))
  if (role === 'worker') return [kubelet, kubeProxy, ...nodePorts]
  return [
    { protocol: 'tcp', port: String(kubernetes.apiPort), purpose: 'API server', from: 'anyone' },
    // The endpoint's own port is open on our nodes only when the address moves between them.
    ...(endpoint.vip !== undefined && endpoint.port !== kubernetes.apiPort
      ? [
          {
            protocol: 'tcp',
            port: String(endpoint.port),
            purpose: 'API server, by the endpoint',
            from: 'anyone',
          } as const,
        ]
      : []),
    { protocol: 'tcp', port: '2379-2380', purpose: 'etcd', from: 'control-plane' },
    kubelet,
    kubeProxy,
    { protocol: 'tcp', port: '10257', purpose: 'controller manager', from: 'control-plane' },
    { protocol: 'tcp', port: '10259', purpose: 'scheduler', from: 'control-plane' },
    // Services of type NodePort answer on every node, control planes too.
    ...nodePorts,
  ]
}
