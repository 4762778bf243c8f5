/** kube-vip as a static pod: what it has to be told, in the words of its version. */
import type { KubeVipFacts } from '../../../facts/kube-vip.ts'
import { parseAddress } from '../../../model/address.ts'
import type { SecretJson } from '../../../model/contribution.ts'
import { identityFolder } from '../../../model/node-paths.ts'
import type { ClusterPlan } from '../../../model/plan.ts'
import { Secret } from '../../../model/secret.ts'
import type { KubeVipOptions, Peer } from './options.ts'

/** In the container it lies where every version looks without being told. */
export const kubeconfigFile = `${identityFolder}/kube-vip.conf`

export function imageOf(facts: KubeVipFacts, { imageRepository }: KubeVipOptions): string {
  return imageRepository === undefined ? facts.image : `${imageRepository}/kube-vip:v${facts.version}`
}

/** The pod; `@NODE_…@` are filled in on the node. */
export function staticPod(plan: ClusterPlan, facts: KubeVipFacts, options: KubeVipOptions): SecretJson {
  const variables = environment(plan, facts, options)
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: 'kube-vip',
      namespace: 'kube-system',
      labels: { 'app.kubernetes.io/name': 'kube-vip' },
    },
    spec: {
      hostNetwork: true,
      priorityClassName: 'system-node-critical',
      containers: [
        {
          name: 'kube-vip',
          image: imageOf(facts, options),
          imagePullPolicy: 'IfNotPresent',
          args: ['manager'],
          env: Object.entries(variables).map(([name, value]) => ({ name, value })),
          securityContext: {
            capabilities: {
              add: [...facts.capabilities],
              ...(facts.supports.dropsCapabilities ? { drop: ['ALL'] } : {}),
            },
          },
          volumeMounts: [
            { name: 'kubeconfig', mountPath: facts.kubeconfigPath, readOnly: true },
            { name: 'identity', mountPath: identityFolder, readOnly: true },
          ],
        },
      ],
      // type File: with none, the runtime would make a folder of a file that is not there yet, and kube-vip would never start.
      volumes: [
        { name: 'kubeconfig', hostPath: { path: kubeconfigFile, type: 'File' } },
        { name: 'identity', hostPath: { path: identityFolder, type: 'Directory' } },
      ],
    },
  }
}

/** Everything is said, defaults too: they moved between versions. */
export function environment(
  { endpoint, kubernetes }: ClusterPlan,
  { subnetVariable }: KubeVipFacts,
  { mode, lease, bgp }: KubeVipOptions,
): Readonly<Record<string, string | Secret>> {
  const vip = endpoint.vip ?? ''
  return {
    address: vip,
    [subnetVariable]: parseAddress(vip)?.kind() === 'ipv6' ? '128' : '32',
    port: String(kubernetes.apiPort),
    cp_enable: 'true',
    cp_namespace: 'kube-system',
    svc_enable: 'false',
    vip_nodename: '@NODE_NAME@',
    // The API server of this node and no other, so that a holder without one cannot renew its lease and gives the VIP up.
    kubernetes_addr: `https://127.0.0.1:${kubernetes.apiPort}`,
    vip_leaderelection: 'true',
    vip_leaseduration: String(lease.duration),
    vip_renewdeadline: String(lease.renewDeadline),
    vip_retryperiod: String(lease.retryPeriod),
    // Its metrics would listen on all addresses.
    prometheus_server: '127.0.0.1:2112',
    ...(mode === 'arp' || bgp === undefined
      ? { vip_arp: 'true', vip_interface: '@NODE_INTERFACE@' }
      : {
          vip_arp: 'false',
          vip_interface: 'lo',
          bgp_enable: 'true',
          bgp_routerid: '@NODE_IP@',
          bgp_as: String(bgp.localAS),
          bgp_peers: peersOf(bgp.peers),
        }),
  }
}

/** `address:as:password:multihop,…` */
function peersOf(peers: readonly Peer[]): string | Secret {
  const text = peers
    .map(({ address, as, password = '', multihop = false }) => {
      const host = address.includes(':') ? `[${address}]` : address
      return `${host}:${as}:${password}:${multihop}`
    })
    .join(',')
  return peers.some(({ password }) => password !== undefined) ? new Secret(text) : text
}
