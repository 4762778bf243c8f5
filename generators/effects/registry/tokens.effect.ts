/** Bearer tokens: https://distribution.github.io/distribution/spec/auth/ (token, oauth). */
import type { Credentials } from '../../images/docker-config.ts'
import type { Challenge } from '../../images/http.ts'
import { registryMessage } from '../../images/http.ts'
import { SourceError } from '../../images/source.ts'
import { isObject, type Json } from '../../model/json.ts'

export interface TokenRequest {
  readonly url: URL
  readonly method: 'GET' | 'POST'
  readonly headers: Readonly<Record<string, string>>
  readonly body?: Uint8Array
}
export interface TokenAnswer {
  readonly status: number
  readonly text: string
}

export interface Tokens {
  /** What to show for this scope; undefined when this registry has not asked for tokens yet. */
  readonly known: (host: string, scope: string) => Promise<string | undefined>
  /**
   * Answers a challenge. Whoever wants the same at the same time shares one request.
   * @param refused a token that the registry did not take, and that is not to be used again
   * @throws SourceError
   */
  readonly answer: (host: string, scope: string, challenge: Challenge, refused?: string) => Promise<string>
}

interface Token {
  readonly value: string
  /** Milliseconds since 1970. */
  readonly until: number
}

export interface TokenOptions {
  /** With retries; credentials go there and nowhere else. */
  readonly ask: (host: string, request: TokenRequest) => Promise<TokenAnswer>
  readonly credentials: (host: string, repository: string) => Promise<Credentials | undefined>
  /** Milliseconds since 1970. */
  readonly now: () => number
}

export function createTokens(options: TokenOptions): Tokens {
  const challenges = new Map<string, Challenge>()
  const kept = new Map<string, Promise<Token>>()
  const obtain = async (
    host: string,
    scope: string,
    asked: string,
    challenge: Challenge,
    refused?: string,
  ) => {
    const key = `${host} ${scope}`
    for (;;) {
      const flight = kept.get(key)
      const token = await flight
      if (token !== undefined && token.until > options.now() && token.value !== refused) return token.value
      // Somebody else may have begun anew while we waited.
      if (kept.get(key) === flight) break
    }
    const fresh = fetchToken(host, asked, challenge, options)
    kept.set(key, fresh)
    // A failure is told to whoever waits for it, and the next one tries anew.
    fresh.catch(() => kept.delete(key))
    return (await fresh).value
  }
  return {
    known: async (host, scope) => {
      const challenge = challenges.get(host)
      return challenge && obtain(host, scope, scope, challenge)
    },
    answer: async (host, scope, challenge, refused) => {
      challenges.set(host, challenge)
      return obtain(host, scope, askedScope(scope, challenge.parameters['scope']), challenge, refused)
    },
  }
}

/** The registry may know the repository by another name than its path, but what is to be done there we know. */
function askedScope(ours: string, theirs: string | undefined): string {
  if (theirs === undefined || ours.includes(' ')) return ours
  const named = /^repository:(.+):[^:]*$/.exec(theirs)?.[1]
  return named === undefined || theirs.includes(' ')
    ? theirs
    : `repository:${named}:${ours.split(':').at(-1)}`
}

async function fetchToken(
  host: string,
  scope: string,
  { parameters }: Challenge,
  { ask, credentials, now }: TokenOptions,
): Promise<Token> {
  const realm = parameters['realm'] ?? ''
  const repository = scope.split(':')[1] ?? ''
  const who = await credentials(host, repository)
  if (who?.kind === 'bearer') return { value: who.token, until: Number.POSITIVE_INFINITY }
  const asked = now()
  const { status, text } = await ask(host, tokenRequest(host, realm, parameters['service'], scope, who))
  if (status !== 200) {
    const said = registryMessage(text)
    const whom = who === undefined ? 'anonymous access' : 'the credentials of config.json'
    throw new SourceError(
      'denied',
      `${new URL(realm).host} gives no token for ${scope} (${status}${said && `, ${said}`}): it does not take ${whom}`,
      loginHint(host),
    )
  }
  let answer: Json = null
  try {
    answer = JSON.parse(text) as Json
  } catch {}
  const fields = isObject(answer) ? answer : {}
  const value = fields['token'] ?? fields['access_token']
  if (typeof value !== 'string' || value === '' || /[\r\n]/.test(value))
    throw new SourceError('unsupported', `${realm} answers without a token`)
  const promised = fields['expires_in']
  const seconds = typeof promised === 'number' && promised > 0 ? promised : 60
  // A request that begins in the last moments would be late.
  return { value, until: asked + Math.max(seconds * 0.8, seconds - 30) * 1000 }
}

function tokenRequest(
  host: string,
  realm: string,
  service: string | undefined,
  scope: string,
  who: Credentials | undefined,
): TokenRequest {
  let url: URL
  try {
    url = new URL(realm)
    if (!/^https?:$/.test(url.protocol)) throw new TypeError(realm)
  } catch {
    throw new SourceError(
      'unsupported',
      `${host} sends us for a token to ${JSON.stringify(realm)}, which is no URL`,
    )
  }
  const query: [string, string][] = service === undefined ? [] : [['service', service]]
  if (who?.kind === 'identity') {
    const grant = new URLSearchParams([
      ...query,
      ['scope', scope],
      ['grant_type', 'refresh_token'],
      ['client_id', 'leaven'],
      ['refresh_token', who.token],
    ])
    const headers = { 'content-type': 'application/x-www-form-urlencoded' }
    return { url, method: 'POST', headers, body: Buffer.from(grant.toString()) }
  }
  for (const one of scope.split(' ')) query.push(['scope', one])
  for (const [name, value] of query) url.searchParams.append(name, value)
  return { url, method: 'GET', headers: who?.kind === 'password' ? { authorization: basic(who) } : {} }
}

export function basic({
  username,
  password,
}: {
  readonly username: string
  readonly password: string
}): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`
}

export function loginHint(host: string): string {
  return `docker login ${host === 'docker.io' ? '' : host}, or name the folder of a config.json in DOCKER_CONFIG`.replace(
    '  ',
    ' ',
  )
}
