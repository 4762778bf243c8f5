/** Stands before a registry and does what networks, proxies and overloaded registries do. */
import { once } from 'node:events'
import {
  type ClientRequest,
  createServer,
  type IncomingMessage,
  request as requestHttp,
  type ServerResponse,
} from 'node:http'
import { createServer as createTlsServer, request as requestTls } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { afterwards } from '../afterwards.ts'
import { certificates } from './certificates.ts'

/** What happens to one request; offsets count bytes of the answer's body. */
export type Fault =
  | { readonly kind: 'drop'; readonly at: number }
  /** Cuts the connection once so many bytes of the request's body have gone through. */
  | { readonly kind: 'cut'; readonly at: number }
  /** The same, but what has gone through is kept, as the specification of uploads has it: who asks is told how much. */
  | { readonly kind: 'keep'; readonly at: number }
  | { readonly kind: 'stall'; readonly at: number }
  | { readonly kind: 'corrupt'; readonly at: number }
  /** Ends early, and the length says so: nothing is missing as far as HTTP knows. */
  | { readonly kind: 'short'; readonly length: number }
  | {
      readonly kind: 'status'
      readonly status: number
      readonly headers?: Readonly<Record<string, string>>
      readonly body?: string
    }
  | { readonly kind: 'redirect'; readonly to: string }
  /** As a cache does that knows no ranges: everything, with 200. */
  | { readonly kind: 'no-range' }
  | { readonly kind: 'no-answer' }

export interface Seen {
  readonly method: string
  readonly path: string
  readonly headers: IncomingMessage['headers']
  readonly fault: Fault | undefined
}

export interface FaultProxy {
  readonly name: string
  readonly url: string
  /** Every request so far. */
  readonly seen: Seen[]
  /** Connections at one time, at most. */
  readonly most: number
  readonly stop: () => Promise<void>
}

export interface FaultProxyOptions {
  /** `http://127.0.0.1:PORT`, or https: of what stands behind. */
  readonly before: string
  readonly tls?: boolean
  /** @param count requests before this one */
  readonly faults?: (
    request: { method: string; path: string; range: string | undefined; length: string | undefined },
    count: number,
  ) => Fault | undefined
}

/** Ends with the tests of the file that starts it. */
export async function startFaultProxy({ before, tls, faults }: FaultProxyOptions): Promise<FaultProxy> {
  const seen: Seen[] = []
  const kept: Kept = new Map()
  const handle = (request: IncomingMessage, response: ServerResponse) => {
    const { method = '', url: path = '', headers } = request
    const { range, 'content-length': length } = headers
    const fault = faults?.({ method, path, range, length }, seen.length)
    seen.push({ method, path, headers, fault })
    if (fault?.kind === 'no-answer') return
    if (fault?.kind === 'status') response.writeHead(fault.status, fault.headers).end(fault.body ?? '')
    else if (fault?.kind === 'redirect') response.writeHead(307, { location: fault.to }).end()
    else if (fault?.kind === 'keep') void keep(before, request, fault.at, kept)
    else if (method === 'GET' && kept.has(path)) response.writeHead(204, kept.get(path)).end()
    else forward(before, request, response, fault)
  }
  const pems = certificates()
  const server = tls
    ? createTlsServer({ cert: pems.certificate, key: pems.key }, handle)
    : createServer(handle)
  const sockets = new Set<Socket>()
  let most = 0
  server.on('connection', (socket) => {
    sockets.add(socket)
    most = Math.max(most, sockets.size)
    socket.on('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const name = `127.0.0.1:${(server.address() as AddressInfo).port}`
  const stop = () =>
    new Promise<void>((resolve) => {
      for (const socket of sockets) socket.destroy()
      server.close(() => resolve())
    })
  afterwards(stop)
  return {
    name,
    url: `${tls ? 'https' : 'http'}://${name}`,
    seen,
    get most() {
      return most
    },
    stop,
  }
}

function forward(
  before: string,
  request: IncomingMessage,
  response: ServerResponse,
  fault: Fault | undefined,
): void {
  const headers = { ...request.headers }
  if (fault?.kind === 'no-range') delete headers.range
  const target = new URL(request.url ?? '', before)
  const ask = target.protocol === 'https:' ? requestTls : requestHttp
  const upstream = ask(target, { method: request.method, headers, rejectUnauthorized: false }, (answer) => {
    const out = { ...answer.headers }
    if (fault?.kind === 'short')
      out['content-length'] = String(Math.min(fault.length, Number(out['content-length'])))
    response.writeHead(answer.statusCode ?? 502, out)
    response.flushHeaders()
    if (request.method === 'HEAD') {
      response.end()
      answer.resume()
    } else void body(answer, response, fault)
  })
  upstream.on('error', () => response.destroy())
  response.on('close', () => upstream.destroy())
  if (fault?.kind === 'cut') void cut(request, upstream, fault.at)
  else request.pipe(upstream)
}

async function cut(request: IncomingMessage, upstream: ClientRequest, at: number): Promise<void> {
  let left = at
  for await (const chunk of request as AsyncIterable<Buffer>) {
    await new Promise((resolve) => upstream.write(chunk.subarray(0, left), resolve))
    left -= chunk.length
    if (left <= 0) break
  }
  // What was written has to have arrived.
  await new Promise((resolve) => setTimeout(resolve, 50))
  upstream.destroy()
}

/** By the path of an upload: where it goes on, and what has arrived. */
type Kept = Map<string, Record<'location' | 'range', string>>

/** Docker's registry forgets an upload that breaks off: what is to be kept is sent there as if that were all. */
async function keep(before: string, request: IncomingMessage, at: number, kept: Kept): Promise<void> {
  const { url = '', headers, method, socket } = request
  const [from] = (headers['content-range'] ?? '0').split('-')
  const some = {
    ...{ 'content-length': at, 'content-type': headers['content-type'], host: headers.host },
    ...(headers['content-range'] && { 'content-range': `${from}-${Number(from) + at - 1}` }),
  }
  const upstream = requestHttp(new URL(url, before), { method, headers: some })
  let left = at
  for await (const chunk of request as AsyncIterable<Buffer>) {
    upstream.write(chunk.subarray(0, left))
    left -= chunk.length
    if (left <= 0) break
  }
  const [answer] = (await once(upstream.end(), 'response')) as [IncomingMessage]
  const { location = '', range = '' } = answer.headers as Partial<Record<string, string>>
  kept.set(url, { location, range })
  socket.destroy()
}

async function body(answer: IncomingMessage, response: ServerResponse, fault: Fault | undefined) {
  const at = fault === undefined || !('at' in fault) ? Number.POSITIVE_INFINITY : fault.at
  const closed = once(response, 'close')
  let sent = 0
  try {
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      const here = at - sent
      const hit = here < chunk.length
      if (hit && fault?.kind === 'corrupt') chunk[here] = (chunk[here] ?? 0) ^ 0xff
      const limit = fault?.kind === 'short' ? fault.length - sent : chunk.length
      const part = hit && fault?.kind !== 'corrupt' ? chunk.subarray(0, here) : chunk.subarray(0, limit)
      sent += part.length
      if (part.length > 0 && !response.write(part)) await Promise.race([once(response, 'drain'), closed])
      if (hit && fault?.kind === 'drop') {
        // What was written has to be on its way before the connection is cut.
        await new Promise((resolve) => setTimeout(resolve, 5))
        return void response.destroy()
      }
      if (hit && fault?.kind === 'stall') return
      if (fault?.kind === 'short' && sent >= fault.length) break
    }
    response.end()
  } catch {
    response.destroy()
  }
}
