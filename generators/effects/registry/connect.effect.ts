/** Opens connections: to a host, or through the proxy that the environment names. */
import { connect as connectPlain, isIP, type Socket } from 'node:net'
import { connect as connectTls, createSecureContext, type SecureContext } from 'node:tls'
import { isLoopback, proxyFor, readHead } from '../../images/http.ts'
import { asWireError, networkMessage, WireError } from './exchange.effect.ts'
import { createBuffers, createQueue } from './inbox.effect.ts'
import { type TrustOptions, trust } from './trust.effect.ts'
import { createWire, type Wire } from './wire.effect.ts'

export interface Destination {
  /** Scheme, host and port; nothing else of it matters. */
  readonly url: URL
  /** Whose certificates are meant. */
  readonly host: string
  readonly insecure: boolean
}

export interface Line {
  readonly wire: Wire
  /** The proxy that takes whole URLs and these headers; undefined when there is none, or it only passes on. */
  readonly proxyHeaders: Readonly<Record<string, string>> | undefined
}

export type Connect = (to: Destination, milliseconds: number, signal: AbortSignal) => Promise<Line>

/** @returns a function that keeps what it read of certificates */
export function createConnect(options: TrustOptions): Connect {
  const contexts = new Map<string, SecureContext>()
  const context = (host: string) => {
    const known = contexts.get(host) ?? createSecureContext(trust(host, options))
    contexts.set(host, known)
    return known
  }
  return async (to, milliseconds, signal) => {
    const proxy = readProxy(to.url, options.env)
    const opened: Socket[] = []
    const timer = setTimeout(() => {
      const where = proxy === undefined ? '' : ` through ${proxy.host}`
      for (const socket of opened)
        socket.destroy(new WireError(`no connection${where} after ${milliseconds / 1000} s`))
    }, milliseconds)
    const stop = () => {
      for (const socket of opened) socket.destroy(new WireError('stopped'))
    }
    signal.addEventListener('abort', stop)
    try {
      return await open(to, proxy, context, opened)
    } catch (cause) {
      stop()
      throw asWireError(cause)
    } finally {
      clearTimeout(timer)
      signal.removeEventListener('abort', stop)
    }
  }
}

async function open(
  to: Destination,
  proxy: URL | undefined,
  context: (host: string) => SecureContext,
  opened: Socket[],
): Promise<Line> {
  const secure = to.url.protocol === 'https:'
  const first = proxy ?? to.url
  const keep = <S extends Socket>(socket: S) => {
    opened.push(socket)
    return socket
  }
  if (proxy === undefined) {
    const box = createBuffers()
    const options = { ...address(first), onread: box.onread, noDelay: true, keepAlive: true }
    const socket = keep(secure ? connectTls({ ...options, ...tls(to, context) }) : connectPlain(options))
    const wire = createWire(socket, box)
    await ready(socket, secure ? 'secureConnect' : 'connect')
    return { wire, proxyHeaders: undefined }
  }
  const outer = keep(
    first.protocol === 'https:'
      ? connectTls({ ...address(first), ...tls({ url: first, host: first.host, insecure: false }, context) })
      : connectPlain({ ...address(first), noDelay: true }),
  )
  try {
    await ready(outer, first.protocol === 'https:' ? 'secureConnect' : 'connect')
    const proxyHeaders = authorization(first)
    if (!secure) return { wire: queued(outer), proxyHeaders }
    await tunnel(outer, to.url, proxyHeaders)
  } catch (cause) {
    throw new WireError(`proxy ${first.host}: ${networkMessage(cause)}`)
  }
  // From here on the inner connection tells what goes wrong.
  outer.on('error', () => undefined)
  const inner = keep(connectTls({ socket: outer, ...tls(to, context) }))
  const wire = queued(inner)
  await ready(inner, 'secureConnect')
  return { wire, proxyHeaders: undefined }
}

function queued(socket: Socket): Wire {
  const queue = createQueue()
  socket.on('data', (bytes: Buffer) => {
    queue.receive(bytes)
    if (queue.isFull()) socket.pause()
  })
  return createWire(socket, queue)
}

function readProxy(url: URL, env: TrustOptions['env']): URL | undefined {
  let proxy: URL | undefined
  try {
    proxy = proxyFor(url, env)
  } catch {
    throw new WireError('HTTPS_PROXY, HTTP_PROXY or ALL_PROXY is not a URL')
  }
  if (proxy !== undefined && !/^https?:$/.test(proxy.protocol))
    throw new WireError(`proxy ${proxy.protocol}//${proxy.host}: only http:// and https:// proxies are known`)
  return proxy
}

function address(url: URL): { readonly host: string; readonly port: number } {
  const host = url.hostname.replace(/^\[|\]$/g, '')
  return { host, port: Number(url.port || (url.protocol === 'https:' ? 443 : 80)) }
}

function tls({ url, host, insecure }: Destination, context: (host: string) => SecureContext) {
  const { host: name } = address(url)
  return {
    host: name,
    secureContext: context(host),
    rejectUnauthorized: !insecure,
    ALPNProtocols: ['http/1.1'],
    // SNI carries names only.
    ...(isIP(name) === 0 ? { servername: name } : {}),
  }
}

function ready(socket: Socket, event: 'connect' | 'secureConnect'): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once(event, () => resolve())
    socket.once('error', reject)
    socket.once('close', () => reject(new WireError('the connection was closed')))
  })
}

/** https://www.rfc-editor.org/rfc/rfc9110#name-connect */
async function tunnel(socket: Socket, to: URL, headers: Readonly<Record<string, string>>): Promise<void> {
  const authority = `${to.hostname}:${address(to).port}`
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  socket.write(`CONNECT ${authority} HTTP/1.1\r\nhost: ${authority}\r\n${lines.join('')}\r\n`)
  let text = ''
  for (;;) {
    const bytes = (socket.read() as Buffer | null) ?? (await readable(socket))
    text += bytes?.toString('latin1') ?? ''
    const end = text.indexOf('\r\n\r\n')
    if (end < 0 && text.length < 65_536) continue
    const head = readHead(text.slice(0, end))
    if (head?.status === 200) return
    throw new WireError(
      head?.status === 407 ? 'it wants other credentials (407)' : `it refuses (${head?.status ?? 'no HTTP'})`,
    )
  }
}

function readable(socket: Socket): Promise<undefined> {
  return new Promise((resolve, reject) => {
    socket.once('readable', () => resolve(undefined))
    socket.once('end', () => reject(new WireError('the connection was closed')))
    socket.once('error', reject)
  })
}

function authorization({ username, password }: URL): Readonly<Record<string, string>> {
  if (username === '') return {}
  const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`
  return { 'proxy-authorization': `Basic ${Buffer.from(pair).toString('base64')}` }
}

/** Why TLS failed, and what helps. */
export function certificateHint(url: URL, message: string): string | undefined {
  if (/does not speak TLS/.test(message))
    return isLoopback(url.hostname) || url.port !== ''
      ? '--plain-http when the registry speaks HTTP only'
      : undefined
  if (/certificate|self.signed|altnames|unable to verify/i.test(message))
    return `name who signed its certificate: --ca FILE, or put it in /etc/docker/certs.d/${url.host}/ca.crt`
  return undefined
}
