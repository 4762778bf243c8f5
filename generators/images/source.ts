/** Where images come from, whatever stands behind it: a registry, a layout on disk, a running containerd. */
import type { Descriptor } from './manifest.ts'
import type { Reference } from './reference.ts'

export interface ManifestBytes {
  readonly descriptor: Descriptor
  /** Exactly as stored: their digest is the descriptor's. */
  readonly bytes: Uint8Array
}

/** Every function rejects with a SourceError, or with the signal's own reason once it is aborted. */
export interface ImageSource {
  /** What `reference` names: an index or a manifest; verified against the digest when the reference has one. */
  readonly resolve: (reference: Reference, signal: AbortSignal) => Promise<ManifestBytes>
  /** A manifest or index of the same repository, by digest, verified. */
  readonly manifest: (reference: Reference, digest: string, signal: AbortSignal) => Promise<ManifestBytes>
  /**
   * The blob's bytes from `offset` on. Never more than the descriptor's size; NOT verified as a whole, for who
   * writes them has to hash them anyway. Retries and resumes on its own. A chunk is the reader's only
   * until it asks for the next one: its buffer is filled again then.
   */
  readonly blob: (
    reference: Reference,
    descriptor: Descriptor,
    offset: number,
    signal: AbortSignal,
  ) => AsyncIterable<Uint8Array>
  /** Ends connections and programs that are still open. */
  readonly close: () => Promise<void>
}

/**
 * Why there is no image: which one, which registry, what was tried, and a way out.
 * - `missing`: there is no such image or blob
 * - `denied`: it is not for these credentials
 * - `unreachable`: nobody answers, or with errors only, also after some tries
 * - `damaged`: what came is not what its digest says
 * - `unsupported`: it is there, but nothing that we can read
 */
export class SourceError extends Error {
  readonly reason: 'missing' | 'denied' | 'unreachable' | 'damaged' | 'unsupported'
  readonly hint: string | undefined
  constructor(reason: SourceError['reason'], message: string, hint?: string) {
    super(message)
    this.reason = reason
    this.hint = hint
  }
}
