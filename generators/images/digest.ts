import { createHash } from 'node:crypto'

/** What content is known by: `sha256:<hex>`. */
export function contentDigest(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`
}
