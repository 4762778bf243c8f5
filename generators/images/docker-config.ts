/**
 * Whom Docker's and Podman's configuration files name for a registry.
 * Sources: https://docs.docker.com/reference/cli/docker/login/,
 * https://github.com/containers/image/blob/main/docs/containers-auth.json.5.md
 */
import { isObject, type Json, type JsonObject } from '../model/json.ts'

/** What a registry is shown. */
export type Credentials =
  | { readonly kind: 'password'; readonly username: string; readonly password: string }
  /** Traded for tokens, where a password would be. */
  | { readonly kind: 'identity'; readonly token: string }
  /** Shown as it is. */
  | { readonly kind: 'bearer'; readonly token: string }

export type Found =
  /** Ask `docker-credential-<helper>` for `server`. */
  { readonly helper: string; readonly server: string } | { readonly credentials: Credentials } | undefined

/** Docker's name for its own registry, from the days of its first API. */
const hubKey = 'https://index.docker.io/v1/'

/**
 * @param config the document, as it was read
 * @param host as images name the registry
 * @param repository for entries that hold for a part of a registry
 */
export function findCredentials(config: Json, host: string, repository: string): Found {
  if (!isObject(config)) return undefined
  const server = host === 'docker.io' ? hubKey : host
  const helpers = isObject(config['credHelpers']) ? config['credHelpers'] : {}
  const helper = helpers[host] ?? helpers[server]
  if (typeof helper === 'string' && helper !== '') return { helper, server }
  const auths = isObject(config['auths']) ? config['auths'] : {}
  const entry = findEntry(auths, host, repository)
  const credentials = entry && readEntry(entry)
  if (credentials !== undefined) return { credentials }
  const store = config['credsStore']
  return typeof store === 'string' && store !== '' ? { helper: store, server } : undefined
}

/** What `docker-credential-X get` prints; undefined when it is not that. */
export function readHelperAnswer(text: string): Credentials | undefined {
  let answer: Json
  try {
    answer = JSON.parse(text) as Json
  } catch {
    return undefined
  }
  if (!isObject(answer)) return undefined
  const { Username: username, Secret: password } = answer
  if (typeof username !== 'string' || typeof password !== 'string') return undefined
  return username === '<token>'
    ? { kind: 'identity', token: password }
    : { kind: 'password', username, password }
}

/** The longest key that the image's name begins with; keys may be URLs. */
function findEntry(auths: JsonObject, host: string, repository: string): JsonObject | undefined {
  const names = new Map(
    Object.entries(auths).map(([key, value]) => [
      key.replace(/^https?:\/\//, '').replace(/\/(v[12]\/?)?$/, ''),
      value,
    ]),
  )
  const parts = `${host}/${repository}`.split('/')
  for (let count = parts.length; count > 0; count -= 1) {
    const found = names.get(parts.slice(0, count).join('/'))
    if (isObject(found)) return found
  }
  const hub =
    host === 'docker.io' ? (names.get('index.docker.io') ?? names.get('registry-1.docker.io')) : undefined
  return isObject(hub) ? hub : undefined
}

function readEntry(entry: JsonObject): Credentials | undefined {
  const field = (name: string) => {
    const value = entry[name]
    return typeof value === 'string' && value !== '' ? value : undefined
  }
  const identity = field('identitytoken')
  if (identity !== undefined) return { kind: 'identity', token: identity }
  const bearer = field('registrytoken')
  if (bearer !== undefined) return { kind: 'bearer', token: bearer }
  const decoded = Buffer.from(field('auth') ?? '', 'base64')
    .toString()
    .replace(/\0+$/, '')
  const colon = decoded.indexOf(':')
  const username = field('username') ?? (colon > 0 ? decoded.slice(0, colon) : undefined)
  const password = field('password') ?? (colon > 0 ? decoded.slice(colon + 1) : undefined)
  return username === undefined || password === undefined
    ? undefined
    : { kind: 'password', username, password }
}
