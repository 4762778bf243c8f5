/** NO_PROXY as Go reads it: https://pkg.go.dev/golang.org/x/net/http/httpproxy */
import ipaddr from 'ipaddr.js'

/** Whether an entry of the list names this host: `*`, a name with all below it, `.below`, an address, a CIDR, each with a port or none. */
export function matches(list: string, host: string, port: string): boolean {
  const name = host.replace(/^\[|\]$/g, '').toLowerCase()
  return list
    .split(/[\s,]+/)
    .filter((entry) => entry !== '')
    .some((entry) => entryMatches(entry.toLowerCase(), name, port))
}

function entryMatches(entry: string, host: string, port: string): boolean {
  if (entry === '*') return true
  if (entry.includes('/')) return inside(entry, host)
  const [, bracketed, plain, ownPort] = /^(?:\[([^\]]+)\]|([^:]*|.*:.*:.*?))(?::(\d+))?$/.exec(entry) ?? []
  const named = bracketed ?? plain ?? entry
  if (ownPort !== undefined && ownPort !== port) return false
  if (ipaddr.isValid(named) && ipaddr.isValid(host))
    return ipaddr.parse(named).toNormalizedString() === ipaddr.parse(host).toNormalizedString()
  const bare = named.replace(/^\*?\./, '')
  return host.endsWith(`.${bare}`) || (host === bare && bare === named)
}

function inside(cidr: string, host: string): boolean {
  if (!ipaddr.isValid(host) || !ipaddr.isValidCIDR(cidr)) return false
  const address = ipaddr.parse(host)
  const range = ipaddr.parseCIDR(cidr)
  return address.kind() === range[0].kind() && address.match(range)
}
