/** What registries say in HTTP/1.1 headers: https://www.rfc-editor.org/rfc/rfc9110, rfc9112, rfc6750. */
import { matches } from './no-proxy.ts'

export interface Head {
  readonly status: number
  /** Names in lower case; what is repeated is joined by a comma. */
  readonly headers: ReadonlyMap<string, string>
  /** Whether another request may follow on this connection. */
  readonly keepAlive: boolean
}

/** Undefined when it is no head of an HTTP/1 response. */
export function readHead(text: string): Head | undefined {
  const [first = '', ...lines] = text.split('\r\n')
  const [, minor, status] = /^HTTP\/1\.(\d) (\d{3})(?: |$)/.exec(first) ?? []
  if (status === undefined) return undefined
  const headers = new Map<string, string>()
  for (const line of lines) {
    const colon = line.indexOf(':')
    if (colon < 1) continue
    const name = line.slice(0, colon).toLowerCase()
    const value = line.slice(colon + 1).trim()
    const before = headers.get(name)
    headers.set(name, before === undefined ? value : `${before}, ${value}`)
  }
  const connection = headers.get('connection')?.toLowerCase() ?? ''
  const keepAlive = minor === '0' ? connection.includes('keep-alive') : !connection.includes('close')
  return { status: Number(status), headers, keepAlive }
}

export interface Challenge {
  /** In lower case: `bearer`, `basic`. */
  readonly scheme: string
  readonly parameters: Readonly<Record<string, string>>
}

/** Reads `WWW-Authenticate`, also several challenges in one header. */
export function parseChallenges(header: string): readonly Challenge[] {
  const challenges: { scheme: string; parameters: Record<string, string> }[] = []
  const part = /([A-Za-z0-9!#$%&'*+.^_`|~-]+)(?:\s*=\s*("(?:[^"\\]|\\.)*"|[^\s,"]*))?\s*,?\s*/y
  part.lastIndex = header.length - header.trimStart().length
  for (let found = part.exec(header); found !== null; found = part.exec(header)) {
    const [, name = '', value] = found
    if (value === undefined) challenges.push({ scheme: name.toLowerCase(), parameters: {} })
    else {
      const plain = value.startsWith('"') ? value.slice(1, -1).replaceAll(/\\(.)/g, '$1') : value
      const last = challenges.at(-1)
      if (last !== undefined) last.parameters[name.toLowerCase()] = plain
    }
  }
  return challenges
}

/**
 * How long `Retry-After` asks to wait: seconds, or a date.
 * @param now milliseconds since 1970
 * @returns milliseconds, never negative; undefined when it says nothing
 */
export function retryAfter(header: string | undefined, now: number): number | undefined {
  if (header === undefined) return undefined
  if (/^\d{1,9}$/.test(header)) return Number(header) * 1000
  // Dates of HTTP begin with a day of the week; Date.parse would take much more.
  const date = /^[A-Z][a-z]{2}/.test(header) ? Date.parse(header) : Number.NaN
  return Number.isNaN(date) ? undefined : Math.max(0, date - now)
}

/** The first byte of `Content-Range: bytes 100-199/200`. */
export function rangeStart(header: string | undefined): number | undefined {
  const start = /^bytes (\d+)-\d+\//.exec(header ?? '')?.[1]
  return start === undefined ? undefined : Number(start)
}

/**
 * The proxy that the environment names for a URL, as curl and Go read it.
 * @throws TypeError when the variable holds no URL
 */
export function proxyFor(url: URL, env: Readonly<Record<string, string | undefined>>): URL | undefined {
  const variable = (name: string) => env[name.toLowerCase()] || env[name]
  const secure = url.protocol === 'https:'
  // In upper case a CGI program would take a request's Proxy header for it; curl has only the small one.
  const named =
    (secure ? variable('HTTPS_PROXY') : env['http_proxy'] || env['HTTP_PROXY']) || variable('ALL_PROXY')
  if (named === undefined || named === '' || isLoopback(url.hostname)) return undefined
  if (matches(variable('NO_PROXY') ?? '', url.hostname, url.port || (secure ? '443' : '80'))) return undefined
  return new URL(/^[a-z0-9+.-]+:\/\//i.test(named) ? named : `http://${named}`)
}

export function isLoopback(host: string): boolean {
  return /^(localhost|127(\.\d{1,3}){3}|\[?::1\]?)$/.test(host)
}

/** `code: message` of a registry's answer, cut to one line; empty when it says nothing. */
export function registryMessage(body: string): string {
  try {
    const { errors, details, error_description, error } = JSON.parse(body) as Record<string, unknown>
    const [first] = Array.isArray(errors) ? (errors as Record<string, unknown>[]) : []
    const texts =
      first === undefined ? [error_description ?? details ?? error] : [first['code'], first['message']]
    return oneLine(texts.filter((text) => typeof text === 'string' && text !== '').join(': '))
  } catch {
    return ''
  }
}

/** Of what a stranger says, nothing steers the reader's terminal. */
function oneLine(text: string): string {
  return text
    .replaceAll(/[\p{Cc}\p{Cf}]+/gu, ' ')
    .trim()
    .slice(0, 200)
}
