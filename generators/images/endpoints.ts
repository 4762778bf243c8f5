/**
 * Where an image is asked for: rewritten names, mirrors, and the registry itself.
 * Mirrors as containerd has them: https://github.com/containerd/containerd/blob/main/docs/hosts.md
 */
import { formatReference, parseReference, type Reference, repositoryName } from './reference.ts'

export interface Endpoint {
  /** The API's root, without a slash at its end: `https://registry-1.docker.io/v2`. */
  readonly base: string
  readonly repository: string
  /** The name that credentials and certificates go by: `docker.io`, `mirror.example.com:5000`. */
  readonly host: string
  /** Asked of mirrors, which serve several registries: `?ns=docker.io`. */
  readonly namespace?: string
  /** No certificate is checked. */
  readonly insecure: boolean
}

export interface EndpointOptions {
  /** As a blueprint has them: registry, or `*`, to URLs in the order they are tried. */
  readonly mirrors?: Readonly<Record<string, readonly string[]>>
  readonly rewrites?: readonly Rewrite[]
  /** Every registry speaks HTTP without TLS; mirrors say for themselves. */
  readonly plainHttp?: boolean
  /** Registries whose certificate nobody checks. */
  readonly insecure?: readonly string[]
}

/** Images whose name begins with `from` are fetched from below `to`; their name stays. */
export interface Rewrite {
  readonly from: string
  readonly to: string
}

/**
 * Reads `registry.k8s.io=harbor.example.com/k8s`.
 * @returns the rewrite, or what is wrong with it
 */
export function parseRewrite(text: string): { readonly rewrite: Rewrite } | { readonly problem: string } {
  const [from = '', to = '', ...more] = text.split('=').map((side) => side.replace(/\/+$/, ''))
  if (from === '' || to === '' || more.length > 0)
    return { problem: `${text}: a rewrite is FROM=TO, such as registry.k8s.io=harbor.example.com/k8s` }
  // One more part makes a registry alone into a whole name, which is then read as any other.
  const read = parseReference(`${to}/x`)
  if ('problem' in read) return { problem: `${text}: ${to}: ${read.problem}` }
  if (read.reference.registry === 'docker.io' && !/^(index\.)?docker\.io(\/|$)/.test(to))
    return { problem: `${text}: ${to} has no registry, such as harbor.example.com/${to}` }
  return { rewrite: { from, to } }
}

/** In the order they are tried; at least one. */
export function endpoints(reference: Reference, options: EndpointOptions = {}): readonly Endpoint[] {
  const { registry, repository } = rewritten(reference, options.rewrites ?? [])
  const mirrors = options.mirrors?.[registry] ?? options.mirrors?.['*'] ?? []
  const insecure = options.insecure?.includes(registry) ?? false
  const host = registry === 'docker.io' ? 'registry-1.docker.io' : registry
  const scheme = options.plainHttp ? 'http' : 'https'
  return [
    ...mirrors.map((url) => mirror(url, { registry, repository }, options)),
    { base: `${scheme}://${host}/v2`, repository, host: registry, insecure },
  ]
}

function mirror(
  url: string,
  { registry, repository }: Pick<Reference, 'registry' | 'repository'>,
  options: EndpointOptions,
): Endpoint {
  const scheme = options.plainHttp ? 'http' : 'https'
  const whole = (/^https?:\/\//.test(url) ? url : `${scheme}://${url}`).replace(/\/+$/, '')
  const host = whole.replace(/^https?:\/\//, '').replace(/\/.*$/, '')
  // Harbor's proxy projects and the like write the API's root out.
  const base = /\/v2(\/|$)/.test(whole) ? whole : `${whole}/v2`
  const insecure = options.insecure?.includes(host) ?? false
  return { base, repository, host, namespace: registry, insecure }
}

/** The longest prefix wins. */
function rewritten(reference: Reference, rewrites: readonly Rewrite[]): Reference {
  const name = repositoryName(reference)
  const [best] = rewrites
    .filter(({ from }) => name === from || name.startsWith(`${from}/`))
    .sort((left, right) => right.from.length - left.from.length)
  if (best === undefined) return reference
  const read = parseReference(`${best.to}${name.slice(best.from.length)}`)
  if ('problem' in read)
    throw new Error(`${formatReference(reference)} rewritten to ${best.to}: ${read.problem}`)
  return read.reference
}
