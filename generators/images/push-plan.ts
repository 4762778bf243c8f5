/** What of an archive goes where in a registry: blobs first, then manifests, then the names that lead to them. */
import type { Contents, FoundManifest, NamedImage } from './contents.ts'
import { contentDigest } from './digest.ts'
import { type Descriptor, isForeignLayer, mediaTypes, parseManifest } from './manifest.ts'
import { indexOfAll } from './named-entries.ts'
import { formatReference, parseReference, type Reference, withDigest } from './reference.ts'
import type { ManifestBytes } from './source.ts'

export interface PushPlan {
  /** Each once, the largest first, with every repository that needs it. */
  readonly blobs: readonly { readonly descriptor: Descriptor; readonly repositories: readonly Reference[] }[]
  /** By digest. */
  readonly manifests: readonly Placed[]
  /** Indexes and tags: they only make sense once everything else is there. */
  readonly names: readonly (Placed & { readonly from: string })[]
  /** What is not as it was in the registry that the images came from. */
  readonly notes: readonly string[]
}

export interface Placed {
  readonly to: Reference
  readonly bytes: Uint8Array
  readonly mediaType: string
  readonly digest: string
}

/**
 * Reads `harbor.example.com/k8s`: where images go; below it they keep the names that they have in their own registries.
 * @returns the registry and what stands before every name, or what is wrong with it
 */
export function parseTarget(
  text: string,
):
  | { readonly target: { readonly registry: string; readonly prefix: string } }
  | { readonly problem: string } {
  const plain = text.replace(/\/+$/, '')
  const read = parseReference(`${plain}/x`)
  if ('problem' in read) return { problem: `${text}: ${read.problem}` }
  const { registry, repository } = read.reference
  if (registry === 'docker.io' && !/^(index\.)?docker\.io(\/|$)/.test(plain))
    return { problem: `${text} is no registry, such as harbor.example.com/${plain} or ${plain}:5000` }
  return { target: { registry, prefix: repository.replace(/x$/, '').replace(/^library\/$/, '') } }
}

/**
 * @returns the plan, or why there is none
 */
export function planPush(
  contents: Contents,
  target: { readonly registry: string; readonly prefix: string },
): PushPlan | { readonly problems: readonly string[] } {
  const problems: string[] = [...contents.problems]
  const notes: string[] = []
  const names: (Placed & { from: string })[] = []
  const manifests = new Map<string, Placed>()
  const blobs = new Map<string, { descriptor: Descriptor; repositories: Map<string, Reference> }>()
  for (const [name, entries] of byName(contents.images)) {
    const read = parseReference(name)
    if ('problem' in read || !/[/:@]/.test(name)) {
      problems.push(`${name} is no full name of an image: nobody can tell where it is to go`)
      continue
    }
    const to = {
      ...read.reference,
      registry: target.registry,
      repository: target.prefix + read.reference.repository,
    }
    for (const { document, manifest } of entries.flatMap((entry) => entry.manifests)) {
      const { digest, mediaType } = document.descriptor
      const placed = { to: withDigest(to, digest), bytes: document.bytes, mediaType, digest }
      manifests.set(formatReference(placed.to), placed)
      for (const descriptor of [manifest.config, ...manifest.layers])
        if (!isForeignLayer(descriptor.mediaType)) need(blobs, descriptor, to)
    }
    const top = original(read.reference, entries, contents) ?? topOf(name, entries, contents, notes)
    if (top !== undefined)
      names.push({
        ...top,
        to: to.tag === undefined ? withDigest(to, top.digest) : withoutDigest(to),
        from: name,
      })
  }
  problems.push(...clashes(names))
  if (problems.length > 0) return { problems: [...new Set(problems)] }
  return {
    blobs: [...blobs.values()]
      .map(({ descriptor, repositories }) => ({ descriptor, repositories: [...repositories.values()] }))
      .sort((left, right) => right.descriptor.size - left.descriptor.size),
    manifests: [...manifests.values()],
    names,
    notes,
  }
}

