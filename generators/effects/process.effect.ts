/** The process as commands see it. */
import type { Io } from '../cli/command.ts'

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
  }
}

/** All of standard input, but not without end. */
async function readStdin(): Promise<Uint8Array> {
  const limit = 64 * 1024 * 1024
  const chunks: Buffer[] = []
  let total = 0
  for await (const chunk of process.stdin) {
    chunks.push(chunk as Buffer)
    total += (chunk as Buffer).length
    if (total > limit) break
  }
  return Buffer.concat(chunks)
}
