/** `oci:DIR`: https://github.com/opencontainers/image-spec/blob/main/image-layout.md */
import { open, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { type Descriptor, maxManifestBytes, readDescriptor } from '../../images/manifest.ts'
import { isDigest } from '../../images/reference.ts'
import { SourceError } from '../../images/source.ts'
import { isObject, type Json } from '../../model/json.ts'
import { FileError, readFileLimited } from '../files.effect.ts'
import type { Layout } from './layout.effect.ts'

const chunkSize = 1024 * 1024

/** @throws SourceError when the folder is none, or no layout */
export async function openOciFolder(folder: string, shown: string): Promise<Layout> {
  const index = await readWhole(join(folder, 'index.json'))
  const layout = await readWhole(join(folder, 'oci-layout'))
  if (index === undefined || layout === undefined)
    throw new SourceError('unsupported', `${shown} is no OCI layout: it needs oci-layout and index.json`)
  const entries = readEntries(index, shown)
  const file = (digest: string) => {
    if (!isDigest(digest)) throw new SourceError('unsupported', `${shown}: ${digest} is no digest`)
    return join(folder, 'blobs', digest.replace(':', '/'))
  }
  return {
    shown,
    entries: async () => entries,
    document: (digest) => readWhole(file(digest)),
    blob: async function* (_, { digest, size }, offset, signal) {
      const handle = await open(file(digest)).catch((cause: NodeJS.ErrnoException) => {
        const reason = cause.code === 'ENOENT' ? 'missing' : 'denied'
        throw new SourceError(reason, `${digest} cannot be read in ${shown}: ${cause.code}`)
      })
      try {
        const buffer = Buffer.allocUnsafe(Math.min(chunkSize, size))
        for (let at = offset; at < size; ) {
          signal.throwIfAborted()
          const { bytesRead } = await handle.read(buffer, 0, Math.min(buffer.length, size - at), at)
          if (bytesRead === 0)
            throw new SourceError('damaged', `${digest} has ${at} instead of ${size} bytes in ${shown}`)
          at += bytesRead
          yield buffer.subarray(0, bytesRead)
        }
      } finally {
        await handle.close()
      }
    },
    close: async () => undefined,
  }
}

/** Undefined when it is not there, or larger than any manifest. */
async function readWhole(path: string): Promise<Uint8Array | undefined> {
  try {
    if ((await stat(path)).size > maxManifestBytes) return undefined
    return (await readFileLimited(path, maxManifestBytes)).bytes
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR' || (cause instanceof FileError && cause.reason === 'missing'))
      return undefined
    throw new SourceError('denied', `${path} cannot be read: ${code ?? (cause as Error).message}`)
  }
}

export function readEntries(index: Uint8Array, shown: string): readonly Descriptor[] {
  let value: Json = null
  try {
    value = JSON.parse(new TextDecoder().decode(index)) as Json
  } catch {}
  const listed = isObject(value) ? value['manifests'] : undefined
  if (!Array.isArray(listed))
    throw new SourceError('unsupported', `${shown}: its index.json lists no manifests`)
  return listed.map(readDescriptor).filter((entry) => entry !== undefined)
}
