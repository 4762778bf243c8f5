/** Images of an OCI layout, wherever its files are. */
import { contentDigest } from '../../images/digest.ts'
import { type Descriptor, parseManifest } from '../../images/manifest.ts'
import { entriesNamed, indexOfAll, namesIn } from '../../images/named-entries.ts'
import { familiarName, type Reference } from '../../images/reference.ts'
import { type ImageSource, type ManifestBytes, SourceError } from '../../images/source.ts'

export interface Layout {
  /** For messages: `oci:DIR`. */
  readonly shown: string
  /** Of its index.json. */
  readonly entries: () => Promise<readonly Descriptor[]>
  /** Undefined when there is no such blob, or none small enough to be a manifest. */
  readonly document: (digest: string) => Promise<Uint8Array | undefined>
  /** @throws SourceError when it is not there */
  readonly blob: ImageSource['blob']
  readonly close: () => Promise<void>
}

/** @param repository what names that are nothing but a tag are tags of */
export function layoutSource(layout: Layout, repository?: Reference): ImageSource {
  const manifest = async (reference: Reference, digest: string): Promise<ManifestBytes> => {
    const bytes = await layout.document(digest)
    if (bytes === undefined) throw missing(layout, `${familiarName(reference)}: ${digest} is not`)
    const [algorithm = ''] = digest.split(':')
    const found = contentDigest(bytes, algorithm)
    if (found !== digest)
      throw new SourceError(
        'damaged',
        `${familiarName(reference)}: ${layout.shown}: the manifest ${digest} has the digest ${found}`,
      )
    return documentOf(bytes, digest, `${familiarName(reference)}: ${layout.shown}`)
  }
  return {
    resolve: async (reference) => {
      const entries = await layout.entries()
      const named = entriesNamed(entries, reference, repository)
      const [first, ...more] = named
      // A digest is a name of its own, also where no name leads to it.
      const digest = first?.digest ?? reference.digest
      if (digest === undefined) {
        const names = namesIn(entries)
        const there = names.length > 8 ? `${names.slice(0, 8).join(', ')} …` : names.join(', ')
        throw missing(layout, `${familiarName(reference)} is not`, `there is ${there || 'nothing'}`)
      }
      if (more.length === 0) return manifest(reference, digest)
      const bytes = indexOfAll(named)
      return documentOf(bytes, contentDigest(bytes), layout.shown)
    },
    manifest,
    blob: layout.blob,
    close: layout.close,
  }
}

function documentOf(bytes: Uint8Array, digest: string, shown: string): ManifestBytes {
  const read = parseManifest(bytes)
  if ('problem' in read) throw new SourceError('unsupported', `${shown}: ${digest}: ${read.problem}`)
  return { bytes, descriptor: { mediaType: read.manifest.mediaType, digest, size: bytes.length } }
}

function missing({ shown }: Layout, what: string, hint?: string): SourceError {
  return new SourceError('missing', `${what} in ${shown}`, hint)
}
