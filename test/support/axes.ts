/** Blueprints made from their axes, and the fewest of them that show every pair of values. */
export interface Axes {
  readonly kubernetes: string
  readonly os: string
  readonly endpoint: string
  readonly cni: string
  readonly cloud: string
}

const endpoints: Readonly<Record<string, object>> = {
  'kube-vip': { provider: 'kube-vip', address: '172.31.253.60', name: 'api.prod.internal' },
  'kube-vip-bgp': {
    provider: 'kube-vip',
    address: '172.31.254.60',
    mode: 'bgp',
    bgp: { localAS: 65000, peers: [{ address: '172.31.253.1', as: 65001 }] },
  },
  'keepalived-haproxy': { provider: 'keepalived-haproxy', address: '172.31.253.60' },
  external: { provider: 'external', address: '172.31.253.60', name: 'lb.example.com' },
}

/** Values of every axis; combinations that a rule refuses are left out by `isPossible`. */
export const values = {
  kubernetes: [
    '1.18.20',
    '1.19.16',
    '1.20.2',
    '1.21.14',
    '1.22.17',
    '1.23.17',
    '1.24.17',
    '1.25.16',
    '1.26.15',
    '1.27.16',
    '1.28.15',
    '1.29.15',
    '1.30.14',
    '1.31.4',
    '1.32.9',
    '1.33.5',
    '1.34.2',
    '1.35.1',
    '1.36.1',
  ],
  os: [
    'ubuntu 20.04',
    'ubuntu 22.04',
    'ubuntu 24.04',
    'debian 11',
    'debian 12',
    'debian 13',
    'rocky 8',
    'rocky 9',
    'alma 9',
    'centos 7',
  ],
  endpoint: Object.keys(endpoints),
  cni: ['calico', 'flannel', 'bridge', 'none'],
  cloud: ['metal', 'nocloud', 'aws', 'azure', 'gcp', 'openstack', 'vsphere', 'proxmox'],
} as const satisfies Readonly<Record<keyof Axes, readonly string[]>>

const names = Object.keys(values) as (keyof Axes)[]

export function caseName({ kubernetes, os, endpoint, cni, cloud }: Axes): string {
  return [kubernetes, os.replace(' ', '-'), endpoint, cni, cloud].join('_')
}

/** The blueprint of a case: three control planes, two workers and a pool (unless the CNI takes none). */
export function blueprintOf({ kubernetes, os, endpoint, cni, cloud }: Axes): object {
  const [provider, release] = os.split(' ')
  const minor = Number(kubernetes.split('.')[1])
  return {
    apiVersion: 'leaven/v1',
    kind: 'Cluster',
    name: 'prod',
    kubernetes: { version: kubernetes, ...(minor >= 35 ? { proxyMode: 'iptables' } : {}) },
    endpoint: endpoints[endpoint],
    network: { gateway: '172.31.253.1', cni: { provider: cni } },
    os: { provider, release },
    cloud: { provider: cloud },
    nodes: [
      ...[1, 2, 3].map((n) => ({ name: `m${n}`, role: 'master', address: `172.31.253.6${n}` })),
      { name: 'w1', role: 'worker', address: '172.31.253.71', labels: { disk: 'ssd' } },
      { name: 'w2', role: 'worker', address: '172.31.253.72', mac: '52:54:00:00:00:72' },
    ],
    ...(cni === 'bridge'
      ? {}
      : { pools: [{ name: 'gpu', taints: [{ key: 'gpu', value: 'true', effect: 'NoSchedule' }] }] }),
  }
}

/** Refuses nothing on its own, so that a refusal is due to the pair that is put into it. */
const harmless: Axes = {
  kubernetes: '1.31.4',
  os: 'ubuntu 24.04',
  endpoint: 'external',
  cni: 'calico',
  cloud: 'metal',
}

/** Every possible pair of values stands in some case of the list: greedy, so not minimal, but the same each time. */
export function pairwise(isPossible: (axes: Axes) => boolean): readonly Axes[] {
  const verdicts = new Map<string, boolean>()
  const pairsOf = (axes: Axes): readonly string[] =>
    names.flatMap((one, index) =>
      names.slice(index + 1).map((other) => {
        const pair = `${one}=${axes[one]}&${other}=${axes[other]}`
        if (!verdicts.has(pair))
          verdicts.set(pair, isPossible({ ...harmless, [one]: axes[one], [other]: axes[other] }))
        return pair
      }),
    )
  // A fixed shuffle, so that neighbours differ in every axis and few are needed.
  const candidates = product()
    .map((axes, index) => ({ axes, key: (index * 7919) % 104_729 }))
    .sort((one, other) => one.key - other.key)
    .map(({ axes }) => ({ axes, pairs: pairsOf(axes) }))
    .filter(({ pairs }) => pairs.every((pair) => verdicts.get(pair)))
  const open = new Set(candidates.flatMap(({ pairs }) => pairs))
  const chosen: Axes[] = []
  for (const enough of [8, 5, 3, 1])
    for (const { axes, pairs } of candidates) {
      const fresh = pairs.filter((pair) => open.has(pair))
      if (fresh.length < enough) continue
      chosen.push(axes)
      for (const pair of fresh) open.delete(pair)
    }
  return chosen
}

function product(): readonly Axes[] {
  return names.reduce<readonly Partial<Axes>[]>(
    (cases, name) => cases.flatMap((entry) => values[name].map((value) => ({ ...entry, [name]: value }))),
    [{}],
  ) as readonly Axes[]
}
