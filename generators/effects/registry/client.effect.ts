/** Requests to a registry: authorised, and sent on to where it keeps its blobs. */
import type { Credentials } from '../../images/docker-config.ts'
import type { Endpoint, EndpointOptions } from '../../images/endpoints.ts'
import { parseChallenges, registryMessage } from '../../images/http.ts'
import { SourceError } from '../../images/source.ts'
import { certificateHint, createConnect } from './connect.effect.ts'
import { createFindCredentials } from './credentials.effect.ts'
import { type Body, type Request, type Response, type Timeouts, WireError } from './exchange.effect.ts'
import {
  askedPause,
  type Clock,
  createPatience,
  type Patience,
  systemClock,
  Transient,
  transientStatus,
} from './patience.effect.ts'
import { createPool, type Pool } from './pool.effect.ts'
import { basic, createTokens, loginHint, type TokenRequest, type Tokens } from './tokens.effect.ts'
import type { TrustOptions } from './trust.effect.ts'

export interface RegistryOptions extends EndpointOptions, TrustOptions {
  /** To one host at a time; 8 when left out. */
  readonly connections?: number
  readonly clock?: Clock
  readonly timeouts?: Partial<Timeouts>
  /** Told before a pause, so that whoever watches knows why nothing moves. */
  readonly retrying?: (message: string, milliseconds: number) => void
}

export interface Ask {
  readonly method: Request['method']
  /** Below the endpoint's base, such as `/library/nginx/tags/list`; or a whole URL that the registry gave. */
  readonly path: string | URL
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Body
  /** What is done to the repository. */
  readonly actions: 'pull' | 'pull,push'
  /** A repository that is read besides: a blob is taken over from there. */
  readonly from?: string
}

export interface Client {
  /**
   * One try. A failed connection or a registry in trouble is a Transient; every other answer is the caller's.
   * @throws Transient, SourceError, or the signal's reason
   */
  readonly send: (endpoint: Endpoint, ask: Ask, signal: AbortSignal) => Promise<Response>
  /** @param tries with every registry; 6 when left out */
  readonly patience: (tries?: number) => Patience
  readonly close: () => void
}

const defaults: Timeouts = { connect: 15_000, answer: 60_000, stall: 30_000 }
/** What an error says of itself is short. */
const maxMessage = 64 * 1024

interface Setup {
  readonly pool: Pool
  readonly clock: Clock
  readonly tokens: Tokens
  readonly credentials: (host: string, repository: string) => Promise<Credentials | undefined>
  /** Registries that want a password with every request. */
  readonly passwords: Set<string>
}

export function createClient(options: RegistryOptions): Client {
  const clock = options.clock ?? systemClock
  const retrying = options.retrying ?? (() => undefined)
  const pool = createPool(
    createConnect(options),
    { ...defaults, ...options.timeouts },
    options.connections ?? 8,
  )
  const credentials = createFindCredentials(options.env)
  const patience = (tries = 6) => createPatience(tries, clock, retrying)
  const ended = new AbortController()
  const ask = (host: string, request: TokenRequest) =>
    askForToken(pool, host, request, patience(), clock, ended.signal)
  const tokens = createTokens({ ask, credentials, now: clock.now })
  const setup: Setup = { pool, clock, tokens, credentials, passwords: new Set() }
  const close = () => {
    ended.abort(new Error('closed'))
    pool.close()
  }
  return { send: (endpoint, one, signal) => send(setup, endpoint, one, signal), patience, close }
}

async function send(setup: Setup, endpoint: Endpoint, ask: Ask, signal: AbortSignal): Promise<Response> {
  const besides = ask.from === undefined ? '' : ` repository:${ask.from}:pull`
  const scope = `repository:${endpoint.repository}:${ask.actions}${besides}`
  const shown = await knownAuthorization(setup, endpoint, scope)
  const first = await follow(setup, endpoint, ask, shown, signal)
  if (first.status !== 401) return unlessInTrouble(first, setup.clock)
  const text = await readText(first)
  const proof = await prove(setup, endpoint, scope, first, shown)
  // What was shown already and refused is wrong, and nothing else is known.
  if (proof === undefined || proof === shown) throw refusal(endpoint, 401, text)
  const second = await follow(setup, endpoint, ask, proof, signal)
  if (second.status === 401) throw refusal(endpoint, 401, await readText(second))
  return unlessInTrouble(second, setup.clock)
}

async function knownAuthorization(
  { tokens, credentials, passwords }: Setup,
  endpoint: Endpoint,
  scope: string,
) {
  const { host, repository } = endpoint
  const token = await tokens.known(host, scope)
  if (token !== undefined) return `Bearer ${token}`
  const who = passwords.has(host) ? await credentials(host, repository) : undefined
  return who?.kind === 'password' ? basic(who) : undefined
}

