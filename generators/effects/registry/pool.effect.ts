/** Connections that stay open for the next request, and never more than so many to one host. */
import { setMaxListeners } from 'node:events'
import type { Connect, Destination, Line } from './connect.effect.ts'
import { exchange, type Request, type Response, type Timeouts, WireError } from './exchange.effect.ts'

export interface Pool {
  /**
   * One request, one answer, no retry.
   * @throws WireError, or the signal's reason
   */
  readonly request: (to: Destination, request: Request, signal: AbortSignal) => Promise<Response>
  readonly close: () => void
}

interface Host {
  readonly idle: Line[]
  readonly busy: Set<Line>
  /** Requests that have a connection, or are opening one. */
  active: number
  readonly waiting: (() => void)[]
}

/** @param most connections to one host */
export function createPool(connect: Connect, timeouts: Timeouts, most: number): Pool {
  const hosts = new Map<string, Host>()
  const hostOf = ({ url, host, insecure }: Destination) => {
    const key = `${url.protocol}//${url.host} ${host} ${insecure}`
    const known = hosts.get(key) ?? { idle: [], busy: new Set(), active: 0, waiting: [] }
    hosts.set(key, known)
    return known
  }
  const request: Pool['request'] = async (to, asked, signal) => {
    const host = hostOf(to)
    for (;;) {
      await admit(host, most, signal)
      const kept = takeIdle(host)
      const line = kept ?? (await connect(to, timeouts.connect, signal).catch(refused(host)))
      try {
        return await exchangeOn(host, line, asked, timeouts, signal)
      } catch (cause) {
        signal.throwIfAborted()
        // The server had closed it while nobody looked; a fresh one tells the truth.
        const stale = kept !== undefined && cause instanceof WireError && !cause.timedOut
        if (!stale || asked.body !== undefined) throw cause
      }
    }
  }
  const close = () => {
    for (const { idle, busy } of hosts.values())
      for (const { wire } of [...idle, ...busy]) wire.socket.destroy()
  }
  return { request, close }
}

/** The place is free again, whatever came of it. */
function refused(host: Host): (cause: unknown) => never {
  return (cause) => {
    release(host)
    throw cause
  }
}

/** The line is kept for the next request once its answer was read to the end. */
function exchangeOn(host: Host, line: Line, request: Request, timeouts: Timeouts, signal: AbortSignal) {
  const { socket } = line.wire
  host.busy.add(line)
  socket.ref()
  const stop = () => socket.destroy(new WireError('stopped'))
  signal.addEventListener('abort', stop)
  const done = (reusable: boolean) => {
    signal.removeEventListener('abort', stop)
    host.busy.delete(line)
    if (reusable) host.idle.push(line)
    else socket.destroy()
    // What is only kept does not keep the process.
    socket.unref()
    release(host)
  }
  return exchange(line.wire, withProxy(request, line), { target: target(request, line), timeouts, done })
}

function takeIdle({ idle }: Host): Line | undefined {
  for (let line = idle.pop(); line !== undefined; line = idle.pop()) {
    if (line.wire.isQuiet()) return line
    line.wire.socket.destroy()
  }
  return undefined
}

async function admit(host: Host, most: number, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted()
  // Many requests wait for one signal, and that is no leak.
  setMaxListeners(0, signal)
  while (host.active >= most)
    await new Promise<void>((resolve, reject) => {
      const turn = () => {
        signal.removeEventListener('abort', leave)
        resolve()
      }
      const leave = () => {
        host.waiting.splice(host.waiting.indexOf(turn), 1)
        reject(signal.reason)
      }
      host.waiting.push(turn)
      signal.addEventListener('abort', leave, { once: true })
    })
  host.active += 1
}

function release(host: Host): void {
  host.active -= 1
  host.waiting.shift()?.()
}

function target({ url }: Request, { proxyHeaders }: Line): string {
  const path = `${url.pathname}${url.search}`
  return proxyHeaders === undefined ? path : `${url.origin}${path}`
}

function withProxy(request: Request, { proxyHeaders }: Line): Request {
  return proxyHeaders === undefined
    ? request
    : { ...request, headers: { ...request.headers, ...proxyHeaders } }
}
