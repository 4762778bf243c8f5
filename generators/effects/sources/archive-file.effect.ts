/**
 * Images of a tar: an OCI layout, as we and newer Dockers write it, or what `docker save` wrote before.
 * Source: https://github.com/moby/docker-image-spec/blob/main/spec.md
 */
import { contentDigest } from '../../images/digest.ts'
import { type Descriptor, mediaTypes } from '../../images/manifest.ts'
import { platformOf } from '../../images/platform.ts'
import { formatReference, parseReference } from '../../images/reference.ts'
import { SourceError } from '../../images/source.ts'
import { isObject, type Json, type JsonObject } from '../../model/json.ts'
import { dockerList, follow } from '../archive/docker.effect.ts'
import { digestOf } from '../archive/follows.effect.ts'
import {
  type ArchiveMember,
  archiveBlobs,
  loadMember,
  type OpenArchive,
  openArchive,
} from '../archive/read.effect.ts'
import { FileError } from '../files.effect.ts'
import type { Layout } from './layout.effect.ts'
import { readEntries } from './oci-folder.effect.ts'

/** @throws SourceError when there is no such archive */
export async function openArchiveFile(path: string, shown: string): Promise<Layout> {
  const archive = await openArchive(path).catch((cause: unknown) => {
    if (!(cause instanceof FileError)) throw cause
    throw new SourceError(cause.reason === 'missing' ? 'missing' : 'unsupported', cause.message)
  })
  if (archive.members.has('oci-layout')) return ociLayout(archive, shown)
  if (archive.members.has(dockerList)) return dockerLayout(archive, shown)
  await archive.close()
  throw new SourceError('unsupported', `${shown} holds neither an OCI layout nor what docker save writes`)
}

async function ociLayout(archive: OpenArchive, shown: string): Promise<Layout> {
  const index = await loadMember(archive, 'index.json')
  const entries = readEntries(index ?? new Uint8Array(), shown)
  return {
    shown,
    entries: async () => entries,
    document: (digest) => loadMember(archive, `blobs/${digest.replace(':', '/')}`),
    blob: archiveBlobs(archive).blob,
    close: archive.close,
  }
}

interface Translated {
  readonly entries: readonly Descriptor[]
  readonly documents: ReadonlyMap<string, Uint8Array>
  readonly blobs: ReadonlyMap<string, ArchiveMember>
}

/** Such an archive has no manifests: they are made of what it lists, so their digests are not the registry's. */
function dockerLayout(archive: OpenArchive, shown: string): Layout {
  let made: Promise<Translated> | undefined
  const translated = () => {
    // Every layer is read for its digest: only once somebody asks.
    made ??= translate(archive, shown)
    return made
  }
  const chunk = 1024 * 1024
  return {
    shown,
    entries: async () => (await translated()).entries,
    document: async (digest) => (await translated()).documents.get(digest),
    blob: async function* (_, { digest, size }, offset, signal) {
      const member = (await translated()).blobs.get(digest)
      if (member === undefined) throw new SourceError('missing', `${digest} is not in ${shown}`)
      const buffer = Buffer.allocUnsafe(Math.min(chunk, size))
      for (let at = offset; at < Math.min(size, member.size); ) {
        signal.throwIfAborted()
        const length = await archive.parts.read(
          buffer.subarray(0, Math.min(chunk, size - at)),
          member.at + at,
        )
        if (length === 0) return
        at += length
        yield buffer.subarray(0, length)
      }
    },
    close: archive.close,
  }
}

async function translate(archive: OpenArchive, shown: string): Promise<Translated> {
  const entries: Descriptor[] = []
  const documents = new Map<string, Uint8Array>()
  const blobs = new Map<string, ArchiveMember>()
  const layers = new Map<string, Descriptor>()
  for (const image of await readList(archive, shown)) {
    const config = archive.members.get(String(image['Config']))
    const bytes = config && (await loadMember(archive, config.name))
    if (config === undefined || bytes === undefined)
      throw new SourceError('damaged', `${shown}: ${String(image['Config'])}, a config, is not there`)
    const digest = contentDigest(bytes)
    blobs.set(digest, config)
    const manifest = new TextEncoder().encode(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: mediaTypes.manifest,
        config: { mediaType: mediaTypes.config, digest, size: bytes.length },
        layers: await describeLayers(archive, image, { shown, layers, blobs }),
      }),
    )
    documents.set(contentDigest(manifest), manifest)
    const platform = platformOf(readJson(bytes))
    for (const name of Array.isArray(image['RepoTags']) ? image['RepoTags'].map(String) : []) {
      const read = parseReference(name)
      const full = 'reference' in read ? formatReference(read.reference) : name
      entries.push({
        mediaType: mediaTypes.manifest,
        digest: contentDigest(manifest),
        size: manifest.length,
        ...(platform === undefined ? {} : { platform }),
        annotations: { 'io.containerd.image.name': full },
      })
    }
  }
  return { entries, documents, blobs }
}

interface Known {
  readonly shown: string
  /** By the member's name: images share layers. */
  readonly layers: Map<string, Descriptor>
  readonly blobs: Map<string, ArchiveMember>
}

async function describeLayers(archive: OpenArchive, image: JsonObject, { shown, layers, blobs }: Known) {
  const described: Descriptor[] = []
  for (const name of Array.isArray(image['Layers']) ? image['Layers'].map(String) : []) {
    const member = follow(archive.members, name)
    if (member === undefined) throw new SourceError('damaged', `${shown}: ${name}, a layer, is not there`)
    const { at, size } = member
    const known = layers.get(member.name) ?? {
      mediaType: await layerType(archive, member),
      digest: (await digestOf(archive.parts, at, size)).digest,
      size,
    }
    layers.set(member.name, known)
    blobs.set(known.digest, member)
    described.push(known)
  }
  return described
}

async function layerType({ parts }: OpenArchive, { at }: ArchiveMember): Promise<string> {
  const magic = Buffer.alloc(4)
  await parts.read(magic, at)
  if (magic.readUInt16BE(0) === 0x1f8b) return `${mediaTypes.layer}+gzip`
  return magic.readUInt32LE(0) === 0xfd2fb528 ? `${mediaTypes.layer}+zstd` : mediaTypes.layer
}

async function readList(archive: OpenArchive, shown: string): Promise<readonly JsonObject[]> {
  const value = readJson((await loadMember(archive, dockerList)) ?? new Uint8Array())
  if (Array.isArray(value)) return value.filter(isObject)
  throw new SourceError('unsupported', `${shown}: its ${dockerList} is no list of images`)
}

function readJson(bytes: Uint8Array): Json {
  try {
    return JSON.parse(new TextDecoder().decode(bytes)) as Json
  } catch {
    return null
  }
}
