/** Addresses of the pods of one declared node, known before any node exists. */
import ipaddr from 'ipaddr.js'
import type { ClusterPlan } from '../../../model/plan.ts'

/** What kube-controller-manager gives a node, too. */
const nodePrefix = 24

/**
 * The nth /24 of the pod subnet.
 * @param index NodePlan.index, 0 first
 * @returns undefined when the subnet has no such part: too small, or not IPv4
 */
export function podCidr(plan: ClusterPlan, index: number): string | undefined {
  const { podSubnet } = plan.network
  if (!ipaddr.IPv4.isValidCIDR(podSubnet)) return undefined
  const [network, prefix] = ipaddr.IPv4.parseCIDR(podSubnet)
  if (prefix > nodePrefix || index >= 2 ** (nodePrefix - prefix)) return undefined
  const mask = ipaddr.IPv4.subnetMaskFromPrefixLength(prefix).toByteArray()
  const first = network.toByteArray().reduce((value, byte, i) => value * 256 + (byte & (mask[i] ?? 0)), 0)
  const start = first + index * 256
  return `${[24, 16, 8, 0].map((shift) => Math.floor(start / 2 ** shift) % 256).join('.')}/${nodePrefix}`
}
