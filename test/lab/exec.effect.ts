import { spawn } from 'node:child_process'

/** What a finished program said. `code` is 124 when it was ended because its time was up. */
export type Outcome = { readonly code: number; readonly stdout: string; readonly stderr: string }

export type ExecOptions = {
  /** Text for standard input. */
  readonly input?: string
  /** Milliseconds after which the program is killed. Default: no limit. */
  readonly timeout?: number
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  /** Hand back a non-zero exit instead of throwing. */
  readonly allowFailure?: boolean
  /** Let the program write to our terminal (long builds, shells). */
  readonly show?: boolean
}

export class ExecError extends Error {
  readonly outcome: Outcome
  constructor(argv: readonly string[], outcome: Outcome) {
    const said = (outcome.stderr.trim() || outcome.stdout.trim()).split('\n').slice(-12).join('\n')
    super(`${argv.join(' ')}: exit ${outcome.code}${said ? `\n${said}` : ''}`)
    this.name = 'ExecError'
    this.outcome = outcome
  }
}

/** Runs one program without a shell and waits for it. @throws ExecError on a non-zero exit */
export function exec(argv: readonly string[], options: ExecOptions = {}): Promise<Outcome> {
  const [program, ...args] = argv
  return new Promise((resolve, reject) => {
    const child = spawn(program as string, args, {
      cwd: options.cwd,
      env: { ...process.env, ...options.env },
      stdio: options.show ? 'inherit' : 'pipe',
    })
    let stdout = ''
    let stderr = ''
    let late = false
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      stdout += text
    })
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      stderr += text
    })
    const timer = options.timeout
      ? setTimeout(() => {
          late = true
          child.kill('SIGKILL')
        }, options.timeout)
      : undefined
    child.on('error', reject)
    child.on('close', (code) => {
      clearTimeout(timer)
      const outcome = { code: late ? 124 : (code ?? 137), stdout, stderr }
      if (outcome.code === 0 || options.allowFailure) resolve(outcome)
      else reject(new ExecError(argv, outcome))
    })
    child.stdin?.on('error', () => undefined)
    child.stdin?.end(options.input ?? '')
  })
}

/** Standard output without the last newline. @throws ExecError */
export async function output(argv: readonly string[], options: ExecOptions = {}): Promise<string> {
  return (await exec(argv, options)).stdout.trimEnd()
}

export function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds))
}

/** Waiting cannot help: {@link eventually} gives up at once. */
export class Hopeless extends Error {}

/**
 * Repeats `probe` until it returns something other than undefined or false.
 * A probe that throws has not succeeded yet; its last words are in the error at the end.
 * @throws Error naming `what` after `seconds`
 */
export async function eventually<T>(
  what: string,
  seconds: number,
  probe: () => Promise<T | undefined | false>,
  pause = 1000,
): Promise<T> {
  const end = Date.now() + seconds * 1000
  let last = ''
  for (;;) {
    try {
      const value = await probe()
      if (value !== undefined && value !== false) return value
    } catch (error) {
      if (error instanceof Hopeless) throw error
      last = error instanceof Error ? error.message : String(error)
    }
    if (Date.now() >= end) throw new Error(`${what}: not within ${seconds} s${last ? `\n${last}` : ''}`)
    await sleep(pause)
  }
}