function byName(images: readonly NamedImage[]): ReadonlyMap<string, readonly NamedImage[]> {
  const found = new Map<string, NamedImage[]>()
  for (const image of images) found.set(image.name, [...(found.get(image.name) ?? []), image])
  return found
}

function need(
  blobs: Map<string, { descriptor: Descriptor; repositories: Map<string, Reference> }>,
  descriptor: Descriptor,
  { registry, repository }: Reference,
): void {
  const known = blobs.get(descriptor.digest) ?? { descriptor, repositories: new Map<string, Reference>() }
  known.repositories.set(repository, { registry, repository })
  blobs.set(descriptor.digest, known)
}

/** The index that the registry had, where the archive has it and all that it lists: then digests stay what they were. */
function original(
  reference: Reference,
  entries: readonly NamedImage[],
  { images, documents }: Contents,
): Omit<Placed, 'to'> | undefined {
  if (reference.tag === undefined) return undefined
  const here = new Set(entries.flatMap(({ manifests }) => manifests.map(digestOfManifest)))
  const found = images.find(
    ({ name, descriptor, manifests, absent }) =>
      name === formatReference(withDigest(reference, descriptor.digest)) &&
      absent.length === 0 &&
      manifests.length === here.size &&
      manifests.every((one) => here.has(digestOfManifest(one))),
  )
  return found && placed(documents.get(found.descriptor.digest))
}

function digestOfManifest({ document }: FoundManifest): string {
  return document.descriptor.digest
}

/** What a name is to lead to; undefined when its manifests alone are all that there is. */
function topOf(
  name: string,
  entries: readonly NamedImage[],
  { documents }: Contents,
  notes: string[],
): Omit<Placed, 'to'> | undefined {
  const [first] = entries
  if (first !== undefined && entries.length === 1 && first.absent.length === 0)
    return placed(documents.get(first.descriptor.digest))
  const children = entries.flatMap(({ manifests }) =>
    manifests.map(({ document, platform }) => ({
      ...document.descriptor,
      ...(platform === undefined ? {} : { platform }),
    })),
  )
  const whole = [...documents.values()].find((document) => isIndexOf(document, children))
  if (whole !== undefined) return placed(whole)
  if (name.includes('@')) {
    notes.push(`${name} is left out: registries take no index of which platforms are missing`)
    return undefined
  }
  const bytes = indexOfAll(children)
  const digest = contentDigest(bytes)
  notes.push(`${name} leads to a new index, ${digest}, of the platforms that are here`)
  return { bytes, mediaType: mediaTypes.index, digest }
}

/** Whether it lists these manifests and no others. */
function isIndexOf({ bytes, descriptor }: ManifestBytes, children: readonly Descriptor[]): boolean {
  const read = parseManifest(bytes, descriptor.mediaType)
  if (!('manifest' in read) || read.manifest.kind !== 'index') return false
  const listed = new Set(read.manifest.manifests.map(({ digest }) => digest))
  return listed.size === children.length && children.every(({ digest }) => listed.has(digest))
}

function placed(document: ManifestBytes | undefined): Omit<Placed, 'to'> | undefined {
  if (document === undefined) return undefined
  const { mediaType, digest } = document.descriptor
  return { bytes: document.bytes, mediaType, digest }
}

function withoutDigest({ registry, repository, tag }: Reference): Reference {
  return { registry, repository, ...(tag === undefined ? {} : { tag }) }
}

/** Two registries may call different images the same. */
function clashes(names: readonly (Placed & { readonly from: string })[]): readonly string[] {
  const seen = new Map<string, Placed & { readonly from: string }>()
  return names.flatMap((one) => {
    const name = formatReference(one.to)
    const other = seen.get(name)
    seen.set(name, one)
    return other === undefined || other.digest === one.digest
      ? []
      : [`${other.from} and ${one.from} would both be ${name}, and they are different images`]
  })
}
