import { UsageError } from './command.ts'

const hour = 60 * 60 * 1000

/**
 * How long a certificate is valid: `36h` or `7d`.
 * @returns milliseconds
 * @throws UsageError
 */
export function parseLifetime(written: string): number {
  const [, count, unit] = /^([1-9]\d{0,4})([hd])$/.exec(written) ?? []
  if (count === undefined)
    throw new UsageError(`${written} is not a time`, 'hours or days, such as 36h or 7d')
  return Number(count) * (unit === 'd' ? 24 : 1) * hour
}