/** @returns what to show to a registry that asks who we are; undefined when we have nothing for it */
async function prove(
  setup: Setup,
  { host, repository }: Endpoint,
  scope: string,
  { headers }: Response,
  shown: string | undefined,
) {
  const challenges = parseChallenges(headers.get('www-authenticate') ?? '')
  const bearer = challenges.find(({ scheme }) => scheme === 'bearer')
  if (bearer !== undefined)
    return `Bearer ${await setup.tokens.answer(host, scope, bearer, shown?.replace(/^Bearer /, ''))}`
  if (!challenges.some(({ scheme }) => scheme === 'basic')) return undefined
  const who = await setup.credentials(host, repository)
  setup.passwords.add(host)
  return who?.kind === 'password' ? basic(who) : undefined
}

/** Redirects, mostly to where blobs are stored: who we are is nobody's business there. */
async function follow(
  { pool }: Setup,
  endpoint: Endpoint,
  { method, path, headers = {}, body }: Ask,
  authorization: string | undefined,
  signal: AbortSignal,
): Promise<Response> {
  const start = path instanceof URL ? path : new URL(endpoint.base + path)
  let url = start
  if (!(path instanceof URL) && endpoint.namespace !== undefined)
    url.searchParams.set('ns', endpoint.namespace)
  for (let hop = 0; hop < 6; hop += 1) {
    // Another port is another server; and what was sent encrypted is not sent in the clear.
    const home = url.host === new URL(endpoint.base).host && url.protocol === new URL(endpoint.base).protocol
    const to = home
      ? { url, host: endpoint.host, insecure: endpoint.insecure }
      : { url, host: url.host, insecure: false }
    const request: Request = {
      method,
      url,
      headers: {
        'user-agent': 'leaven',
        'accept-encoding': 'identity',
        ...headers,
        ...(home && authorization !== undefined ? { authorization } : {}),
      },
      ...(body === undefined ? {} : { body }),
    }
    const response = await pool.request(to, request, signal).catch((cause: unknown) => {
      throw cause instanceof WireError ? unreachable(url, cause) : cause
    })
    const location = response.headers.get('location')
    const redirected = [301, 302, 303, 307, 308].includes(response.status)
    if (!redirected || location === undefined) return response
    await readText(response)
    if (!URL.canParse(location, url.href)) throw new Transient(`${url.host} redirects to what is no URL`)
    url = new URL(location, url)
    if (!/^https?:$/.test(url.protocol)) throw new Transient(`${start.host} redirects to ${url.protocol}`)
  }
  throw new SourceError('unreachable', `${start.host} redirects in circles`)
}

/** What no second try will mend is said at once. */
function unreachable(url: URL, { message }: WireError): Transient | SourceError {
  const text = `${url.host}: ${message}`
  const hint = certificateHint(url, message)
  if (hint !== undefined) return new SourceError('unreachable', text, hint)
  return /no such host|stopped/.test(message) ? new SourceError('unreachable', text) : new Transient(text)
}

async function unlessInTrouble(response: Response, clock: Clock): Promise<Response> {
  if (!transientStatus(response.status)) return response
  const said = registryMessage(await readText(response))
  throw new Transient(
    `${response.status}${said && ` ${said}`}`,
    'unreachable',
    askedPause(response.headers, clock),
  )
}

function refusal({ host }: Endpoint, status: number, text: string): SourceError {
  const said = registryMessage(text)
  return new SourceError('denied', `access denied (${status}${said && ` ${said}`})`, loginHint(host))
}

/** An answer that nobody can use, in the registry's own words. */
export function refused(
  endpoint: Endpoint,
  { status, text }: { readonly status: number; readonly text: string },
): SourceError {
  if (status === 401 || status === 403) return refusal(endpoint, status, text)
  const said = registryMessage(text)
  return new SourceError('unsupported', `it answers ${status}${said && ` ${said}`}`)
}

/** What is said, as far as it is of use; the connection can be used again. */
export async function readText({ body }: Response): Promise<string> {
  const chunks: Uint8Array[] = []
  let total = 0
  try {
    for await (const chunk of body) {
      // A copy: the buffer is filled anew.
      chunks.push(chunk.slice())
      total += chunk.length
      if (total > maxMessage) break
    }
  } catch (cause) {
    if (!(cause instanceof WireError)) throw cause
  }
  return Buffer.concat(chunks).toString()
}

async function askForToken(
  pool: Pool,
  host: string,
  { url, method, headers, body }: TokenRequest,
  patience: Patience,
  clock: Clock,
  signal: AbortSignal,
) {
  const request: Request = {
    method,
    url,
    headers: {
      'user-agent': 'leaven',
      accept: 'application/json',
      'accept-encoding': 'identity',
      ...headers,
    },
    ...(body === undefined ? {} : { body: { length: body.length, chunks: () => [body] } }),
  }
  // A registry and its tokens may be one server, with one certificate.
  const to = { url, host: url.host === host ? host : url.host, insecure: false }
  for (;;)
    try {
      const response = await unlessInTrouble(await pool.request(to, request, signal), clock)
      return { status: response.status, text: await readText(response) }
    } catch (cause) {
      const reason = cause instanceof WireError ? unreachable(url, cause) : cause
      if (!(reason instanceof Transient)) throw reason
      await patience.wait(reason, signal)
    }
}
