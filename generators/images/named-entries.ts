/** Which entries of an OCI layout's index.json a name means. */
import { type Descriptor, mediaTypes } from './manifest.ts'
import { formatReference, parseReference, type Reference, repositoryName, withDigest } from './reference.ts'

/**
 * @param repository what names that are nothing but a tag are tags of, such as skopeo and umoci write them
 * @returns several when there is one a platform
 */
export function entriesNamed(
  entries: readonly Descriptor[],
  reference: Reference,
  repository?: Reference,
): readonly Descriptor[] {
  const { tag, digest } = reference
  const byName = entries.filter((entry) => {
    const name = nameOf(entry)
    return name !== undefined && fullName(name, repository) === formatReference(reference)
  })
  if (byName.length > 0) return byName
  if (digest === undefined) return []
  // A name with both is found by each of them: the digest says which bytes.
  const known = entries.filter((entry) => entry.digest === digest)
  if (known.length > 0 || tag === undefined) return known.slice(0, 1)
  return entriesNamed(entries, withDigest(reference, digest), repository)
}

/** For messages: every name that is there. */
export function namesIn(entries: readonly Descriptor[]): readonly string[] {
  return [...new Set(entries.map((entry) => nameOf(entry) ?? entry.digest))]
}

/** Entries of one name and several platforms, as an index of its own. */
export function indexOfAll(entries: readonly Descriptor[]): Uint8Array {
  const manifests = entries.map(({ mediaType, digest, size, platform }) => ({
    mediaType,
    digest,
    size,
    ...(platform === undefined ? {} : { platform }),
  }))
  return new TextEncoder().encode(
    JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.index, manifests }),
  )
}

function nameOf({ annotations = {} }: Descriptor): string | undefined {
  return annotations['io.containerd.image.name'] ?? annotations['org.opencontainers.image.ref.name']
}

function fullName(name: string, repository: Reference | undefined): string | undefined {
  if (!/[/:@]/.test(name)) return repository && `${repositoryName(repository)}:${name}`
  const read = parseReference(name)
  return 'reference' in read ? formatReference(read.reference) : undefined
}
