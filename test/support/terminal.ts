/** gen as a process of its own, with and without a terminal. */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { run } from './tools.ts'

export const program = join(import.meta.dirname, '../../dist/gen.js')

export interface Session {
  readonly code: number
  /** What was on the screen, without escape sequences. */
  readonly screen: string
  readonly raw: string
  /** Questions that were never asked. */
  readonly left: number
}

/** @param steps each answer is typed once its question, a part of what is printed, is there */
export function inTerminal(
  cwd: string,
  args: readonly string[],
  steps: readonly (readonly [question: string, answer: string])[],
  columns = 80,
  env: Readonly<Record<string, string>> = {},
): Session {
  const job = { argv: [process.execPath, program, ...args], cwd, columns, env, steps }
  const printed = run('python3', [join(import.meta.dirname, 'terminal.py')], JSON.stringify(job))
  const { code, screen, left } = JSON.parse(printed) as { code: number; screen: string; left: number }
  return { code, screen: stripVTControlCharacters(screen), raw: screen, left }
}

export interface Finished {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

export function asProcess(cwd: string, args: readonly string[], input = ''): Finished {
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], {
    cwd,
    input,
    encoding: 'utf8',
    env: { PATH: process.env['PATH'] ?? '', HOME: cwd },
  })
  return { code: status, out: stdout, err: stderr }
}
