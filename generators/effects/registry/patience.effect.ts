/** How often, and after which pause, something is tried again. */
import { retryAfter } from '../../images/http.ts'
import { SourceError } from '../../images/source.ts'

export interface Clock {
  /** Milliseconds since 1970. */
  readonly now: () => number
  /** Rejects with the signal's reason once that is aborted. */
  readonly sleep: (milliseconds: number, signal: AbortSignal) => Promise<void>
  /** From 0 up to 1. */
  readonly random: () => number
}

/** What may be gone in a moment. */
export class Transient extends Error {
  readonly reason: 'unreachable' | 'damaged'
  /** Milliseconds that the other side asks for. */
  readonly wait: number | undefined
  constructor(message: string, reason: Transient['reason'] = 'unreachable', wait?: number) {
    super(message)
    this.reason = reason
    this.wait = wait
  }
}

export interface Patience {
  /**
   * Waits before the next try.
   * @throws SourceError once there have been enough
   */
  readonly wait: (cause: Transient, signal: AbortSignal) => Promise<void>
  /** It is getting on: counting begins anew. */
  readonly progress: () => void
}

/** Nobody waits longer than this for one registry. */
const longest = 5 * 60 * 1000

export function createPatience(
  tries: number,
  clock: Clock,
  retrying: (message: string, milliseconds: number) => void,
): Patience {
  let failed = 0
  return {
    progress: () => {
      failed = 0
    },
    wait: async (cause, signal) => {
      failed += 1
      const often = failed === 1 ? '' : `, ${failed} times`
      if (failed >= tries) throw new SourceError(cause.reason, `${cause.message}${often}`)
      if (cause.wait !== undefined && cause.wait > longest)
        throw new SourceError(
          cause.reason,
          `${cause.message}, and asks to wait ${Math.ceil(cause.wait / 60_000)} minutes`,
          'run it again then: what is there already is not fetched again; or use a mirror',
        )
      // Jitter: those who failed together shall not come back together.
      const pause = (cause.wait ?? Math.min(30_000, 250 * 2 ** failed)) + clock.random() * 250 * failed
      retrying(cause.message, pause)
      await clock.sleep(pause, signal)
    },
  }
}

export function transientStatus(status: number): boolean {
  return (
    status === 408 || status === 425 || status === 429 || (status >= 500 && status !== 501 && status !== 505)
  )
}

export function askedPause(headers: ReadonlyMap<string, string>, clock: Clock): number | undefined {
  return retryAfter(headers.get('retry-after'), clock.now())
}

export const systemClock: Clock = {
  now: () => Date.now(),
  random: () => Math.random(),
  sleep: (milliseconds, signal) =>
    new Promise((resolve, reject) => {
      signal.throwIfAborted()
      const stop = () => {
        clearTimeout(timer)
        reject(signal.reason)
      }
      const timer = setTimeout(() => {
        signal.removeEventListener('abort', stop)
        resolve()
      }, milliseconds)
      signal.addEventListener('abort', stop, { once: true })
    }),
}
