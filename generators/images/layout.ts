/**
 * What an archive of images is, byte by byte, before the first layer is fetched: sizes are in the manifests, so every
 * header and every offset is known. The same images are the same bytes, in whatever order they were asked for.
 *
 * Source: https://github.com/opencontainers/image-spec/blob/main/image-layout.md; names as containerd's import reads
 * them: https://github.com/containerd/containerd/blob/main/core/images/archive/importer.go
 */
import { createHash } from 'node:crypto'
import { contentDigest } from './digest.ts'
import { type Descriptor, isForeignLayer, mediaTypes } from './manifest.ts'
import { formatPlatform, type Platform } from './platform.ts'
import { formatReference, type Reference, repositoryName, withDigest } from './reference.ts'
import type { ManifestBytes } from './source.ts'
import { endOfArchive, fileHeader, paddingOf } from './tar.ts'

/** One image of one platform, with everything but the layers' bytes. */
export interface PlatformImage {
  readonly platform: Platform
  readonly manifest: ManifestBytes
  readonly config: Descriptor
  /** Where its platform had to be read from it. A source that is asked twice takes the first answer for damaged. */
  readonly configBytes?: Uint8Array
  readonly layers: readonly Descriptor[]
}

/** What one reference stands for. */
export interface ResolvedImage {
  readonly reference: Reference
  /** What the registry named by it: an index, or the manifest of the only platform. */
  readonly root: ManifestBytes
  readonly platforms: readonly PlatformImage[]
}

export interface BlobUse {
  readonly descriptor: Descriptor
  /** Every image that has it, the first in order of names; any of them may be asked for the bytes. */
  readonly references: readonly Reference[]
  /** `layer 3 of registry.k8s.io/etcd:3.5.15-0`, for messages. */
  readonly what: string
}

/** One file of the archive. */
export type Content =
  | { readonly kind: 'bytes'; readonly path: string; readonly bytes: Uint8Array }
  | { readonly kind: 'blob'; readonly path: string; readonly blob: BlobUse }

export type Member = Content & {
  /** Where the header begins, in bytes from the archive's start. */
  readonly start: number
  /** Where the content begins. */
  readonly at: number
  readonly size: number
  readonly header: Uint8Array
}

export interface ArchivePlan {
  readonly members: readonly Member[]
  /** Of the whole archive. */
  readonly size: number
  /** `sha256:…` over headers and metadata, which hold the digest of everything else: who has it, has the archive. */
  readonly id: string
}

export interface LayoutOptions {
  /** Also `repository@<digest of the index>`, for what is pinned so; import it with --platform. */
  readonly indexNames: boolean
}

export function planArchive(images: readonly ResolvedImage[], options: LayoutOptions): ArchivePlan {
  const ordered = [...images].sort((one, other) => compare(nameOf(one), nameOf(other)))
  const named = ordered.flatMap((image) => entriesOf(image, options))
  const distinct = [...new Map(named.map((entry) => [JSON.stringify(entry.descriptor), entry])).values()]
  return assemble(
    distinct.map(({ descriptor }) => descriptor),
    [
      ...distinct.flatMap(({ document }) => (document === undefined ? [] : [document])),
      ...ordered.flatMap(({ platforms }) => platforms.flatMap(documentsOf)),
    ],
    blobUses(ordered),
  )
}

function documentsOf({ manifest, config, configBytes }: PlatformImage): readonly ManifestBytes[] {
  return configBytes === undefined ? [manifest] : [manifest, { descriptor: config, bytes: configBytes }]
}

/**
 * An archive of these parts.
 * @param entries of index.json, in order
 * @param annotations of index.json itself
 */
export function assemble(
  entries: readonly Descriptor[],
  documents: readonly ManifestBytes[],
  blobs: readonly BlobUse[],
  annotations?: Readonly<Record<string, string>>,
): ArchivePlan {
  const index = {
    schemaVersion: 2,
    mediaType: mediaTypes.index,
    manifests: entries,
    ...(annotations === undefined ? {} : { annotations }),
  }
  const known = new Map(documents.map(({ descriptor, bytes }) => [blobPath(descriptor.digest), bytes]))
  return layOut([
    { kind: 'bytes', path: 'oci-layout', bytes: encode({ imageLayoutVersion: '1.0.0' }) },
    { kind: 'bytes', path: 'index.json', bytes: encode(index) },
    ...sorted([...known].map(([path, bytes]): Content => ({ kind: 'bytes', path, bytes }))),
    ...sorted(
      blobs
        .map((blob): Content => ({ kind: 'blob', path: blobPath(blob.descriptor.digest), blob }))
        .filter(({ path }) => !known.has(path)),
    ),
  ])
}

/** `blobs/sha256/<hex>` */
export function blobPath(digest: string): string {
  return `blobs/${digest.replace(':', '/')}`
}

/** Undefined for a file that is no blob. */
export function blobDigest(path: string): string | undefined {
  const [, algorithm, hex] = /^blobs\/(sha256)\/([0-9a-f]{64})$/.exec(path) ?? []
  return hex === undefined ? undefined : `${algorithm}:${hex}`
}

