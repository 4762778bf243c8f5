import { parseAddress } from '../../../model/address.ts'
import type { FileSpec } from '../../../model/contribution.ts'
import { type Diagnostic, error } from '../../../model/diagnostic.ts'
import type { ClusterPlan, NodePlan } from '../../../model/plan.ts'
import type { EndpointProvider } from '../../provider.ts'

const caFile = '/etc/haproxy/leaven-ca.crt'
/** SELinux lets keepalived run anything in this folder unconfined, and nothing of ours elsewhere. */
const checkFile = '/usr/libexec/keepalived/leaven-check'
/** What an unhealthy node's priority loses: more than lies between the first and the last. */
const weight = 50
const highestPriority = 150

export const keepalivedHaproxy: EndpointProvider = {
  name: 'keepalived-haproxy',
  summary: 'A VIP held by keepalived, with HAProxy on every control plane in front of all API servers.',
  options: {
    virtualRouterId: {
      description: "VRRP's number of this VIP; every VIP in one subnet needs its own.",
      type: 'integer',
      minimum: 1,
      maximum: 255,
      default: 51,
      examples: [61],
    },
  },
  floating: true,
  needsArp: () => true,
  // 6443 is taken: HAProxy runs where the API servers run.
  defaultPort: 8443,
  addressOptional: false,
  rules: (plan) => [...portTaken(plan), ...mixedFamilies(plan)],
  contribute: (plan, { role }, secrets) => {
    if (role !== 'control-plane') return {}
    const members = controlPlanes(plan)
    return {
      packages: [{ name: 'haproxy' }, { name: 'keepalived' }, { name: 'curl' }],
      files: [
        {
          path: caFile,
          mode: 0o644,
          body: { kind: 'text', text: secrets.authorities.kubernetes.certificate },
        },
        haproxyConfig(plan, members),
        check(plan),
        ...members.map((member) => keepalivedConfig(plan, member, members)),
        ...units,
      ],
      // Not written in place: the package brings its own haproxy.cfg.
      fill: [
        fill('/etc/leaven/haproxy.cfg', '/etc/haproxy/haproxy.cfg'),
        fill('/etc/leaven/keepalived/@NODE_NAME@.conf', '/etc/keepalived/keepalived.conf'),
      ],
      // Right before kubeadm, whose init already talks to the endpoint.
      services: [
        { phase: 'control-plane', unit: 'haproxy.service' },
        { phase: 'control-plane', unit: 'keepalived.service' },
      ],
      ports: [{ protocol: 'vrrp', port: '-', purpose: 'keepalived', from: 'control-plane' }],
    }
  },
}

/**
 * Binding HAProxy to the VIP alone would not help: kube-apiserver listens on its port on all addresses, so the
 * second to start fails, and which one that is differs from boot to boot.
 */
function portTaken({ endpoint, kubernetes }: ClusterPlan): readonly Diagnostic[] {
  if (endpoint.port !== kubernetes.apiPort) return []
  return [
    error(
      'keepalived-haproxy/port-taken',
      ['endpoint', 'port'],
      `HAProxy cannot listen on ${endpoint.port}: on the same nodes kube-apiserver does`,
      'leave endpoint.port out (8443), or move the API servers with kubernetes.apiServer.port',
    ),
  ]
}

function mixedFamilies(plan: ClusterPlan): readonly Diagnostic[] {
  const family = familyOf(plan.endpoint.vip)
  const other = controlPlanes(plan).find(
    ({ address }) => family !== undefined && familyOf(address) !== family,
  )
  if (other === undefined) return []
  return [
    {
      ...error(
        'keepalived-haproxy/mixed-families',
        ['endpoint', 'address'],
        `the VIP ${plan.endpoint.vip} and the control plane ${other.name} (${other.address}) are not of one IP family`,
        'VRRP runs in the family of its VIP; give both IPv4 or both IPv6',
      ),
      related: [{ path: ['nodes', other.index, 'address'], message: `${other.name} is here` }],
    },
  ]
}

function haproxyConfig({ endpoint, kubernetes }: ClusterPlan, members: readonly Member[]): FileSpec {
  return {
    path: '/etc/leaven/haproxy.cfg',
    mode: 0o644,
    body: {
      kind: 'template',
      name: 'endpoint/keepalived-haproxy/haproxy.cfg',
      view: {
        bind: familyOf(endpoint.vip) === 'ipv6' ? `[::]:${endpoint.port} v4v6` : `*:${endpoint.port}`,
        caFile,
        servers: members.map(({ name, address }) => ({
          name,
          address: address.includes(':')
            ? `[${address}]:${kubernetes.apiPort}`
            : `${address}:${kubernetes.apiPort}`,
        })),
      },
    },
  }
}

function check({ endpoint }: ClusterPlan): FileSpec {
  const loopback = familyOf(endpoint.vip) === 'ipv6' ? '[::1]' : '127.0.0.1'
  return {
    path: checkFile,
    mode: 0o755,
    body: {
      kind: 'template',
      name: 'endpoint/keepalived-haproxy/check',
      view: { port: endpoint.port, loopback, caFile },
    },
  }
}

function keepalivedConfig({ endpoint }: ClusterPlan, member: Member, members: readonly Member[]): FileSpec {
  const vip = endpoint.vip ?? ''
  return {
    path: `/etc/leaven/keepalived/${member.name}.conf`,
    mode: 0o644,
    body: {
      kind: 'template',
      name: 'endpoint/keepalived-haproxy/keepalived.conf',
      view: {
        name: member.name,
        check: checkFile,
        weight,
        routerId: Number(endpoint.options['virtualRouterId'] ?? 51),
        priority: highestPriority - members.indexOf(member),
        address: member.address,
        peers: members.filter((peer) => peer !== member).map((peer) => peer.address),
        // A host address of its own: no second route to the subnet, and never the source of a node's traffic.
        vip: `${vip}/${familyOf(vip) === 'ipv6' ? 128 : 32}`,
      },
    },
  }
}

/** Where SELinux confines HAProxy, it may connect to few ports, and 6443 is not among them. */
const allowConnect =
  "ExecStartPre=-/bin/sh -c 'command -v setsebool >/dev/null && setsebool haproxy_connect_any on; exit 0'"

const units: readonly FileSpec[] = [
  unit('haproxy', [allowConnect, 'Restart=always', 'RestartSec=1']),
  unit('keepalived', ['Restart=always', 'RestartSec=1']),
]

function unit(name: string, settings: readonly string[]): FileSpec {
  return {
    path: `/etc/systemd/system/${name}.service.d/leaven.conf`,
    mode: 0o644,
    body: { kind: 'lines', lines: ['[Service]', ...settings] },
  }
}

function fill(source: string, destination: string) {
  return { phase: 'control-plane', source, destination, mode: 0o644 } as const
}

type Member = NodePlan & { readonly address: string }

function controlPlanes({ nodes }: ClusterPlan): readonly Member[] {
  return nodes.filter((node): node is Member => node.role === 'control-plane' && node.address !== undefined)
}

function familyOf(address: string | undefined): 'ipv4' | 'ipv6' | undefined {
  return parseAddress(address ?? '')?.kind()
}
