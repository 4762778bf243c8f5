/** What a NoCloud datasource wants beside user-data, per node. */
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
export function renderNetworkConfig({ endpoint, network }: ClusterPlan, node: NodePlan): string {
  const { name, match } = nic(endpoint.interface, node.mac)
  const v6 = node.address?.includes(':') === true
  const addressing: JsonObject =
    node.address === undefined
      ? { dhcp4: true }
      : {
          addresses: [`${node.address}/${network.prefix}`],
          // `routes: [{to: default}]` is the modern form, but cloud-init 22.4 drops it on ifupdown systems.
          ...(network.gateway === undefined ? {} : { [v6 ? 'gateway6' : 'gateway4']: network.gateway }),
        }
  const nameservers =
    network.nameservers.length === 0 ? {} : { nameservers: { addresses: [...network.nameservers] } }
  return toYaml([{ version: 2, ethernets: { [name]: { ...match, ...addressing, ...nameservers } } }])
}

function nic(named: string, mac: string | undefined): { name: string; match: JsonObject } {
  if (mac !== undefined)
    return {
      name: 'eth0',
      match: { match: { macaddress: mac }, 'set-name': named === 'auto' ? 'eth0' : named },
    }
  // One Ethernet card, whatever the hypervisor calls it.
  return named === 'auto' ? { name: 'primary', match: { match: { name: 'e*' } } } : { name: named, match: {} }
}
