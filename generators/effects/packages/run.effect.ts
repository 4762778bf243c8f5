/** A program with arguments, to its end: what it printed, or why it failed. */
import { spawn } from 'node:child_process'

export interface Ended {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string | undefined>>
  readonly input?: string
  /** Called for every line on file descriptor 3. */
  readonly onStatus?: (line: string) => void
  readonly signal?: AbortSignal
}

/**
 * Never rejects for an exit code.
 * @throws the signal's reason once it is aborted; an error of Node's when the program is not there
 */
export function run(program: string, args: readonly string[], options: RunOptions = {}): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, [...args], {
      env: { ...process.env, LC_ALL: 'C', ...options.env },
      stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    })
    const texts = ['', '', '']
    for (const [index, stream] of [child.stdout, child.stderr].entries())
      stream?.on('data', (chunk: Buffer) => (texts[index] += chunk.toString()))
    const status = child.stdio[3] as NodeJS.ReadableStream
    status.on('data', (chunk: Buffer) => {
      texts[2] += chunk.toString()
      const lines = (texts[2] ?? '').split('\n')
      texts[2] = lines.pop() ?? ''
      for (const line of lines) options.onStatus?.(line)
    })
    child.on('error', (cause) => reject(options.signal?.aborted ? options.signal.reason : cause))
    child.on('close', (code) => resolve({ code: code ?? 1, stdout: texts[0] ?? '', stderr: texts[1] ?? '' }))
    child.stdin?.on('error', () => undefined)
    child.stdin?.end(options.input ?? '')
  })
}
