/** Bytes that are ready to be written, with everything the writer needs to know. */
export interface Artifact {
  /** Relative to the output folder, `/` separated. */
  readonly path: string
  readonly bytes: Uint8Array
  /** POSIX mode; 0600 where secret. */
  readonly mode: number
  readonly secret: boolean
}
