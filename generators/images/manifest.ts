/**
 * Manifests and indexes, of OCI and of Docker.
 * Source: https://github.com/opencontainers/image-spec (manifest.md, image-index.md, media-types.md).
 */
import { isObject, type Json, type JsonObject } from '../model/json.ts'
import { type Platform, platformOf } from './platform.ts'
import { isDigest } from './reference.ts'

export interface Descriptor {
  readonly mediaType: string
  readonly digest: string
  /** In bytes. */
  readonly size: number
  readonly platform?: Platform
  readonly annotations?: Readonly<Record<string, string>>
}

/** One image of one platform. */
export interface Manifest {
  readonly kind: 'manifest'
  readonly mediaType: string
  readonly config: Descriptor
  readonly layers: readonly Descriptor[]
}

/** Several images under one name, one a platform. */
export interface Index {
  readonly kind: 'index'
  readonly mediaType: string
  readonly manifests: readonly Descriptor[]
}

export const mediaTypes = {
  index: 'application/vnd.oci.image.index.v1+json',
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  dockerIndex: 'application/vnd.docker.distribution.manifest.list.v2+json',
  dockerManifest: 'application/vnd.docker.distribution.manifest.v2+json',
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar',
} as const

/** What a registry is asked for. */
export const acceptManifests = [
  mediaTypes.index,
  mediaTypes.manifest,
  mediaTypes.dockerIndex,
  mediaTypes.dockerManifest,
].join(', ')

/** Larger is not a manifest: registries take 4 MiB at most. */
export const maxManifestBytes = 4 * 1024 * 1024

export function isIndexType(mediaType: string): boolean {
  return mediaType === mediaTypes.index || mediaType === mediaTypes.dockerIndex
}

export function isManifestType(mediaType: string): boolean {
  return mediaType === mediaTypes.manifest || mediaType === mediaTypes.dockerManifest
}

/**
 * Layers that a registry does not hand out: Windows' own. Their bytes are not part of an image that is carried.
 */
export function isForeignLayer(mediaType: string): boolean {
  return /nondistributable|\.foreign\./.test(mediaType)
}

/**
 * Reads a manifest or an index.
 * @param claimed the media type it was delivered with; the document's own wins
 * @returns what it says, or what is wrong with it, in a phrase that continues `NAME: `
 */
export function parseManifest(
  bytes: Uint8Array,
  claimed?: string,
): { readonly manifest: Manifest | Index } | { readonly problem: string } {
  if (bytes.length > maxManifestBytes) return { problem: 'its manifest is larger than 4 MiB' }
  let document: Json
  try {
    document = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as Json
  } catch {
    return { problem: 'its manifest is not JSON' }
  }
  if (!isObject(document)) return { problem: 'its manifest is not a JSON object' }
  const version = document['schemaVersion']
  if (version === 1) return { problem: 'its manifest is of Docker schema 1, which containerd 2 refuses too' }
  if (version !== 2) return { problem: `its manifest has schemaVersion ${JSON.stringify(version ?? null)}` }
  const mediaType = typeof document['mediaType'] === 'string' ? document['mediaType'] : claimed
  const isIndex = Array.isArray(document['manifests'])
  if (isIndex && document['layers'] !== undefined)
    // CVE-2021-41190: a document that is both means different images to different readers.
    return { problem: 'its manifest has both layers and manifests' }
  return isIndex ? readIndex(document, mediaType) : readManifest(document, mediaType)
}

function readIndex(document: JsonObject, mediaType = mediaTypes.index as string) {
  if (!isIndexType(mediaType)) return { problem: `its manifest is an index, but says ${mediaType}` }
  const manifests = (document['manifests'] as readonly Json[]).map(readDescriptor)
  const read = manifests.filter((entry) => entry !== undefined)
  if (read.length !== manifests.length) return { problem: 'its index has an entry without digest or size' }
  return { manifest: { kind: 'index', mediaType, manifests: read } as const }
}

function readManifest(document: JsonObject, mediaType = mediaTypes.manifest as string) {
  if (!isManifestType(mediaType)) return { problem: `its manifest is of the unknown type ${mediaType}` }
  const config = readDescriptor(document['config'])
  const listed = document['layers']
  if (config === undefined || !Array.isArray(listed))
    return { problem: 'its manifest has no config or no layers' }
  const layers = listed.map(readDescriptor).filter((layer) => layer !== undefined)
  if (layers.length !== listed.length) return { problem: 'its manifest has a layer without digest or size' }
  return { manifest: { kind: 'manifest', mediaType, config, layers } as const }
}

/** Undefined when digest, size or media type is not what it has to be. */
export function readDescriptor(value: Json | undefined): Descriptor | undefined {
  if (!isObject(value)) return undefined
  const { mediaType, digest, size, platform, annotations } = value
  if (typeof mediaType !== 'string' || typeof digest !== 'string' || !isDigest(digest)) return undefined
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) return undefined
  const named = platformOf(platform)
  return {
    mediaType,
    digest,
    size,
    ...(named === undefined ? {} : { platform: named }),
    ...(isObject(annotations) ? { annotations: texts(annotations) } : {}),
  }
}

function texts(entries: JsonObject): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(entries).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  )
}
