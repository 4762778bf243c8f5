/** A first blueprint from a handful of answers, with comments that say what to look at next. */
import { Document, isMap, isScalar, type Scalar, type YAMLMap } from 'yaml'
import { nthAddress, parseSubnet } from '../model/address.ts'
import { compact, type JsonObject } from '../model/json.ts'

export interface Answers {
  readonly name: string
  readonly kubernetes: string
  /** The VIP, or a load balancer's address or name. */
  readonly endpoint: string
  /** A load balancer of the cloud's, since it moves no address between nodes. */
  readonly external: boolean
  readonly controlPlanes: readonly string[]
  readonly workers: readonly string[]
  readonly os: { readonly provider: string; readonly release: string }
  readonly cloud: string
  readonly airgapped: boolean
  /** Of the nodes' subnet; undefined where we have not seen it. */
  readonly prefix: number | undefined
}

/** Addresses that are probably free: for the endpoint, seven control planes and nine workers. */
export interface Suggestion {
  readonly endpoint: string
  readonly controlPlanes: readonly string[]
  readonly workers: readonly string[]
}

/**
 * Addresses in the neighbourhood of one's own. Nobody was asked whether they are free.
 * @param own the address of this machine and its prefix length
 */
export function suggestAddresses(own: { readonly address: string; readonly prefix: number }): Suggestion {
  const prefix = Math.max(own.prefix, 24)
  const subnet = parseSubnet(`${own.address}/${prefix}`)
  if (subnet === undefined) throw new Error(`no subnet around ${own.address}`)
  const size = 2 ** (32 - prefix)
  // .60 in a /24; in a smaller subnet from the third address on, after network and gateway.
  const first = size >= 128 ? 60 : 2
  const free = Array.from({ length: size }, (_, index) => nthAddress(subnet, index)).slice(first, -1)
  const usable = free.filter((address) => address !== own.address)
  return {
    endpoint: usable[0] ?? '',
    controlPlanes: usable.slice(1, 8),
    workers: usable.slice(size >= 128 ? 11 : 8, size >= 128 ? 20 : 17),
  }
}

export function starterBlueprint(answers: Answers): string {
  const document = new Document(blueprintOf(answers))
  document.commentBefore = ` ${answers.name}, written by gen init. Every field: gen schema, or blueprints/README.md.\n Next: gen validate, gen secrets create, gen userdata --role master.`
  const root = document.contents as YAMLMap
  for (const [field, text] of Object.entries(comments(answers))) comment(root, field.split('.'), text)
  const nodes = root.get('nodes') as YAMLMap
  for (const node of nodes.items as unknown as YAMLMap[]) node.flow = true
  return document.toString({ lineWidth: 0 })
}

function blueprintOf(answers: Answers): JsonObject {
  const { endpoint, external, os, prefix } = answers
  const isAddress = parseSubnet(`${endpoint}/0`) !== undefined
  const nodes = (role: string, letter: string, addresses: readonly string[]) =>
    addresses.map((address, index) => ({ name: `${letter}${index + 1}`, role, address }))
  return compact({
    apiVersion: 'leaven/v1',
    kind: 'Cluster',
    name: answers.name,
    kubernetes: { version: answers.kubernetes },
    endpoint: {
      provider: external ? 'external' : 'kube-vip',
      ...(isAddress ? { address: endpoint } : { name: endpoint }),
    },
    network: compact({
      prefix: prefix === undefined || prefix === 24 ? undefined : prefix,
      podSubnet: '10.244.0.0/16',
      serviceSubnet: '10.96.0.0/12',
      cni: { provider: 'calico' },
    }),
    os: { provider: os.provider, release: os.release },
    cloud: { provider: answers.cloud },
    airgap: answers.airgapped ? { enabled: true } : undefined,
    nodes: [...nodes('control-plane', 'm', answers.controlPlanes), ...nodes('worker', 'w', answers.workers)],
  })
}

function comments({ external, airgapped }: Answers): Readonly<Record<string, string>> {
  return {
    name: 'File names and the kubeconfig carry it.',
    kubernetes: 'What we know of a version: gen facts.',
    endpoint: external
      ? 'A load balancer that you make, in front of port 6443 of all control planes.'
      : 'One address that moves between the control planes. No machine may have it, and DHCP may not give it away.',
    network: 'Neither subnet may overlap a network that the nodes reach.',
    os: 'What the machines boot.',
    cloud: 'Where they run: limits of user-data, and what its network allows.',
    ...(airgapped ? { airgap: 'Nodes fetch nothing: container images come as archives.' } : {}),
    nodes: 'The first control plane starts the cluster; the others wait for it and join.',
  }
}

function comment(root: YAMLMap, path: readonly string[], text: string): void {
  const pair = root.items.find(({ key }) => isScalar(key) && key.value === path[0])
  if (pair === undefined || !isMap(root)) throw new Error(`no field ${path.join('.')}`)
  const key = pair.key as Scalar
  key.commentBefore = ` ${text}`
}
