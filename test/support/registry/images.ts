/** Images made up for tests: real layers, configs, manifests and indexes, the same bytes for the same words. */
import { createHash } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import { mediaTypes } from '../../../generators/images/manifest.ts'

export interface Blob {
  readonly bytes: Buffer
  readonly digest: string
}

export interface Described {
  readonly mediaType: string
  readonly digest: string
  readonly size: number
  readonly platform?: Platform
}
interface Platform {
  readonly os: string
  readonly architecture: string
  readonly variant?: string
}

/** What a registry holds of one repository. */
export interface MadeImage {
  readonly repository: string
  readonly tag: string
  /** What the tag points at. */
  readonly top: Described
  readonly manifests: readonly (Blob & { readonly mediaType: string })[]
  readonly blobs: readonly Blob[]
  /** Manifests that the index names and that are not to be there in the end. */
  readonly absent: readonly string[]
}

/** A file of a layer; mode 0755. */
export type Files = Readonly<Record<string, string | Uint8Array>>
export interface Layer {
  readonly blob: Blob
  /** Digest of the tar inside. */
  readonly diffId: string
}

export function blob(bytes: Uint8Array): Blob {
  return {
    bytes: Buffer.from(bytes),
    digest: `sha256:${createHash('sha256').update(bytes).digest('hex')}`,
  }
}

/** Bytes that look random and are the same on every run; they don't compress. */
export function noise(seed: string, size: number): Buffer {
  const made = Buffer.allocUnsafe(size)
  let block = createHash('sha512').update(seed).digest()
  for (let at = 0; at < size; at += block.length) {
    if (at % (1 << 20) === 0) block = createHash('sha512').update(seed).update(String(at)).digest()
    // Cheap: one hash a mebibyte, and a byte of the position in between.
    block.copy(made, at)
    made[at] = (at >>> 6) & 0xff
  }
  return made
}

/** @param level of gzip; 0 keeps what is large cheap */
export function layer(files: Files, level = 1): Layer {
  const tar = tarOf(files)
  return { blob: blob(gzipSync(tar, { level })), diffId: blob(tar).digest }
}

export interface ImageOptions {
  readonly platforms?: readonly Platform[]
  /** Shared by every platform; one with the platform's name in it comes on top. */
  readonly layers?: readonly Layer[]
  readonly command?: readonly string[]
  /** With Docker's media types instead of OCI's. */
  readonly docker?: boolean
  /** Platforms that the index names and nobody stored. */
  readonly absent?: readonly Platform[]
}

const amd64 = { os: 'linux', architecture: 'amd64' } as const
const arm64 = { os: 'linux', architecture: 'arm64' } as const

/** With one platform a manifest, with several an index; `image('a/b', 'v1')` is one for amd64 and arm64. */
export function image(repository: string, tag: string, options: ImageOptions = {}): MadeImage {
  const { layers = [], command = ['/true'], docker = false, absent = [] } = options
  const platforms: readonly Platform[] = [...(options.platforms ?? [amd64, arm64]), ...absent]
  const made = platforms.map((platform) => {
    const variant = platform.variant ?? ''
    const own = layer({ 'etc/image': `${repository}:${tag} ${platform.architecture}${variant}\n` })
    return platformImage(platform, [...layers, own], command, docker)
  })
  const manifests = made.map(({ manifest }) => manifest)
  const blobs = made.flatMap((one) => one.blobs)
  const [first] = made
  if (first !== undefined && made.length === 1)
    return { repository, tag, top: first.described, manifests, blobs, absent: [] }
  const mediaType = docker ? mediaTypes.dockerIndex : mediaTypes.index
  const entries = made.map(({ described }) => described)
  const index = { ...blob(json({ schemaVersion: 2, mediaType, manifests: entries })), mediaType }
  const top = { mediaType, digest: index.digest, size: index.bytes.length }
  const gone = manifests.slice(manifests.length - absent.length).map(({ digest }) => digest)
  return { repository, tag, top, manifests: [...manifests, index], blobs, absent: gone }
}

function platformImage(
  platform: Platform,
  layers: readonly Layer[],
  command: readonly string[],
  docker: boolean,
) {
  const diffs = layers.map(({ diffId }) => diffId)
  const config = blob(
    json({ ...platform, config: { Cmd: command }, rootfs: { type: 'layers', diff_ids: diffs } }),
  )
  const mediaType = docker ? mediaTypes.dockerManifest : mediaTypes.manifest
  const layerType = docker ? 'application/vnd.docker.image.rootfs.diff.tar.gzip' : `${mediaTypes.layer}+gzip`
  const configType = docker ? 'application/vnd.docker.container.image.v1+json' : mediaTypes.config
  const manifest = blob(
    json({
      schemaVersion: 2,
      mediaType,
      config: { mediaType: configType, digest: config.digest, size: config.bytes.length },
      layers: layers.map((one) => ({
        mediaType: layerType,
        digest: one.blob.digest,
        size: one.blob.bytes.length,
      })),
    }),
  )
  const described: Described = {
    mediaType,
    digest: manifest.digest,
    size: manifest.bytes.length,
    platform,
  }
  return {
    described,
    manifest: { ...manifest, mediaType },
    blobs: [...layers.map((one) => one.blob), config],
  }
}

/** USTAR, folders included, in the order given. */
export function tarOf(files: Files): Buffer {
  const folders = new Set<string>()
  for (const path of Object.keys(files)) {
    const parts = path.split('/').slice(0, -1)
    for (const index of parts.keys()) folders.add(`${parts.slice(0, index + 1).join('/')}/`)
  }
  const entries = [
    ...[...folders].map((path) => [tarHeader(path, 0, '5')]),
    ...Object.entries(files).map(([path, content]) => {
      const bytes = Buffer.from(content)
      return [tarHeader(path, bytes.length, '0'), bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)]
    }),
  ]
  return Buffer.concat([...entries.flat(), Buffer.alloc(1024)])
}

function tarHeader(path: string, size: number, type: '0' | '5'): Buffer {
  const header = Buffer.alloc(512)
  const octal = (value: number, digits: number) => value.toString(8).padStart(digits, '0')
  header.write(path, 0)
  header.write(
    `${octal(0o755, 7)}\0${octal(0, 7)}\0${octal(0, 7)}\0${octal(size, 11)}\0${octal(0, 11)}\0`,
    100,
  )
  header.write(`        ${type}`, 148)
  header.write('ustar\x0000', 257)
  const sum = header.reduce((total, byte) => total + byte, 0)
  header.write(`${octal(sum, 6)}\0 `, 148)
  return header
}

function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value))
}
