/** Files over HTTP: resumed where they were cut off, verified before they get their name. */
import { createHash, type Hash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { type FileHandle, mkdir, open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { UserError } from '../cli/command.ts'

export interface Download {
  readonly url: string
  /** Absolute; what came so far is kept beside it under `.part`. */
  readonly path: string
  /** Hex; undefined: whatever comes is taken. */
  readonly sha256: string | undefined
  readonly signal: AbortSignal
}

const tries = 4
/** A server that sends nothing for so long has gone, in milliseconds. */
const silence = 60_000

/**
 * @returns the SHA-256 of what is at `path` now, in hex
 * @throws UserError: which URL, what was tried, what came
 */
export async function downloadFile({ url, path, sha256, signal }: Download): Promise<string> {
  await mkdir(dirname(path), { recursive: true })
  const part = `${path}.part`
  const sum = await persist(url, signal, (attempt) => receive(url, part, attempt))
  if (sha256 !== undefined && sum !== sha256) {
    await rm(part, { force: true })
    throw new UserError(
      `${url} has the sha256 ${sum}, not ${sha256}`,
      'the file at the publisher or mirror has changed, or something on the way changes it: compare both before you move the lock with gen lock --update',
    )
  }
  await rename(part, path)
  return sum
}

/**
 * A small text, such as a manifest, or a checksum beside a release file.
 * @throws UserError
 */
export function downloadText(
  url: string,
  signal: AbortSignal,
): Promise<{ readonly text: string; readonly sha256: string }> {
  return persist(url, signal, async (attempt) => {
    const chunks: Uint8Array[] = []
    let total = 0
    for await (const chunk of bodyOf(await request(url, {}, attempt), attempt)) {
      chunks.push(chunk)
      total += chunk.length
      if (total > maxText) throw new Refused(`${url} has more than 16 MiB, which no manifest has`)
    }
    const bytes = Buffer.concat(chunks)
    return { text: bytes.toString(), sha256: createHash('sha256').update(bytes).digest('hex') }
  })
}

/** The largest manifests known, of operators with all their definitions, have a few mebibytes. */
const maxText = 16 * 1024 * 1024

/** Hashes a file without keeping it. */
export function downloadSum(url: string, signal: AbortSignal): Promise<string> {
  return persist(url, signal, async (attempt) => {
    const hash = createHash('sha256')
    for await (const chunk of bodyOf(await request(url, {}, attempt), attempt)) hash.update(chunk)
    return hash.digest('hex')
  })
}

/** What trying again does not mend. */
class Refused extends Error {}

async function persist<T>(
  url: string,
  signal: AbortSignal,
  work: (attempt: AbortController) => Promise<T>,
): Promise<T> {
  let why = ''
  for (let count = 1; count <= tries; count++) {
    const attempt = new AbortController()
    const stop = () => attempt.abort(signal.reason)
    signal.addEventListener('abort', stop)
    try {
      return await work(attempt)
    } catch (cause) {
      signal.throwIfAborted()
      why = reasonOf(cause)
      if (cause instanceof Refused || isLocal(cause)) throw new UserError(why)
      if (count < tries) await pause(500 * 2 ** count * (0.5 + count / tries), undefined, { signal })
    } finally {
      signal.removeEventListener('abort', stop)
    }
  }
  throw new UserError(
    `${url}: ${why} (tried ${tries} times)`,
    'check that this machine reaches it, or name a mirror under repositories',
  )
}

async function receive(url: string, part: string, attempt: AbortController): Promise<string> {
  const handle = await open(part, 'a+')
  try {
    const { size } = await handle.stat()
    const response = await request(url, size > 0 ? { range: `bytes=${size}-` } : {}, attempt)
    const hash = createHash('sha256')
    // 200 to a ranged request is the whole file again; 416 is ours complete already, or longer than theirs.
    if (response.status === 206) await replay(part, hash)
    else await handle.truncate(0)
    await append(handle, hash, bodyOf(response, attempt))
    await handle.sync()
    return hash.digest('hex')
  } finally {
    await handle.close()
  }
}

async function replay(path: string, hash: Hash): Promise<void> {
  for await (const chunk of createReadStream(path)) hash.update(chunk as Uint8Array)
}

async function append(handle: FileHandle, hash: Hash, body: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const chunk of body) {
    hash.update(chunk)
    await handle.appendFile(chunk)
  }
}

async function request(
  url: string,
  headers: Readonly<Record<string, string>>,
  attempt: AbortController,
): Promise<Response> {
  const timer = setTimeout(() => attempt.abort(new Error('no answer for a minute')), silence)
  try {
    const response = await fetch(url, {
      headers: { ...headers, 'accept-encoding': 'identity' },
      signal: attempt.signal,
    })
    if (response.status === 416) return await request(url, {}, attempt)
    if (response.ok) return response
    const text = `${url} answers HTTP ${response.status}`
    // Only overload and errors of the server's own may pass.
    throw response.status === 429 || response.status >= 500 ? new Error(text) : new Refused(text)
  } finally {
    clearTimeout(timer)
  }
}

async function* bodyOf(response: Response, attempt: AbortController): AsyncIterable<Uint8Array> {
  const announced = Number(response.headers.get('content-length') ?? Number.NaN)
  let timer: NodeJS.Timeout | undefined
  let came = 0
  const listen = () => {
    clearTimeout(timer)
    timer = setTimeout(() => attempt.abort(new Error('nothing came for a minute')), silence)
  }
  try {
    listen()
    for await (const chunk of response.body ?? []) {
      listen()
      came += chunk.length
      yield chunk
    }
  } finally {
    clearTimeout(timer)
  }
  if (came < announced) throw new Error(`${came} of ${announced} bytes came`)
}

function reasonOf(cause: unknown): string {
  const inner = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause
  return inner instanceof Error ? inner.message : String(inner)
}

/** Our own disk, which no server mends. */
function isLocal(cause: unknown): boolean {
  const code = (cause as NodeJS.ErrnoException).code ?? ''
  return /^(ENOSPC|EDQUOT|EACCES|EROFS|EPERM|EISDIR|ENOTDIR)$/.test(code)
}
