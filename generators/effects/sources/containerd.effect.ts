/** `containerd:[NAMESPACE]`: what a containerd that runs here has, by its own `ctr`. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { maxManifestBytes } from '../../images/manifest.ts'
import { formatReference, type Reference } from '../../images/reference.ts'
import { SourceError } from '../../images/source.ts'
import type { Layout } from './layout.effect.ts'

/** Where the kubelet's images are. */
export const kubernetesNamespace = 'k8s.io'

type Environment = Readonly<Record<string, string | undefined>>

/**
 * The images as they lie in its store; a layout whose names are looked up one by one.
 * @param env CONTAINERD_ADDRESS names another socket, as for ctr itself
 */
export function openContainerd(namespace: string, env: Environment): Layout & { readonly find: Find } {
  const shown = `containerd:${namespace}`
  const ctr = (...args: readonly string[]) => spawn('ctr', ['-n', namespace, ...args], { env: { ...env } })
  return {
    shown,
    // Only names that are asked for: a node has hundreds.
    entries: async () => [],
    find: (reference) => findImage(ctr('images', 'ls', `name==${formatReference(reference)}`), shown),
    document: async (digest) => {
      const chunks: Buffer[] = []
      let total = 0
      try {
        for await (const chunk of content(ctr('content', 'get', digest), digest, shown)) {
          chunks.push(chunk)
          total += chunk.length
          if (total > maxManifestBytes) return undefined
        }
      } catch (cause) {
        if (cause instanceof SourceError && cause.reason === 'missing') return undefined
        throw cause
      }
      return Buffer.concat(chunks)
    },
    blob: async function* (_, { digest }, offset, signal) {
      // ctr gives whole blobs: what is there already is read and thrown away.
      let skip = offset
      for await (const chunk of content(ctr('content', 'get', digest), digest, shown)) {
        signal.throwIfAborted()
        const bytes = chunk.subarray(Math.min(skip, chunk.length))
        skip -= chunk.length - bytes.length
        if (bytes.length > 0) yield bytes
      }
    },
    close: async () => undefined,
  }
}

/** The digest of what a name stands for; undefined when there is no such image. */
export type Find = (reference: Reference) => Promise<string | undefined>

async function findImage(child: ChildProcessWithoutNullStreams, shown: string): Promise<string | undefined> {
  let text = ''
  for await (const chunk of output(child, shown)) text += chunk.toString()
  // REF TYPE DIGEST SIZE …, below a heading.
  const [, line = ''] = text.split('\n')
  return line.split(/\s+/)[2] || undefined
}

async function* content(child: ChildProcessWithoutNullStreams, digest: string, shown: string) {
  try {
    yield* output(child, shown)
  } catch (cause) {
    if (cause instanceof SourceError && /not found/.test(cause.message))
      throw new SourceError('missing', `${digest} is not in ${shown}`)
    throw cause
  }
}

/** What it prints, and an error once it fails. Who stops reading ends it. */
async function* output(child: ChildProcessWithoutNullStreams, shown: string): AsyncGenerator<Buffer> {
  let said = ''
  child.stdin.end()
  child.stderr.on('data', (chunk: Buffer) => {
    said = (said + chunk.toString()).slice(-2000)
  })
  const ended = new Promise<number | NodeJS.ErrnoException>((resolve) => {
    child.on('error', resolve)
    child.on('close', (code) => resolve(code ?? -1))
  })
  try {
    for await (const chunk of child.stdout) yield chunk as Buffer
    const result = await ended
    if (result === 0) return
    if (typeof result !== 'number')
      throw new SourceError(
        'unreachable',
        `${shown}: ctr ${result.code === 'ENOENT' ? 'is not in PATH' : `cannot be run (${result.code})`}`,
        'it comes with containerd, and is to run on the same machine as it, as root; see gen doctor',
      )
    const last = said.trim().split('\n').at(-1) ?? ''
    throw new SourceError(
      'unreachable',
      `${shown}: ctr says: ${last.replace(/^ctr: /, '').slice(0, 300)}`,
      'look whether containerd runs, and whether you may read its socket; CONTAINERD_ADDRESS names another',
    )
  } finally {
    child.kill('SIGKILL')
  }
}
