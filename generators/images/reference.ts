/**
 * Names of images, as Docker and containerd read them.
 * Source: https://github.com/distribution/reference (grammar and normalisation).
 */

/** The full name: nothing is left to be guessed. One of tag and digest is always there. */
export interface Reference {
  /** As images name it: `docker.io`, `registry.example.com:5000`, `[::1]:5000`. */
  readonly registry: string
  /** Below the registry, without a slash at either end: `library/nginx`. */
  readonly repository: string
  readonly tag?: string
  /** `sha256:<64 hex>`. */
  readonly digest?: string
}

export type ParsedReference = { readonly reference: Reference } | { readonly problem: string }

const hub = 'docker.io'
const component = /^[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*$/
const label = '[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?'
const registryName = new RegExp(`^(?:${label}(?:\\.${label})*|\\[[a-fA-F0-9:]+\\])(?::[0-9]{1,5})?$`)
const tagName = /^\w[\w.-]{0,127}$/
const digestValue = /^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/

/**
 * Reads a name as a user writes it; `nginx` is `docker.io/library/nginx:latest`.
 * @returns the full name, or what is wrong with it, in a phrase that continues `TEXT: `
 */
export function parseReference(text: string): ParsedReference {
  const at = text.indexOf('@')
  const digest = at < 0 ? undefined : text.slice(at + 1)
  const named = at < 0 ? text : text.slice(0, at)
  // A colon before the last slash belongs to the registry's port.
  const colon = named.indexOf(':', named.lastIndexOf('/') + 1)
  const tag = colon < 0 ? undefined : named.slice(colon + 1)
  const { registry, repository } = splitRegistry(colon < 0 ? named : named.slice(0, colon))
  const problem =
    registryProblem(registry) ??
    repositoryProblem(repository) ??
    (tag !== undefined && !tagName.test(tag) ? `${quoted(tag)} cannot be a tag` : undefined) ??
    (digest !== undefined && !isDigest(digest)
      ? `${quoted(digest)} is not a digest: sha256: and 64 hex digits`
      : undefined)
  if (problem !== undefined) return { problem }
  return {
    reference: {
      registry,
      repository,
      ...(tag === undefined ? {} : { tag }),
      ...(digest === undefined ? {} : { digest }),
      ...(tag === undefined && digest === undefined ? { tag: 'latest' } : {}),
    },
  }
}

export function isDigest(text: string): boolean {
  return digestValue.test(text)
}

/** The full name, as the node's containerd knows the image: `docker.io/library/nginx:1.27`. */
export function formatReference(reference: Reference): string {
  const { tag, digest } = reference
  return `${repositoryName(reference)}${tag === undefined ? '' : `:${tag}`}${digest === undefined ? '' : `@${digest}`}`
}

/**
 * The name under which a node's containerd looks for what a pod names: full, and with a digest without the tag.
 * @returns the text as it is when it is no name of an image
 */
export function fullName(text: string): string {
  const parsed = parseReference(text)
  if ('problem' in parsed) return text
  const { reference } = parsed
  return formatReference(reference.digest === undefined ? reference : withDigest(reference, reference.digest))
}

/** Registry and repository, without tag and digest. */
export function repositoryName({ registry, repository }: Reference): string {
  return `${registry}/${repository}`
}

/** As people write it: `nginx:1.27`. */
export function familiarName(reference: Reference): string {
  const full = formatReference(reference)
  if (reference.registry !== hub) return full
  const below = full.slice(hub.length + 1)
  return /^library\/[^/]+$/.test(below) ? below.slice('library/'.length) : below
}

/** The same repository, by digest alone. */
export function withDigest({ registry, repository }: Reference, digest: string): Reference {
  return { registry, repository, digest }
}

function splitRegistry(name: string): Pick<Reference, 'registry' | 'repository'> {
  const slash = name.indexOf('/')
  const first = name.slice(0, Math.max(slash, 0))
  // Docker's rule: a first part without dot, colon or capital is a user of Docker Hub, localhost apart.
  const isRegistry = /[.:A-Z]/.test(first) || first === 'localhost'
  const registry = isRegistry ? first : hub
  const repository = isRegistry ? name.slice(slash + 1) : name
  if (registry !== hub && registry !== 'index.docker.io') return { registry, repository }
  return { registry: hub, repository: repository.includes('/') ? repository : `library/${repository}` }
}

function registryProblem(registry: string): string | undefined {
  if (/^https?:$/i.test(registry)) return 'a name of an image has no https:// before it'
  return registryName.test(registry) ? undefined : `${quoted(registry)} cannot be a registry`
}

function repositoryProblem(repository: string): string | undefined {
  const name = repository.replace(/^library\/(?=[^/]*$)/, '')
  if (name === '') return 'there is no name of an image in it'
  if (repository.length > 255) return 'its name is longer than 255 characters'
  if (/^[0-9a-f]{64}$/.test(name)) return 'that is an identifier, not a name'
  if (/[A-Z]/.test(repository)) return `${quoted(name)} has capitals, which no name of an image may have`
  return repository.split('/').every((part) => component.test(part))
    ? undefined
    : `${quoted(name)} cannot be the name of an image`
}

function quoted(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text)
}
