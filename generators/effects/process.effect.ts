/** The process as commands see it. */
import { createInterface } from 'node:readline'
import type { Io, Prompt } from '../cli/command.ts'

export function processIo(): Io {
  // `gen … | head` closes the pipe early: that is not an error of ours.
  process.stdout.on('error', (cause: NodeJS.ErrnoException) => {
    if (cause.code === 'EPIPE') process.exit(0)
    throw cause
  })
  return {
    stdin: readStdin,
    stdout: (chunk) =>
      new Promise((resolve, reject) => {
        process.stdout.write(chunk, (cause) => (cause ? reject(cause) : resolve()))
      }),
    stderr: (text) => void process.stderr.write(text),
    env: process.env,
    cwd: process.cwd(),
    stdoutIsTerminal: process.stdout.isTTY === true,
    stderrIsTerminal: process.stderr.isTTY === true,
    columns: process.stdout.columns ?? process.stderr.columns ?? 80,
    ...(process.stdin.isTTY && process.stderr.isTTY ? { prompt: openPrompt } : {}),
  }
}

/** Questions go to standard error, so that standard output can be a pipe. */
function openPrompt(): Prompt {
  const lines = createInterface({ input: process.stdin, output: process.stderr })
  // Lines that were pasted or typed ahead arrive together, before their questions.
  const early: string[] = []
  let waiting: ((line: string | undefined) => void) | undefined
  let over = false
  const answer = (line: string | undefined) => {
    const resolve = waiting
    waiting = undefined
    resolve?.(line)
  }
  lines.on('line', (line) => {
    if (waiting === undefined) early.push(line)
    else answer(line)
  })
  lines.on('SIGINT', () => lines.close())
  lines.on('close', () => {
    over = true
    answer(undefined)
  })
  return {
    ask: async (question) => {
      if (over && early.length === 0) return undefined
      lines.setPrompt(question)
      if (!over) lines.prompt()
      return (
        early.shift() ??
        new Promise<string | undefined>((resolve) => {
          waiting = resolve
        })
      )
    },
    close: () => lines.close(),
  }
}

/** All of standard input, but not without end: the largest blueprint is one mebibyte. */
async function readStdin(): Promise<Uint8Array> {
  const limit = 1024 * 1024
  const chunks: Buffer[] = []
  let total = 0
  for await (const chunk of process.stdin) {
    chunks.push(chunk as Buffer)
    total += (chunk as Buffer).length
    if (total > limit) break
  }
  return Buffer.concat(chunks)
}
