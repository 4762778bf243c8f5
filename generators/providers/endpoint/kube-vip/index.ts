import { defaultKubeVipVersion, type KubeVipFacts, lookupKubeVip } from '../../../facts/kube-vip.ts'
import { parseAddress } from '../../../model/address.ts'
import { type Diagnostic, error, warning } from '../../../model/diagnostic.ts'
import { identityFolder } from '../../../model/node-paths.ts'
import type { ClusterPlan } from '../../../model/plan.ts'
import { kubeconfigOfFiles } from '../../../secrets/kubeconfig.ts'
import type { EndpointProvider } from '../../provider.ts'
import { imageOf, kubeconfigFile, staticPod } from './manifest.ts'
import { type KubeVipOptions, optionsSchema, readOptions } from './options.ts'

const source = '/etc/leaven/manifests/kube-vip.yaml'

export const kubeVip: EndpointProvider = {
  name: 'kube-vip',
  summary: 'A VIP held by a static pod on the control planes, by ARP or BGP.',
  options: optionsSchema,
  floating: true,
  needsArp: (options) => readOptions(options).mode === 'arp',
  defaultPort: 6443,
  addressOptional: false,
  rules: (plan) => {
    const options = readOptions(plan.endpoint.options)
    return [...version(options), ...port(plan), ...lease(options), ...bgp(options)]
  },
  contribute: (plan, { role }) => {
    const options = readOptions(plan.endpoint.options)
    const facts = lookupKubeVip(options.version)
    if (role !== 'control-plane' || facts === undefined) return {}
    const ownKubeconfig = kubeconfigOfFiles({
      cluster: plan.name,
      user: 'kube-vip',
      // Itself, not the VIP that it is about to bring up; the certificate is asked for by a name that it always has.
      server: `https://127.0.0.1:${plan.kubernetes.apiPort}`,
      tlsServerName: 'kubernetes',
      caFile: `${identityFolder}/ca.crt`,
      certificateFile: `${identityFolder}/client.crt`,
      keyFile: `${identityFolder}/client.key`,
    })
    return {
      files: [
        { path: kubeconfigFile, mode: 0o600, body: { kind: 'yaml', documents: [ownKubeconfig] } },
        {
          path: source,
          mode: 0o600,
          body: { kind: 'secret-yaml', documents: [staticPod(plan, facts, options)] },
        },
      ],
      fill: [
        {
          phase: 'control-plane',
          source,
          destination: '/etc/kubernetes/manifests/kube-vip.yaml',
          mode: 0o600,
        },
      ],
      images: [{ reference: imageOf(facts, options), why: "the API server's VIP" }],
    }
  },
}

function version({ version }: KubeVipOptions): readonly Diagnostic[] {
  const path = ['endpoint', 'version']
  const facts = lookupKubeVip(version)
  const use = `use ${defaultKubeVipVersion}`
  if (facts === undefined)
    return [error('kube-vip/unknown-version', path, `kube-vip ${version} is no version that we know`, use)]
  return [...unusable(facts, use), ...beyond(facts)]
}

function unusable({ version, supports, defect }: KubeVipFacts, use: string): readonly Diagnostic[] {
  const path = ['endpoint', 'version']
  if (defect?.refuse)
    return [
      error(
        'kube-vip/broken-version',
        path,
        `kube-vip ${version} does not work: ${defect.what}`,
        `${use}; see ${defect.source}`,
      ),
    ]
  if (supports.kubernetesAddress && supports.nodeName) return []
  return [
    error(
      'kube-vip/too-old',
      path,
      `kube-vip ${version} cannot be told where this node's API server is`,
      // Its hostAliases entry is not there when a static pod starts: https://github.com/kubernetes/kubernetes/issues/122420
      `${use}, or at least 0.8.0`,
    ),
  ]
}

function beyond({ version, beyondKnown }: KubeVipFacts): readonly Diagnostic[] {
  if (!beyondKnown) return []
  return [
    warning(
      'kube-vip/version-beyond-known',
      ['endpoint', 'version'],
      `kube-vip ${version} is newer than any version that we know`,
      'its settings may have changed; compare with `kube-vip manifest pod`',
    ),
  ]
}

function port({ endpoint, kubernetes }: ClusterPlan): readonly Diagnostic[] {
  if (endpoint.port === kubernetes.apiPort) return []
  return [
    error(
      'kube-vip/port-not-served',
      ['endpoint', 'port'],
      `nothing listens on ${endpoint.port} of the VIP: kube-vip moves an address, and the API servers listen on ${kubernetes.apiPort}`,
      `leave endpoint.port out, or set kubernetes.apiServer.port: ${endpoint.port}, too`,
    ),
  ]
}

/** https://pkg.go.dev/k8s.io/client-go/tools/leaderelection#NewLeaderElector */
function lease({ lease: { duration, renewDeadline, retryPeriod } }: KubeVipOptions): readonly Diagnostic[] {
  if (duration > renewDeadline && renewDeadline > retryPeriod * 1.2) return []
  return [
    error(
      'kube-vip/lease-order',
      ['endpoint', 'lease'],
      `a lease of ${duration} s, renewed within ${renewDeadline} s and retried every ${retryPeriod} s cannot be held`,
      'duration has to be longer than renewDeadline, and that longer than 1.2 × retryPeriod',
    ),
  ]
}

function bgp({ mode, bgp }: KubeVipOptions): readonly Diagnostic[] {
  const path = ['endpoint', 'bgp']
  if (mode === 'bgp' && bgp === undefined)
    return [
      error(
        'kube-vip/bgp-missing',
        ['endpoint', 'mode'],
        'mode bgp needs to know the routers',
        'add endpoint.bgp with localAS and peers',
      ),
    ]
  if (mode === 'arp' && bgp !== undefined)
    return [
      error(
        'kube-vip/bgp-unused',
        path,
        'endpoint.bgp is given, but the mode is arp',
        'add mode: bgp, or remove bgp',
      ),
    ]
  return (bgp?.peers ?? []).flatMap(({ address }, index) =>
    parseAddress(address) === undefined
      ? [
          error(
            'kube-vip/bad-peer',
            [...path, 'peers', index, 'address'],
            `${address} is not an IP address`,
            'kube-vip takes no names here',
          ),
        ]
      : [],
  )
}
