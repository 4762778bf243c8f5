/** Waiting for AWS, whose answers lag behind what was done. */
import { setTimeout as sleep } from 'node:timers/promises'
import { UserError } from '../../cli/command.ts'
import { codeOf } from './clients.effect.ts'

/** Milliseconds: quick first, for much is there at once, then as patient as AWS wants callers to be. */
const firstPause = 250
const longestPause = 5000

/**
 * Asks until there is an answer.
 * @param ask undefined: not yet
 * @param seconds after which it is given up
 * @throws UserError when time is over
 */
export async function until<T>(
  what: string,
  seconds: number,
  ask: (elapsed: number) => Promise<T | undefined>,
): Promise<T> {
  const start = performance.now()
  for (let pause = firstPause; ; pause = Math.min(pause * 1.5, longestPause)) {
    const elapsed = (performance.now() - start) / 1000
    const answer = await ask(elapsed)
    if (answer !== undefined) return answer
    if (elapsed > seconds)
      throw new UserError(
        `${what}: not after ${Math.round(elapsed)} s`,
        'AWS may just be slow: run the same again, which goes on from here',
      )
    await sleep(pause)
  }
}

/** Repeats what fails because AWS does not know yet, or not yet know that it is gone. */
export async function settled<T>(codes: readonly string[], work: () => Promise<T>, seconds = 60): Promise<T> {
  let last: unknown
  try {
    const { value } = await until('AWS', seconds, async () => {
      try {
        return { value: await work() }
      } catch (cause) {
        if (!codes.includes(codeOf(cause))) throw cause
        last = cause
        return undefined
      }
    })
    return value
  } catch (cause) {
    throw cause instanceof UserError && last !== undefined ? last : cause
  }
}
