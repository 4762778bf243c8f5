/** Real programs in tests. In CI a missing one is a failure, on a developer's machine the test is skipped and says so. */
import { execFileSync, spawnSync } from 'node:child_process'
import { test } from 'vitest'

/** `test`, or `test.skip` when a program is missing and nobody insists. */
export function withTools(...programs: readonly string[]): typeof test | typeof test.skip {
  const missing = programs.filter((program) => spawnSync('which', [program]).status !== 0)
  if (missing.length === 0 || process.env['CI'] !== undefined) return test
  console.warn(`skipped: not installed: ${missing.join(', ')}`)
  return test.skip
}

export function isRoot(): boolean {
  return process.getuid?.() === 0
}

/** Runs a program and returns what it prints; a failure carries its stderr. */
export function run(program: string, args: readonly string[], input?: string | Uint8Array): string {
  return execFileSync(program, [...args], { input, encoding: 'utf8', maxBuffer: 256 * 1024 * 1024 })
}
