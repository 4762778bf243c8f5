/** What a NoCloud datasource wants beside user-data, per node. */
import { familyOf } from '../model/address.ts'
import type { JsonObject } from '../model/json.ts'
import type { ClusterPlan, NodePlan } from '../model/plan.ts'
import { toYaml } from './format/yaml.ts'

/** A new instance-id would make cloud-init run everything again: it depends on nothing but the names. */
export function renderMetaData(plan: ClusterPlan, node: NodePlan): string {
  return toYaml([
    { 'instance-id': `${plan.name}-${node.name}`, 'local-hostname': node.name, ...plan.cloud.metaData },
  ])
}

/** Version 2. Without an address the node asks DHCP. */
export function renderNetworkConfig(plan: ClusterPlan, node: NodePlan): string {
  const { network } = plan
  const { name, match } = nic(plan, node)
  const own = [node.address, node.secondAddress].filter((address) => address !== undefined)
  const gateways = network.gateways.map((gateway) => [`gateway${familyOf(gateway)?.slice(-1)}`, gateway])
  const addressing: JsonObject =
    own.length === 0
      ? { dhcp4: true }
      : {
          addresses: own.map((address) => `${address}/${network.prefixes[familyOf(address) ?? 'ipv4']}`),
          // `routes: [{to: default}]` is the modern form, but cloud-init 22.4 drops it on ifupdown systems.
          ...Object.fromEntries(gateways),
        }
  const nameservers =
    network.nameservers.length === 0 ? {} : { nameservers: { addresses: [...network.nameservers] } }
  return toYaml([{ version: 2, ethernets: { [name]: { ...match, ...addressing, ...nameservers } } }])
}

/** Nodes whose NIC can only be guessed to be eth0. */
export function guessedNics(plan: ClusterPlan): readonly NodePlan[] {
  return plan.nodes.filter(
    (node) => node.mac === undefined && plan.endpoint.interface === 'auto' && !plan.os.netplan,
  )
}

function nic({ endpoint, os }: ClusterPlan, { mac }: NodePlan): { name: string; match: JsonObject } {
  const named = endpoint.interface === 'auto' ? undefined : endpoint.interface
  if (mac !== undefined)
    return { name: named ?? 'eth0', match: { match: { macaddress: mac }, 'set-name': named ?? 'eth0' } }
  if (named !== undefined) return { name: named, match: {} }
  // One Ethernet card, whatever the hypervisor calls it; other renderers take the key for its name.
  return os.netplan ? { name: 'primary', match: { match: { name: 'e*' } } } : { name: 'eth0', match: {} }
}
