/** The operating system's randomness; everything pure takes a Randomness instead. */
import { generateKeyPairSync, randomBytes } from 'node:crypto'
import type { Randomness } from '../secrets/keys.ts'

export const systemRandomness: Randomness = {
  bytes: (count) => randomBytes(count),
  rsaKey: () => generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey,
}
