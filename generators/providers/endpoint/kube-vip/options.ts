/** What a user may say about kube-vip, and what it means when left out. */

import { defaultKubeVipVersion } from '../../../facts/kube-vip.ts'
import type { JsonObject } from '../../../model/json.ts'

export interface Peer {
  readonly address: string
  readonly as: number
  readonly password?: string
  readonly multihop?: boolean
}

export interface KubeVipOptions {
  readonly version: string
  readonly mode: 'arp' | 'bgp'
  /** Undefined: the project's own. */
  readonly imageRepository: string | undefined
  /** Seconds. */
  readonly lease: { readonly duration: number; readonly renewDeadline: number; readonly retryPeriod: number }
  readonly bgp: { readonly localAS: number; readonly peers: readonly Peer[] } | undefined
}

/** Quick, for a VIP that the API depends on; newer versions default to 15, 10 and 2. */
const defaultLease = { duration: 5, renewDeadline: 3, retryPeriod: 1 }

export function readOptions(written: JsonObject): KubeVipOptions {
  const options = written as Partial<KubeVipOptions>
  return {
    version: options.version ?? defaultKubeVipVersion,
    mode: options.mode ?? 'arp',
    imageRepository: options.imageRepository,
    lease: { ...defaultLease, ...options.lease },
    bgp: options.bgp,
  }
}

const seconds = (description: string, fallback: number) => ({
  description: `${description}, in seconds.`,
  type: 'integer',
  minimum: 1,
  maximum: 3600,
  default: fallback,
  examples: [fallback],
})

const asNumber = (description: string, example: number) => ({
  description,
  type: 'integer',
  minimum: 1,
  maximum: 4_294_967_295,
  examples: [example],
})

const peer: JsonObject = {
  type: 'object',
  properties: {
    address: {
      description: "The router's address.",
      type: 'string',
      pattern: '^[0-9a-fA-F.:]+$',
      expect: 'an IP address',
      examples: ['172.31.253.1'],
    },
    as: asNumber('Its autonomous system.', 65000),
    password: {
      description: 'TCP MD5 password of the session. It stands in the blueprint, so keep that private.',
      otherwise: 'none',
      type: 'string',
      // kube-vip reads peers as one string, split at these.
      pattern: '^[^:/,\\s]+$',
      expect: 'text without colon, slash, comma or blank',
      writeOnly: true,
      examples: ['s3cret'],
    },
    multihop: {
      description: 'The router is more than one hop away.',
      type: 'boolean',
      default: false,
      examples: [true],
    },
  },
  required: ['address', 'as'],
  additionalProperties: false,
}

export const optionsSchema: JsonObject = {
  version: {
    description: 'Version of kube-vip.',
    type: 'string',
    pattern: '^v?[0-9]+\\.[0-9]+\\.[0-9]+$',
    expect: `a version such as ${defaultKubeVipVersion}`,
    default: defaultKubeVipVersion,
    examples: [defaultKubeVipVersion],
  },
  mode: {
    description: 'How the network learns who holds the VIP: gratuitous ARP in one subnet, or BGP to routers.',
    type: 'string',
    enum: ['arp', 'bgp'],
    default: 'arp',
    examples: ['bgp'],
  },
  imageRepository: {
    description: 'Registry and path to take the image `kube-vip` from.',
    type: 'string',
    pattern: '^[a-z0-9.-]+(:[0-9]+)?(/[a-z0-9._-]+)*$',
    expect: 'a registry with an optional path, without scheme',
    default: 'ghcr.io/kube-vip',
    examples: ['registry.example.com/kube-vip'],
  },
  lease: {
    description: 'How fast a dead holder is noticed: the VIP is gone for about the duration.',
    type: 'object',
    properties: {
      duration: seconds('How long a holder that was not heard of keeps the VIP', defaultLease.duration),
      renewDeadline: seconds(
        'How long a holder tries to renew before it gives up',
        defaultLease.renewDeadline,
      ),
      retryPeriod: seconds('Pause between tries', defaultLease.retryPeriod),
    },
    additionalProperties: false,
    default: defaultLease,
    examples: [{ duration: 15, renewDeadline: 10, retryPeriod: 2 }],
  },
  bgp: {
    description: 'BGP sessions, with `mode: bgp`. The holder alone announces the VIP.',
    type: 'object',
    properties: {
      localAS: asNumber("The control planes' autonomous system.", 65001),
      peers: {
        description: 'The routers.',
        type: 'array',
        minItems: 1,
        items: peer,
        examples: [[{ address: '172.31.253.1', as: 65000 }]],
      },
    },
    required: ['localAS', 'peers'],
    additionalProperties: false,
    examples: [{ localAS: 65001, peers: [{ address: '172.31.253.1', as: 65000 }] }],
  },
}
