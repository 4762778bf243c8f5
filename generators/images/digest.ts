import { createHash } from 'node:crypto'

/** What content is known by: `<algorithm>:<hex>`. */
export function contentDigest(bytes: Uint8Array, algorithm = 'sha256'): string {
  return `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}`
}
