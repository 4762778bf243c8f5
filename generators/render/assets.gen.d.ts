/** Written by build.mjs from boot/: what runs on nodes, without comments and indentation. */
export interface Asset {
  readonly text: string
  /** The same, gzipped, in base64. */
  readonly gzip: string
}
export const assets: Readonly<Record<string, Asset>>
