/** Questions about IP addresses and subnets, v4 and v6. */
import ipaddr from 'ipaddr.js'

type Address = ipaddr.IPv4 | ipaddr.IPv6
export type Subnet = readonly [Address, number]
/** First and last. */
export type AddressRange = readonly [Address, Address]

/** Strict dotted quads (no octal, no short forms) and IPv6; undefined for anything else. */
export function parseAddress(text: string): Address | undefined {
  if (ipaddr.IPv4.isValidFourPartDecimal(text)) return ipaddr.IPv4.parse(text)
  return text.includes(':') && !text.includes('%') && ipaddr.IPv6.isValid(text)
    ? ipaddr.IPv6.parse(text)
    : undefined
}

/** `10.0.0.0/8`; undefined for anything else. */
export function parseSubnet(text: string): Subnet | undefined {
  const [address, prefix, ...rest] = text.split('/')
  const parsed = parseAddress(address ?? '')
  if (parsed === undefined || rest.length > 0 || !/^(0|[1-9]\d{0,2})$/.test(prefix ?? '')) return undefined
  const length = Number(prefix)
  return length <= (parsed.kind() === 'ipv4' ? 32 : 128) ? [parsed, length] : undefined
}

/** `10.0.0.1,fd00::1` → both, the preferred one first: how Kubernetes itself writes dual stack. */
export function splitFamilies(text: string): readonly string[] {
  return text.split(',').map((part) => part.trim())
}

export type Family = 'ipv4' | 'ipv6'

/** Of an address or a subnet; undefined for neither. */
export function familyOf(text: string): Family | undefined {
  return (parseSubnet(text)?.[0] ?? parseAddress(text))?.kind()
}

/** The part of a pair that is of one IP family. */
export function partOf(family: Family, text: string): string | undefined {
  return splitFamilies(text).find((part) => familyOf(part) === family)
}

export function subnetContains([network, prefix]: Subnet, address: Address): boolean {
  return network.kind() === address.kind() && matches(address, network, prefix)
}

/** `10.0.0.100-10.0.0.199`; undefined for anything else, and when it ends before it begins. */
export function parseRange(text: string): AddressRange | undefined {
  const [first, last, ...rest] = text.split('-').map((part) => parseAddress(part.trim()))
  if (first === undefined || last === undefined || rest.length > 0 || first.kind() !== last.kind())
    return undefined
  return compare(first, last) <= 0 ? [first, last] : undefined
}

export function inRange([first, last]: AddressRange, address: Address): boolean {
  return address.kind() === first.kind() && compare(first, address) <= 0 && compare(address, last) <= 0
}

/** Of one family. */
function compare(one: Address, other: Address): number {
  const [left, right] = [one.toByteArray(), other.toByteArray()]
  const index = left.findIndex((byte, place) => byte !== right[place])
  return index < 0 ? 0 : (left[index] ?? 0) - (right[index] ?? 0)
}

export function subnetsOverlap(one: Subnet, other: Subnet): boolean {
  const shorter = one[1] <= other[1] ? one : other
  return subnetContains(shorter, (shorter === one ? other : one)[0])
}

/** The same address in one spelling, so that two spellings compare equal. */
export function canonical(text: string): string {
  return parseAddress(text)?.toNormalizedString() ?? text
}

/** The first address of the subnet that `text` lies in. */
export function networkOf(subnet: Subnet): string {
  const bytes = subnet[0].toByteArray()
  const masked = bytes.map((byte, index) => byte & mask(subnet[1] - index * 8))
  return ipaddr.fromByteArray(masked).toString()
}

/** The nth address of a subnet, 0 being the network itself. */
export function nthAddress(subnet: Subnet, n: number): string {
  return fromNumber(toNumber(subnet) + BigInt(n), subnet)
}

/** The nth part of a subnet when it is cut into parts of `prefix`; undefined when there are not so many. */
export function nthPart(subnet: Subnet, prefix: number, n: number): string | undefined {
  const bits = subnet[0].kind() === 'ipv4' ? 32 : 128
  if (prefix < subnet[1] || BigInt(n) >= 1n << BigInt(prefix - subnet[1])) return undefined
  return `${fromNumber(toNumber(subnet) + (BigInt(n) << BigInt(bits - prefix)), subnet)}/${prefix}`
}

function matches(address: Address, network: Address, prefix: number): boolean {
  const [left, right] = [address.toByteArray(), network.toByteArray()]
  return left.every((byte, index) => {
    const bits = mask(prefix - index * 8)
    return (byte & bits) === ((right[index] ?? 0) & bits)
  })
}

/** The byte whose upper `bits` bits are set. */
function mask(bits: number): number {
  return bits >= 8 ? 255 : bits <= 0 ? 0 : (255 << (8 - bits)) & 255
}

function toNumber([network, prefix]: Subnet): bigint {
  return network
    .toByteArray()
    .reduce((sum, byte, index) => (sum << 8n) | BigInt(byte & mask(prefix - index * 8)), 0n)
}

function fromNumber(value: bigint, [network]: Subnet): string {
  const bytes = network
    .toByteArray()
    .map((_, index, all) => Number((value >> BigInt(8 * (all.length - 1 - index))) & 255n))
  return ipaddr.fromByteArray(bytes).toString()
}
