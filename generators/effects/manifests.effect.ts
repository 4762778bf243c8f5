/** Manifests that a blueprint names by URL, read to see which images they run. */
import { createHash } from 'node:crypto'

/** The largest known, of operators with all their definitions, have a few mebibytes. */
const maxBytes = 16 * 1024 * 1024

/**
 * @param sha256 that the blueprint asks for
 * @returns the text, or why there is none
 */
export async function fetchManifest(
  url: string,
  sha256: string | undefined,
  signal: AbortSignal,
): Promise<{ readonly text: string } | { readonly problem: string }> {
  try {
    const answer = await fetch(url, { signal: AbortSignal.any([signal, AbortSignal.timeout(30_000)]) })
    if (!answer.ok) return { problem: `${url} answers ${answer.status}` }
    const chunks: Uint8Array[] = []
    let total = 0
    for await (const chunk of answer.body ?? []) {
      total += chunk.length
      if (total > maxBytes) return { problem: `${url} is larger than 16 MiB` }
      chunks.push(chunk)
    }
    const bytes = Buffer.concat(chunks)
    const digest = createHash('sha256').update(bytes).digest('hex')
    if (sha256 !== undefined && digest !== sha256)
      return { problem: `${url} has the checksum ${digest}, the blueprint says ${sha256}` }
    return { text: bytes.toString() }
  } catch (cause) {
    signal.throwIfAborted()
    const { message, cause: reason } = cause as Error
    return { problem: `${url}: ${reason instanceof Error ? reason.message : message}` }
  }
}
