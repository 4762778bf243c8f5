/** What there is in the account: plain data that tests set up and look at. */
import type { Parameters } from './protocol.ts'

export type Tags = Record<string, string>

export interface Machine {
  readonly id: string
  readonly image: string
  readonly type: string
  readonly subnet: string
  readonly address: string
  readonly groups: readonly string[]
  readonly userData: string
  readonly token: string
  readonly request: Parameters
  readonly tags: Tags
  state: 'pending' | 'running' | 'shutting-down' | 'terminated' | 'stopped'
  sourceDestCheck: boolean
  /** Describe requests until it is seen at all, and until its next state. */
  hidden: number
  changes: number
  reason?: string
}

export interface Group {
  readonly id: string
  readonly name: string
  readonly vpc: string
  readonly tags: Tags
  /** `tcp 6443-6443 sg-1`, with what it is for. */
  readonly rules: Map<string, string>
}

export interface State {
  /** Objects that one answer of a Describe has at most. */
  pageSize: number
  /** Describe requests that a new machine is not seen in. */
  lag: number
  /** Machines that never get to run, and why. */
  doomed: string | undefined
  next: number
  readonly vpcs: Map<string, { readonly cidr: string }>
  readonly subnets: Map<
    string,
    { readonly vpc: string; readonly cidr: string; readonly zone: string; free: number }
  >
  readonly types: Map<
    string,
    {
      readonly cpus: number
      readonly mib: number
      readonly arch: string
      readonly hypervisor: string
      readonly disks: boolean
    }
  >
  readonly images: Map<
    string,
    {
      readonly owner: string
      readonly name: string
      readonly arch: string
      readonly created: string
      readonly tags: Tags
      readonly snapshots: readonly string[]
      hidden?: boolean
      deprecated?: string
    }
  >
  readonly snapshots: Set<string>
  /** Snapshots that may not be deleted. */
  readonly locked: Set<string>
  readonly volumes: Map<
    string,
    { readonly machine: string; readonly request: Parameters; readonly tags: Tags }
  >
  readonly templates: Map<string, readonly string[]>
  readonly machines: Map<string, Machine>
  readonly groups: Map<string, Group>
  /** Client token → machine, and what was asked with it. */
  readonly tokens: Map<string, { readonly machine: string; readonly request: string }>
  readonly balancers: Map<
    string,
    {
      readonly name: string
      readonly request: Parameters
      readonly tags: Tags
      readonly attributes: Tags
      polls: number
    }
  >
  readonly targetGroups: Map<
    string,
    {
      readonly name: string
      readonly request: Parameters
      readonly tags: Tags
      readonly attributes: Tags
      readonly targets: Set<string>
    }
  >
  readonly listeners: Map<
    string,
    { readonly balancer: string; readonly port: string; readonly targetGroup: string }
  >
}

/** Three zones, the types that the defaults name and some that do not fit, a base image. */
export function newState(): State {
  const zone = (letter: string, n: number) =>
    [
      `subnet-${letter}`,
      { vpc: 'vpc-1', cidr: `10.0.${n}.0/24`, zone: `eu-central-1${letter}`, free: 250 },
    ] as const
  const type = (cpus: number, gib: number, rest: object = {}) => ({
    cpus,
    mib: gib * 1024,
    arch: 'x86_64',
    hypervisor: 'nitro',
    disks: false,
    ...rest,
  })
  return {
    pageSize: 1000,
    lag: 0,
    doomed: undefined,
    next: 1,
    vpcs: new Map([
      ['vpc-1', { cidr: '10.0.0.0/16' }],
      ['vpc-2', { cidr: '10.244.0.0/16' }],
    ]),
    subnets: new Map([
      zone('a', 1),
      zone('b', 2),
      zone('c', 3),
      ['subnet-other', { vpc: 'vpc-2', cidr: '10.244.1.0/24', zone: 'eu-central-1a', free: 250 }],
    ]),
    types: new Map([
      ['c6i.xlarge', type(4, 8)],
      ['m6i.xlarge', type(4, 16)],
      ['m6i.large', type(2, 8)],
      ['t3.nano', type(2, 0.5)],
      ['c6id.xlarge', type(4, 8, { disks: true })],
      ['m4.xlarge', type(4, 16, { hypervisor: 'xen' })],
      ['c7g.xlarge', type(4, 8, { arch: 'arm64' })],
    ]),
    images: new Map([
      [
        'ami-base',
        {
          owner: '099720109477',
          name: 'ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-amd64-server-20261101',
          arch: 'x86_64',
          created: '2026-11-01T00:00:00.000Z',
          tags: {},
          snapshots: ['snap-base'],
        },
      ],
    ]),
    snapshots: new Set(['snap-base']),
    locked: new Set(),
    volumes: new Map(),
    templates: new Map(),
    machines: new Map(),
    groups: new Map(),
    tokens: new Map(),
    balancers: new Map(),
    targetGroups: new Map(),
    listeners: new Map(),
  }
}

export function newId(state: State, kind: string): string {
  const id = `${kind}-${String(state.next).padStart(4, '0')}`
  state.next += 1
  return id
}
