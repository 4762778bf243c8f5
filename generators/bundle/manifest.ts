/** bundle.json: what is in a bundle, for people and programs. Nothing in it depends on when or where it was made. */
import type { BundlePlan } from './plan.ts'

export interface BundleContents {
  readonly packages: readonly { readonly file: string; readonly size: number; readonly sha256: string }[]
  readonly files: readonly { readonly url: string; readonly path: string; readonly sha256: string }[]
  readonly images: readonly { readonly name: string; readonly digest: string }[]
}

export function bundleManifest(
  { cluster, roles, kubernetes, os, packages }: BundlePlan,
  contents: BundleContents,
  leaven: string,
): string {
  const manifest = {
    format: 1,
    leaven,
    cluster,
    roles,
    kubernetes,
    os,
    asked: packages,
    packages: contents.packages.map(({ file, size, sha256 }) => ({ file, size, sha256 })),
    files: contents.files.map(({ url, path, sha256 }) => ({ url, path, sha256 })),
    images: contents.images,
  }
  return `${JSON.stringify(manifest, null, 2)}\n`
}

/** As sha256sum writes and reads it. */
export function checksumList(files: readonly { readonly path: string; readonly sha256: string }[]): string {
  return [...files]
    .sort((one, other) => (one.path < other.path ? -1 : 1))
    .map(({ path, sha256 }) => `${sha256}  ${path}\n`)
    .join('')
}

/** @returns path → hex; lines that are none are left out */
export function readChecksums(text: string): ReadonlyMap<string, string> {
  const entries = [...text.matchAll(/^([0-9a-f]{64}) [ *](.+)$/gm)]
  return new Map(entries.map(([, sha256 = '', path = '']) => [path, sha256]))
}
