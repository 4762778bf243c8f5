/** One request and its answer on one connection: https://www.rfc-editor.org/rfc/rfc9112 */
import { type Head, readHead } from '../../images/http.ts'
import { SourceError } from '../../images/source.ts'
import type { Wire } from './wire.effect.ts'

export interface Request {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  readonly body?: Body
}

export interface Body {
  /** In bytes, exactly. */
  readonly length: number
  readonly chunks: () => AsyncIterable<Uint8Array> | Iterable<Uint8Array>
}

export interface Response {
  readonly status: number
  readonly headers: ReadonlyMap<string, string>
  /** Read once. Who stops early ends the connection. Bytes stay as they are until the next are asked for. */
  readonly body: AsyncIterable<Uint8Array>
}

export interface Timeouts {
  /** Until there is a connection, TLS included. Milliseconds, as all of these. */
  readonly connect: number
  /** Until the answer begins. */
  readonly answer: number
  /** Without a single byte in either direction. */
  readonly stall: number
}

/** The connection does not do what HTTP or the clock ask of it; worth another try. */
export class WireError extends Error {
  /** The other side is there and says nothing, which a fresh connection would not change. */
  readonly timedOut: boolean
  constructor(message: string, timedOut = false) {
    super(message)
    this.timedOut = timedOut
  }
}

const maxHead = 64 * 1024

/**
 * @param target what stands in the request's first line: a path, or to a proxy the whole URL
 * @param done called once with whether another request may follow
 * @throws WireError
 */
export async function exchange(
  wire: Wire,
  request: Request,
  { target, timeouts, done }: { target: string; timeouts: Timeouts; done: (reusable: boolean) => void },
): Promise<Response> {
  const watch = startWatch(wire, timeouts)
  try {
    const sent = send(wire, request, target, timeouts, watch)
    // What cannot be sent is explained by the answer; what cannot be read here is not.
    const head = await Promise.race([readAnswer(wire, watch), sent.then(() => new Promise<never>(() => {}))])
    const reusable = head.keepAlive && (await isSettled(sent))
    watch.phase(timeouts.stall, 'nothing came')
    watch.rest()
    const finish = (whole: boolean) => {
      watch.rest()
      done(whole && reusable && wire.isQuiet())
    }
    const body = readBody(wire, request.method, head, finish, watch)
    return { status: head.status, headers: head.headers, body }
  } catch (cause) {
    watch.rest()
    done(false)
    // What cannot be read here is no fault of the network's.
    throw cause instanceof SourceError ? cause : asWireError(cause)
  }
}

interface Watch {
  /** Something moved. */
  readonly touch: () => void
  /** From here on it is not the other side that is waited for. */
  readonly rest: () => void
  readonly phase: (milliseconds: number, what: string) => void
}

/** One timer a request; a connection that makes it wait too long is ended. */
function startWatch(wire: Wire, timeouts: Timeouts): Watch {
  let timer: NodeJS.Timeout | undefined
  let current = { milliseconds: timeouts.answer, what: 'no answer' }
  const rest = () => {
    clearTimeout(timer)
    timer = undefined
  }
  const touch = () => {
    if (timer !== undefined) return void timer.refresh()
    const { milliseconds, what } = current
    timer = setTimeout(
      () => wire.socket.destroy(new WireError(`${what} for ${milliseconds / 1000} s`, true)),
      milliseconds,
    )
  }
  const phase = (milliseconds: number, what: string) => {
    rest()
    current = { milliseconds, what }
    touch()
  }
  touch()
  return { touch, rest, phase }
}

async function send(wire: Wire, request: Request, target: string, timeouts: Timeouts, watch: Watch) {
  const { method, url, headers, body } = request
  const lines = [`${method} ${target} HTTP/1.1`, `host: ${url.host}`]
  for (const [name, value] of Object.entries(headers)) {
    // A header that holds a line break would be two.
    if (/[\r\n]/.test(value)) throw new WireError(`the header ${name} cannot be sent`)
    lines.push(`${name}: ${value}`)
  }
  if (body !== undefined || method === 'POST' || method === 'PUT' || method === 'PATCH')
    lines.push(`content-length: ${body?.length ?? 0}`)
  const write = (bytes: Uint8Array | string) =>
    wire.write(bytes).then(
      () => true,
      () => false,
    )
  if (!(await write(`${lines.join('\r\n')}\r\n\r\n`)) || body === undefined) return
  watch.phase(timeouts.stall, 'nothing could be sent')
  for await (const chunk of body.chunks()) {
    watch.touch()
    if (!(await write(chunk))) return
  }
  watch.phase(timeouts.answer, 'no answer')
}

