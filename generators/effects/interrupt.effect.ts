/** Ctrl-C while files are written: what is begun ends whole, nothing new is begun, and then the signal has its way. */
const signals: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP']

let begun = 0
let caught: NodeJS.Signals | undefined

/** Runs `work` to its end even when a signal arrives meanwhile. */
export async function uninterrupted<T>(work: () => Promise<T>): Promise<T> {
  // Never settles: the process ends as soon as what is begun has ended.
  if (caught !== undefined) return new Promise(() => undefined)
  if (begun === 0) for (const signal of signals) process.on(signal, remember)
  begun += 1
  try {
    return await work()
  } finally {
    begun -= 1
    if (begun === 0) {
      for (const signal of signals) process.off(signal, remember)
      if (caught !== undefined) process.kill(process.pid, caught)
    }
  }
}

function remember(signal: NodeJS.Signals): void {
  caught = signal
}

/** The user pressed Ctrl-C, or the machine goes down. */
export class Interrupted extends Error {
  constructor() {
    super('interrupted')
  }
}

/**
 * Runs work that ends early, and in order, when a signal arrives. A second signal has its usual way.
 * @throws Interrupted, as the reason of the signal that the work was given
 */
export async function stoppable<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController()
  const stop = () => controller.abort(new Interrupted())
  for (const signal of signals) process.once(signal, stop)
  try {
    return await work(controller.signal)
  } finally {
    for (const signal of signals) process.off(signal, stop)
  }
}