interface NamedEntry {
  readonly descriptor: Descriptor
  /** What it points to, where that is not one of the manifests. */
  readonly document: ManifestBytes | undefined
}

/**
 * The names that a node may ask for. Platform is always written: without it containerd filters nothing, and an image
 * of another architecture is imported without a word.
 */
function entriesOf(image: ResolvedImage, { indexNames }: LayoutOptions): readonly NamedEntry[] {
  const { reference, root, platforms } = image
  const names = reference.tag === undefined ? [] : [`${repositoryName(reference)}:${reference.tag}`]
  const whole = platforms.length === 1 ? undefined : prunedIndex(platforms)
  const target = (): Descriptor => whole?.descriptor ?? manifestDescriptor(platforms[0])
  const byTag = names.map((name) => ({ descriptor: annotate(target(), name), document: whole }))
  // Of several platforms a node would stumble over the names of those that it cannot run.
  const byDigest = (whole === undefined ? platforms : []).map((platform) => ({
    descriptor: annotate(
      manifestDescriptor(platform),
      formatReference(withDigest(reference, platform.manifest.descriptor.digest)),
    ),
    document: undefined,
  }))
  const { digest } = root.descriptor
  const isIndex = platforms.every(({ manifest }) => manifest.descriptor.digest !== digest)
  // A name with the index' digest is all that its user knows.
  const wanted = isIndex && (indexNames || reference.digest === digest)
  const byIndex = wanted
    ? [
        {
          descriptor: annotate(bare(root.descriptor), formatReference(withDigest(reference, digest))),
          document: root,
        },
      ]
    : []
  return [...byTag, ...byDigest, ...byIndex]
}

function manifestDescriptor(image: PlatformImage | undefined): Descriptor {
  if (image === undefined) throw new RangeError('an image of no platform')
  return { ...bare(image.manifest.descriptor), platform: image.platform }
}

function bare({ mediaType, digest, size }: Descriptor): Descriptor {
  return { mediaType, digest, size }
}

function annotate(descriptor: Descriptor, name: string): Descriptor {
  const tag = /:([\w][\w.-]*)$/.exec(name.slice(name.lastIndexOf('/')))?.[1]
  return {
    ...descriptor,
    annotations: {
      'io.containerd.image.name': name,
      // What other readers of OCI layouts know; a digest is no such name.
      ...(tag === undefined || name.includes('@') ? {} : { 'org.opencontainers.image.ref.name': tag }),
    },
  }
}

/** The original one lists platforms that are not in the archive, and importers stumble over those. */
function prunedIndex(platforms: readonly PlatformImage[]): ManifestBytes {
  const manifests = [...platforms]
    .sort((one, other) => compare(formatPlatform(one.platform), formatPlatform(other.platform)))
    .map(manifestDescriptor)
  const bytes = encode({ schemaVersion: 2, mediaType: mediaTypes.index, manifests })
  const digest = contentDigest(bytes)
  return { descriptor: { mediaType: mediaTypes.index, digest, size: bytes.length }, bytes }
}

/** Each blob once, whoever has it. */
function blobUses(images: readonly ResolvedImage[]): readonly BlobUse[] {
  const uses = new Map<string, { descriptor: Descriptor; references: Reference[]; what: string }>()
  const add = (descriptor: Descriptor, reference: Reference, what: string) => {
    const known = uses.get(descriptor.digest)
    if (known === undefined) uses.set(descriptor.digest, { descriptor, references: [reference], what })
    else if (!known.references.includes(reference)) known.references.push(reference)
  }
  for (const { reference, platforms } of images)
    for (const { config, layers } of platforms) {
      const name = formatReference(reference)
      add(config, reference, `the config of ${name}`)
      for (const [index, layer] of layers.entries())
        if (!isForeignLayer(layer.mediaType)) add(layer, reference, `layer ${index + 1} of ${name}`)
    }
  return [...uses.values()]
}

/** Metadata comes first, so that a reader knows what to expect. */
function layOut(contents: readonly Content[]): ArchivePlan {
  const hash = createHash('sha256')
  let end = 0
  const members = contents.map((content): Member => {
    const size = content.kind === 'bytes' ? content.bytes.length : content.blob.descriptor.size
    const header = fileHeader(content.path, size)
    hash.update(header)
    if (content.kind === 'bytes') hash.update(content.bytes)
    const start = end
    const at = start + header.length
    end = at + size + paddingOf(size)
    return { ...content, start, at, size, header }
  })
  return { members, size: end + endOfArchive.length, id: `sha256:${hash.digest('hex')}` }
}

/** How many bytes of an archive are neither headers nor padding. */
export function contentSize({ members }: ArchivePlan): number {
  return members.reduce((sum, { size }) => sum + size, 0)
}

function sorted(contents: readonly Content[]): readonly Content[] {
  return [...contents].sort((one, other) => compare(one.path, other.path))
}

function nameOf({ reference }: ResolvedImage): string {
  return formatReference(reference)
}

/** By code units: the same on every machine, whatever its language. */
function compare(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0
}

function encode(value: object): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value))
}
