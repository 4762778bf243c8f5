/** What a name stands for: the manifests of the platforms that are wanted, each with its config and layers. */
import { isObject, type Json } from '../model/json.ts'
import { contentDigest } from './digest.ts'
import type { PlatformImage, ResolvedImage } from './layout.ts'
import { type Descriptor, type Index, type Manifest, maxManifestBytes, parseManifest } from './manifest.ts'
import { entriesFor, formatPlatform, offered, type Platform, platformOf, runsOn } from './platform.ts'
import { familiarName, type Reference } from './reference.ts'
import { type ImageSource, type ManifestBytes, SourceError } from './source.ts'

/**
 * @param platforms that the archive is to have of every image
 * @param pull the same image as it is asked for: with the lock's digest
 * @throws SourceError
 */
export async function resolveImage(
  source: ImageSource,
  reference: Reference,
  platforms: readonly Platform[],
  signal: AbortSignal,
  pull: Reference = reference,
): Promise<ResolvedImage> {
  const root = await source.resolve(pull, signal)
  const name = familiarName(reference)
  const parsed = read(root, name)
  if (parsed.kind === 'manifest') {
    const image = await single(source, pull, root, parsed, signal)
    const misfit = platforms.find((wanted) => !runsOn(image.platform, wanted))
    if (misfit !== undefined) throw missing(name, misfit, [formatPlatform(image.platform)])
    return { reference, root, platforms: [image] }
  }
  const images = await Promise.all(
    platforms.map((wanted) => ofPlatform(source, pull, { name, index: parsed, wanted }, signal)),
  )
  // arm64 and arm64/v8 are one.
  const distinct = new Map(images.map((image) => [image.manifest.descriptor.digest, image]))
  return { reference, root, platforms: [...distinct.values()] }
}

/** An image without an index says in its config what it runs on. */
async function single(
  source: ImageSource,
  reference: Reference,
  manifest: ManifestBytes,
  { config, layers }: Manifest,
  signal: AbortSignal,
): Promise<PlatformImage> {
  const configBytes = await readConfig(source, reference, config, signal)
  const platform = platformOf(parse(configBytes))
  if (platform === undefined)
    throw new SourceError(
      'unsupported',
      `${familiarName(reference)}: its config names no platform: it is no container image`,
    )
  return { platform, manifest, config, configBytes, layers: supported(layers, reference) }
}

async function readConfig(
  source: ImageSource,
  reference: Reference,
  config: Descriptor,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const name = familiarName(reference)
  if (config.size > maxManifestBytes)
    throw new SourceError('unsupported', `${name}: its config is larger than 4 MiB`)
  const chunks: Uint8Array[] = []
  for await (const chunk of source.blob(reference, config, 0, signal)) chunks.push(chunk.slice())
  const bytes = Buffer.concat(chunks)
  const digest = contentDigest(bytes)
  if (digest !== config.digest)
    throw new SourceError('damaged', `${name}: its config ${config.digest} came with the digest ${digest}`)
  return bytes
}

function parse(bytes: Uint8Array): Json {
  try {
    const value = JSON.parse(new TextDecoder().decode(bytes)) as Json
    return isObject(value) ? value : {}
  } catch {
    return {}
  }
}

interface Wish {
  readonly name: string
  readonly index: Index
  readonly wanted: Platform
}

/** Some indexes list what was never pushed: the next one that fits will do. */
async function ofPlatform(
  source: ImageSource,
  reference: Reference,
  { name, index, wanted }: Wish,
  signal: AbortSignal,
): Promise<PlatformImage> {
  const fitting = entriesFor(index, wanted)
  if (fitting.length === 0) throw missing(name, wanted, offered(index))
  let lost: SourceError | undefined
  for (const entry of fitting) {
    try {
      const manifest = await source.manifest(reference, entry.digest, signal)
      const parsed = read(manifest, `${name} for ${formatPlatform(wanted)}`)
      if (parsed.kind === 'index')
        throw new SourceError('unsupported', `${name}: an index in its index is another index`)
      const { config, layers } = parsed
      return { platform: entry.platform ?? wanted, manifest, config, layers: supported(layers, reference) }
    } catch (cause) {
      if (!(cause instanceof SourceError) || cause.reason !== 'missing') throw cause
      lost = cause
    }
  }
  throw new SourceError(
    'missing',
    `${name} lists ${formatPlatform(wanted)}, but its manifest is not there: ${lost?.message ?? ''}`,
    'the registry holds only a part of the image; take another tag, or another registry',
  )
}

/** containerd's import computes sha256 for whatever an archive holds. */
function supported(layers: readonly Descriptor[], reference: Reference): readonly Descriptor[] {
  const other = layers.find(({ digest }) => !digest.startsWith('sha256:'))
  if (other === undefined) return layers
  throw new SourceError(
    'unsupported',
    `${familiarName(reference)}: ${other.digest.slice(0, 20)}… is no sha256 digest, and containerd imports no other`,
  )
}

function missing(name: string, wanted: Platform, there: readonly string[]): SourceError {
  return new SourceError(
    'missing',
    `${name} has no ${formatPlatform(wanted)}; it has ${there.join(', ') || 'no platform that it names'}`,
    'leave the platform out of --platform, or take another image',
  )
}

function read(document: ManifestBytes, name: string): Manifest | Index {
  const parsed = parseManifest(document.bytes, document.descriptor.mediaType)
  if ('problem' in parsed) throw new SourceError('unsupported', `${name}: ${parsed.problem}`)
  return parsed.manifest
}
