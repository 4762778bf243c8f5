/** What the compiler would have laid down on a test machine, as small as it can be. The contract is in boot/README.md. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { lay, type Machine, programs } from './machine.effect.ts'

export const vip = '10.77.0.100'
export const addresses = { m1: '10.77.0.11', m2: '10.77.0.12', m3: '10.77.0.13', w1: '10.77.0.21' } as const

export interface Settings {
  readonly role?: 'control-plane' | 'worker'
  readonly env?: Readonly<Record<string, string>>
  /** Rows of the table `nodes`. */
  readonly nodes?: readonly (readonly string[])[]
  readonly token?: string
  /** Rows of further tables, each with its table's name in front. */
  readonly tables?: readonly (readonly string[])[]
}

export const controlPlanes: readonly (readonly string[])[] = [
  ['m1', 'control-plane', addresses.m1, '-', 'zone=a', '-', '10.244.0.0/24'],
  ['m2', 'control-plane', addresses.m2, '-', '-', '-', '10.244.1.0/24'],
  ['m3', 'control-plane', addresses.m3, '-', '-', '-', '10.244.2.0/24'],
]
export const worker = [
  'w1',
  'worker',
  addresses.w1,
  '-',
  'node-role.kubernetes.io/edge=,disk=ssd',
  '-',
  '10.244.3.0/24',
]

/** Two authorities as the compiler makes them, and leaf certificates for API servers that answer in tests. */
export function makeAuthorities(folder: string): void {
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' })
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  mkdirSync(join(folder, 'pki/etcd'), { recursive: true })
  for (const [name, subject] of [
    ['pki/ca', 'kubernetes'],
    ['pki/etcd/ca', 'etcd-ca'],
    ['foreign', 'kubernetes'],
  ]) {
    openssl(
      'req',
      '-x509',
      ...key,
      '-keyout',
      `${name}.key`,
      '-out',
      `${name}.crt`,
      '-subj',
      `/CN=${subject}`,
      '-days',
      '9',
    )
  }
  const names = ['DNS:kubernetes', 'DNS:api.test', 'DNS:localhost', 'IP:127.0.0.1']
  const all = [...names, ...[vip, ...Object.values(addresses)].map((address) => `IP:${address}`)].join(',')
  writeFileSync(join(folder, 'ext'), `extendedKeyUsage=serverAuth,clientAuth\nsubjectAltName=${all}\n`)
  for (const [name, authority] of [
    ['api', 'pki/ca'],
    ['other', 'foreign'],
    ['client', 'pki/ca'],
    ['member', 'pki/etcd/ca'],
  ]) {
    openssl(
      'req',
      '-new',
      ...key,
      '-keyout',
      `${name}.key`,
      '-out',
      `${name}.csr`,
      '-subj',
      '/O=system:masters/CN=test',
    )
    const issuer = ['-CA', `${authority}.crt`, '-CAkey', `${authority}.key`, '-set_serial', '2', '-days', '2']
    openssl('x509', '-req', '-in', `${name}.csr`, ...issuer, '-extfile', 'ext', '-out', `${name}.crt`)
  }
}

export function prepare(
  machine: Machine,
  authorities: string,
  { role = 'control-plane', env, nodes, token, tables = [] }: Settings = {},
): void {
  const values = { ...environment(role), ...env }
  const text = Object.entries(values).map(([name, value]) => `${name}='${value}'\n`)
  machine.write('etc/leaven/node.env', text.join(''), 0o600)
  writeTables(
    machine,
    role,
    nodes ?? (role === 'worker' ? [...controlPlanes, worker] : controlPlanes),
    tables,
  )
  machine.write(
    'etc/leaven/kubeadm/join.yaml',
    `name: "@NODE_NAME@"\nip: "@NODE_IP@"\ntoken: "${token ?? ''}"\nlabels: "@NODE_LABELS@"\n`,
    0o600,
  )
  machine.write('etc/leaven/discovery.conf', 'kind: Config # may join\n', 0o600)
  machine.write(
    'etc/leaven/templates/pod.yaml',
    'interface: @NODE_INTERFACE@/@NODE_PREFIX@ pods: @POD_CIDR@\n',
  )
  machine.write('etc/sysctl.d/90-leaven.conf', 'net.ipv4.ip_forward = 1\n')
  machine.write('var/lib/cloud/instance/user-data.txt', '#cloud-config\npassword: hunter2\n', 0o600)
  if (role === 'worker') {
    execFileSync('install', [
      '-D',
      '-m',
      '644',
      join(authorities, 'pki/ca.crt'),
      machine.path('etc/leaven/pki/ca.crt'),
    ])
    execFileSync('sh', ['-c', `cat client.crt client.key >'${machine.path('client.pem')}'`], {
      cwd: authorities,
    })
    return
  }
  lay(machine, join(programs, 'control-plane'), 'usr/local/lib/leaven/control-plane')
  lay(machine, join(authorities, 'pki'), 'etc/leaven/pki')
  machine.write(
    'etc/leaven/kubeadm/init.yaml',
    'name: "@NODE_NAME@"\nip: "@NODE_IP@"\ntoken: "abcdef.0123456789abcdef"\n',
    0o600,
  )
  machine.write('etc/leaven/addons/10-net/net.yaml', 'kind: Namespace\n')
  machine.write('vip', vip)
}

/** /etc/leaven/tables: rows of several tables, each with its table's name in front. */
export function writeTables(
  machine: Machine,
  role: string,
  nodes: readonly (readonly string[])[],
  more: readonly (readonly string[])[] = [],
): void {
  const rows = [
    ...nodes.map((row) => ['nodes', ...row]),
    ['services', 'system', 'chrony.service'],
    ['fill', role, '/etc/leaven/templates/pod.yaml', '/etc/kubernetes/manifests/vip.yaml', '0600'],
    ...more,
    ...(role === 'control-plane' ? [['addons', '10-net', '-', '-', '-']] : []),
  ]
  machine.write('etc/leaven/tables', rows.map((row) => `${row.join('\t')}\n`).join(''))
}

function environment(role: string): Readonly<Record<string, string>> {
  return {
    LEAVEN_FORMAT: '1',
    LEAVEN_CLUSTER: 'test',
    LEAVEN_ROLE: role,
    LEAVEN_DECLARED: '1',
    LEAVEN_KUBERNETES_VERSION: '1.31.4',
    LEAVEN_ENDPOINT_HOST: 'api.test',
    LEAVEN_ENDPOINT_ADDRESS: vip,
    LEAVEN_ENDPOINT_PORT: '6443',
    LEAVEN_ENDPOINT_VIP: vip,
    LEAVEN_INTERFACE: 'auto',
    LEAVEN_API_PORT: '6443',
    LEAVEN_CRI_SOCKET: 'unix:///run/containerd/containerd.sock',
    LEAVEN_RUNTIME_UNIT: 'containerd.service',
    LEAVEN_IGNORE_PREFLIGHT: '',
    LEAVEN_SERIALIZE_JOINS: '0',
    LEAVEN_TAKEOVER: '0',
    LEAVEN_PREBAKED: '0',
    LEAVEN_SWAP: 'off',
    LEAVEN_BLOCK_METADATA: '0',
    LEAVEN_SPREAD_DNS: '1',
    LEAVEN_NODE_NAME_SOURCE: 'declared',
    LEAVEN_BAKED_EXPECT: 'kubernetes=1.31.4 containerd=1.7',
    LEAVEN_TIMEOUT_CLOCK: '1',
    LEAVEN_SILENCE: '1',
    LEAVEN_TOKEN_EXPIRES_HINT: '24h',
  }
}
