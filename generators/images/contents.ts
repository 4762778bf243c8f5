/** What an archive that is an OCI layout says it holds: names, manifests, and every blob that they need. */
import { isObject, type Json, type JsonObject } from '../model/json.ts'
import {
  type Descriptor,
  isForeignLayer,
  isIndexType,
  type Manifest,
  parseManifest,
  readDescriptor,
} from './manifest.ts'
import { formatPlatform, type Platform } from './platform.ts'
import { formatReference, parseReference } from './reference.ts'
import type { ManifestBytes } from './source.ts'

/** A name, and what it stands for. */
export interface NamedImage {
  readonly name: string
  readonly descriptor: Descriptor
  /** Manifests of it that are in the archive. */
  readonly manifests: readonly FoundManifest[]
  /** Platforms that its index lists without their being in the archive. */
  readonly absent: readonly string[]
}

export interface FoundManifest {
  readonly document: ManifestBytes
  readonly manifest: Manifest
  readonly platform: Platform | undefined
}

export interface Contents {
  readonly images: readonly NamedImage[]
  /** Manifests and indexes. */
  readonly documents: ReadonlyMap<string, ManifestBytes>
  /** Configs and layers, each with what it is; by digest. */
  readonly blobs: ReadonlyMap<string, { readonly descriptor: Descriptor; readonly what: string }>
  /** Layers that a delta leaves out on purpose. */
  readonly without: ReadonlySet<string>
  readonly problems: readonly string[]
}

/** On the index.json of a delta: the digests of the blobs that the node has from the archive before. */
export const withoutAnnotation = 'dev.leaven.delta.without'

/**
 * @param load a blob's bytes; undefined where the archive has none
 */
export async function readContents(
  index: Uint8Array,
  load: (digest: string) => Promise<Uint8Array | undefined>,
): Promise<Contents> {
  const problems: string[] = []
  const { entries, annotations } = readIndexFile(index, problems)
  const documents = new Map<string, ManifestBytes>()
  const blobs = new Map<string, { descriptor: Descriptor; what: string }>()
  const images: NamedImage[] = []
  for (const descriptor of entries) {
    const name = nameOf(descriptor, problems)
    const found = await readTarget(descriptor, name, load, documents)
    problems.push(...found.problems)
    images.push({ name, descriptor, manifests: found.manifests, absent: found.absent })
    for (const { manifest } of found.manifests) {
      note(blobs, manifest.config, `the config of ${name}`)
      for (const [at, layer] of manifest.layers.entries())
        if (!isForeignLayer(layer.mediaType)) note(blobs, layer, `layer ${at + 1} of ${name}`)
    }
  }
  const without = new Set((annotations[withoutAnnotation] ?? '').split(' ').filter(Boolean))
  return { images, documents, blobs, without, problems: [...new Set(problems)] }
}

function note(
  blobs: Map<string, { descriptor: Descriptor; what: string }>,
  descriptor: Descriptor,
  what: string,
) {
  if (!blobs.has(descriptor.digest)) blobs.set(descriptor.digest, { descriptor, what })
}

function readIndexFile(index: Uint8Array, problems: string[]) {
  const none = { entries: [], annotations: {} as Readonly<Record<string, string>> }
  let value: Json
  try {
    value = JSON.parse(new TextDecoder().decode(index)) as Json
  } catch {
    problems.push('index.json is not JSON')
    return none
  }
  const listed = isObject(value) ? value['manifests'] : undefined
  if (!Array.isArray(listed)) {
    problems.push('index.json lists no manifests')
    return none
  }
  const entries = listed.map(readDescriptor)
  if (entries.includes(undefined)) problems.push('an entry of index.json has no digest, size or media type')
  const annotations = (value as JsonObject)['annotations']
  return {
    entries: entries.filter((entry) => entry !== undefined),
    annotations: (isObject(annotations) ? annotations : {}) as Readonly<Record<string, string>>,
  }
}

/** As containerd's import names it. */
function nameOf({ annotations = {}, digest }: Descriptor, problems: string[]): string {
  const named = annotations['io.containerd.image.name'] ?? annotations['org.opencontainers.image.ref.name']
  if (named === undefined || (annotations['io.containerd.image.name'] === undefined && !/[/:@]/.test(named)))
    // Imported as import-<date>:<tag>, or under no name: other tools write such archives.
    return named ?? digest
  const parsed = parseReference(named)
  if ('problem' in parsed) problems.push(`${named}: ${parsed.problem}`)
  else if (formatReference(parsed.reference) !== named)
    problems.push(`${named} is not a full name: pods would look for ${formatReference(parsed.reference)}`)
  return named
}

interface FoundTarget {
  readonly manifests: readonly FoundManifest[]
  readonly absent: readonly string[]
  readonly problems: readonly string[]
}

async function readTarget(
  descriptor: Descriptor,
  name: string,
  load: (digest: string) => Promise<Uint8Array | undefined>,
  documents: Map<string, ManifestBytes>,
): Promise<FoundTarget> {
  const bytes = await load(descriptor.digest)
  const failed = (problem: string) => ({ manifests: [], absent: [], problems: [problem] })
  if (bytes === undefined)
    return failed(`${descriptor.digest} (the manifest of ${name}) is not in the archive`)
  const parsed = parseManifest(bytes, descriptor.mediaType)
  if ('problem' in parsed) return failed(`${descriptor.digest} (${name}): ${parsed.problem}`)
  const document = { descriptor: { ...descriptor }, bytes }
  documents.set(descriptor.digest, document)
  const { manifest } = parsed
  if (manifest.kind === 'manifest')
    return {
      manifests: [{ document, manifest, platform: descriptor.platform }],
      absent: [],
      problems: bytes.length === descriptor.size ? [] : [wrongSize(descriptor, name, bytes.length)],
    }
  if (!isIndexType(descriptor.mediaType))
    return failed(`${descriptor.digest} (${name}) is an index, but named a manifest`)
  return readChildren(manifest.manifests, name, load, documents)
}

async function readChildren(
  children: readonly Descriptor[],
  name: string,
  load: (digest: string) => Promise<Uint8Array | undefined>,
  documents: Map<string, ManifestBytes>,
): Promise<FoundTarget> {
  const manifests: FoundManifest[] = []
  const absent: string[] = []
  const problems: string[] = []
  for (const child of children) {
    const title = child.platform === undefined ? child.digest : formatPlatform(child.platform)
    if ((await load(child.digest)) === undefined) {
      absent.push(title)
      continue
    }
    const found = await readTarget(child, `${name} for ${title}`, load, documents)
    manifests.push(...found.manifests)
    absent.push(...found.absent)
    problems.push(...found.problems)
  }
  if (manifests.length === 0 && problems.length === 0)
    problems.push(`${name}: none of the manifests that its index lists is in the archive`)
  return { manifests, absent, problems }
}

function wrongSize({ digest, size }: Descriptor, name: string, length: number): string {
  return `${digest} (the manifest of ${name}) has ${length} bytes instead of ${size}`
}
