/** Bytes and keys that are the same on every run. */
import { createHash, createPrivateKey } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Randomness } from '../../generators/secrets/keys.ts'

/** Made once for these tests with `openssl genrsa`; they protect nothing. */
const rsaKeys =
  readFileSync(new URL('./rsa-keys.pem', import.meta.url), 'utf8').match(
    /-----BEGIN[\s\S]*?-----END.*-----\n/g,
  ) ?? []

export function seededRandomness(seed: string): Randomness {
  let counter = 0
  let nextKey = 0
  const block = () => createHash('sha256').update(`${seed} ${counter++}`).digest()
  return {
    bytes: (count) => {
      const blocks: Buffer[] = []
      while (blocks.length * 32 < count) blocks.push(block())
      return Buffer.concat(blocks).subarray(0, count)
    },
    rsaKey: () => createPrivateKey(rsaKeys[nextKey++ % rsaKeys.length] ?? ''),
  }
}