async function isSettled(sent: Promise<void>): Promise<boolean> {
  return Promise.race([
    sent.then(() => true),
    new Promise<boolean>((resolve) => setImmediate(resolve, false)),
  ])
}

async function readAnswer(wire: Wire, watch: Watch): Promise<Head> {
  let text = Buffer.alloc(0)
  for (;;) {
    const bytes = await wire.read()
    if (bytes === undefined) throw new WireError('the connection was closed before the answer')
    watch.touch()
    const before = text.length
    text = Buffer.concat([text, bytes])
    const end = text.indexOf('\r\n\r\n', Math.max(0, before - 3))
    if (end < 0 && text.length > maxHead) throw new WireError('the answer begins with endless headers')
    if (end < 0) continue
    const head = readHead(text.toString('latin1', 0, end))
    if (head === undefined) throw new WireError('the answer is not HTTP/1.1')
    wire.unread(bytes.subarray(end + 4 - before))
    // 100 Continue and the like only say that the answer is still to come.
    if (head.status >= 200) return head
    text = Buffer.alloc(0)
  }
}

/** Counts what belongs to the answer: by its length, in chunks, or until the end of the connection. */
async function* readBody(
  wire: Wire,
  method: string,
  head: Head,
  finish: (whole: boolean) => void,
  watch: Watch,
): AsyncGenerator<Uint8Array, void, undefined> {
  let whole = false
  const next = async () => {
    watch.touch()
    const bytes = await wire.read().catch((cause: unknown) => {
      throw asWireError(cause)
    })
    // The reader may take its time.
    watch.rest()
    return bytes
  }
  try {
    if (method !== 'HEAD' && head.status !== 204 && head.status !== 304) {
      const length = head.headers.get('content-length')
      if (head.headers.get('transfer-encoding')?.toLowerCase().includes('chunked'))
        yield* readChunked(wire, next)
      else if (length !== undefined) yield* readExactly(wire, next, Number(length))
      else for (let bytes = await next(); bytes !== undefined; bytes = await next()) yield bytes
    }
    whole = true
  } finally {
    finish(whole)
  }
}

type Next = () => Promise<Uint8Array | undefined>

async function* readExactly(wire: Wire, next: Next, length: number) {
  for (let left = length; left > 0; ) {
    const bytes = await next()
    if (bytes === undefined) throw new WireError(`the connection was closed ${left} bytes before the end`)
    const here = bytes.length > left ? bytes.subarray(0, left) : bytes
    if (here !== bytes) wire.unread(bytes.subarray(left))
    left -= here.length
    yield here
  }
}

async function* readChunked(wire: Wire, next: Next) {
  for (;;) {
    const line = await readLine(wire, next)
    const size = /^([0-9a-f]{1,8})(?:\s*;.*)?$/i.exec(line)?.[1]
    if (size === undefined) throw new WireError('the answer is not chunked as it says')
    if (Number.parseInt(size, 16) === 0) break
    yield* readExactly(wire, next, Number.parseInt(size, 16))
    await readLine(wire, next)
  }
  // Trailers, up to an empty line.
  while ((await readLine(wire, next)) !== '');
}

async function readLine(wire: Wire, next: Next): Promise<string> {
  let line = ''
  for (;;) {
    const bytes = await next()
    if (bytes === undefined) throw new WireError('the connection was closed before the end')
    const end = bytes.indexOf(0x0a)
    line += Buffer.from(end < 0 ? bytes : bytes.subarray(0, end)).toString('latin1')
    if (line.length > maxHead) throw new WireError('the answer is not chunked as it says')
    if (end < 0) continue
    wire.unread(bytes.subarray(end + 1))
    return line.replace(/\r$/, '')
  }
}

const explained: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nobody listens there (connection refused)',
  ECONNRESET: 'the connection was reset',
  EPIPE: 'the connection was closed',
  ENOTFOUND: 'there is no such host',
  EAI_AGAIN: 'the host cannot be looked up (DNS does not answer)',
  ENETUNREACH: 'the network cannot be reached',
  EHOSTUNREACH: 'the host cannot be reached',
  ETIMEDOUT: 'the connection timed out',
  ERR_SSL_WRONG_VERSION_NUMBER: 'it does not speak TLS',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: 'it does not speak TLS',
  EPROTO: 'TLS failed',
}

export function asWireError(cause: unknown): WireError {
  return cause instanceof WireError ? cause : new WireError(networkMessage(cause))
}

/** What the system's codes mean, in words. */
export function networkMessage(cause: unknown): string {
  const { code, message } = cause as NodeJS.ErrnoException
  // Of several addresses each failed in its own way; the first tells enough.
  if (cause instanceof AggregateError && cause.errors[0] !== undefined) return networkMessage(cause.errors[0])
  return explained[code ?? ''] ?? message ?? String(cause)
}
