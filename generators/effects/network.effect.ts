/** The network that this machine is in. */
import { networkInterfaces } from 'node:os'

export interface OwnAddress {
  readonly address: string
  readonly prefix: number
}

/** Bridges and tunnels that programs make for themselves: nodes are not there. */
const inner = /^(lo|docker|br-|virbr|veth|cni|cali|flannel|kube|tun|tap|wg|tailscale|utun|vEthernet)/i

/** The first IPv4 address that other machines see; undefined without a network. */
export function ownAddress(): OwnAddress | undefined {
  for (const [name, addresses = []] of Object.entries(networkInterfaces()))
    for (const { family, internal, address, cidr } of addresses)
      if (family === 'IPv4' && !internal && !inner.test(name) && cidr !== null)
        return { address, prefix: Number(cidr.split('/')[1]) }
  return undefined
}
