/** What a node that has one archive needs to have another: new and changed names, and blobs that it does not hold. */
import { type Contents, withoutAnnotation } from './contents.ts'
import { type ArchivePlan, assemble, type BlobUse } from './layout.ts'
import type { Descriptor } from './manifest.ts'
import type { Reference } from './reference.ts'

export interface Delta {
  readonly plan: ArchivePlan
  /** Names that the delta brings. */
  readonly added: readonly string[]
  /** Names that only the old archive has; an import takes nothing away. */
  readonly gone: readonly string[]
  /** Bytes that need not be carried. */
  readonly saved: number
}

/**
 * containerd takes layers that are not in the archive from its own store, as long as an image there still has them:
 * the delta is for nodes that hold the old archive's images in the same namespace.
 */
export function planDelta(older: Contents, newer: Contents): Delta {
  const known = new Map(older.images.map(({ name, descriptor }) => [name, descriptor.digest]))
  const changed = newer.images.filter(({ name, descriptor }) => known.get(name) !== descriptor.digest)
  const names = new Set(newer.images.map(({ name }) => name))
  const manifests = changed.flatMap(({ manifests }) => manifests)
  const needed = new Map<string, BlobUse>()
  const without = new Map<string, Descriptor>()
  for (const { manifest } of manifests) {
    for (const layer of manifest.layers) if (older.blobs.has(layer.digest)) without.set(layer.digest, layer)
    for (const blob of [manifest.config, ...manifest.layers]) {
      const use = newer.blobs.get(blob.digest)
      // The config is small, and an import without it says less about what is missing.
      if (use !== undefined && !without.has(blob.digest))
        needed.set(blob.digest, { ...use, references: [anyName] })
    }
  }
  const documents = [
    ...changed.flatMap(({ descriptor }) => newer.documents.get(descriptor.digest) ?? []),
    ...manifests.map(({ document }) => document),
  ]
  const left = [...without.keys()].sort()
  return {
    plan: assemble(
      changed.map(({ descriptor }) => descriptor),
      documents,
      [...needed.values()],
      left.length === 0 ? undefined : { [withoutAnnotation]: left.join(' ') },
    ),
    added: changed.map(({ name }) => name),
    gone: older.images.map(({ name }) => name).filter((name) => !names.has(name)),
    saved: [...without.values()].reduce((sum, { size }) => sum + size, 0),
  }
}

/** An archive is asked for a blob by digest alone. */
const anyName: Reference = { registry: 'localhost', repository: 'archive', tag: 'delta' }
