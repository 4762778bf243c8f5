/** The lock as a file: reading, writing in a stable order, and what it and a blueprint disagree about. */
import { isObject, type Json, type JsonObject } from '../model/json.ts'
import type { Lock, LockedBase, LockedDownload, LockedImage, WantedBase } from '../model/lock.ts'
import { neededImages, type Wanted } from './wanted.ts'

const digest = /^sha256:[0-9a-f]{64}$/
const hex = /^[0-9a-f]{64}$/

/**
 * Reads a lock. Sections that we do not know are kept, so that whoever owns them finds them again.
 * @returns the lock, or what is wrong with it, in a phrase that continues `FILE: `
 */
export function parseLock(text: string): { readonly lock: Lock } | { readonly problem: string } {
  let document: Json
  try {
    document = JSON.parse(text) as Json
  } catch {
    return { problem: 'it is not JSON' }
  }
  if (!isObject(document)) return { problem: 'it is not a JSON object' }
  const { format, cluster, platforms, images, downloads, bases = {} } = document
  if (format !== 1) return { problem: `it has format ${JSON.stringify(format ?? null)}, and we know 1` }
  if (typeof cluster !== 'string') return { problem: 'it does not name its cluster' }
  if (!Array.isArray(platforms) || !platforms.every((entry) => typeof entry === 'string'))
    return { problem: 'platforms is not a list of names' }
  const wrongImage = firstWrong(images, isLockedImage)
  if (wrongImage !== undefined) return { problem: `images: ${wrongImage}` }
  const wrongDownload = firstWrong(downloads, isLockedDownload)
  if (wrongDownload !== undefined) return { problem: `downloads: ${wrongDownload}` }
  const wrongBase = firstWrong(bases, isLockedBase)
  if (wrongBase !== undefined) return { problem: `bases: ${wrongBase}` }
  return { lock: document as unknown as Lock }
}

function firstWrong(section: Json | undefined, isRight: (entry: Json) => boolean): string | undefined {
  if (!isObject(section)) return 'there is no such section'
  const wrong = Object.entries(section).find(([, entry]) => !isRight(entry as Json))
  return wrong === undefined ? undefined : `${wrong[0]} has no checksum of the right form`
}

function isLockedImage(entry: Json): boolean {
  if (!isObject(entry) || typeof entry['digest'] !== 'string' || !isObject(entry['platforms'])) return false
  return [entry['digest'], ...Object.values(entry['platforms'])].every(
    (value) => typeof value === 'string' && digest.test(value),
  )
}

function isLockedDownload(entry: Json): boolean {
  if (!isObject(entry) || typeof entry['sha256'] !== 'string' || !hex.test(entry['sha256'])) return false
  const images = entry['images'] ?? []
  return Array.isArray(images) && images.every((name) => typeof name === 'string')
}

function isLockedBase(entry: Json): boolean {
  if (!isObject(entry)) return false
  const { checksum, image, name } = entry
  if (typeof checksum === 'string') return /^sha(256:[0-9a-f]{64}|512:[0-9a-f]{128})$/.test(checksum)
  return typeof image === 'string' && typeof name === 'string'
}

/** Pretty, keys sorted within sections: a change of one image is a change of its lines. */
export function serialiseLock(lock: Lock): string {
  const { format, cluster, platforms, images, downloads, bases = {}, ...others } = lock
  const ordered = {
    format,
    cluster,
    platforms: [...platforms].sort(),
    images: sorted(images, (image: LockedImage) => ({
      digest: image.digest,
      platforms: sorted(image.platforms, (entry) => entry),
    })),
    downloads: sorted(downloads, ({ sha256, images: run }: LockedDownload) => ({
      sha256,
      ...(run === undefined ? {} : { images: [...run].sort() }),
    })),
    ...(Object.keys(bases).length === 0 ? {} : { bases: sorted(bases, (base: LockedBase) => base) }),
    ...sorted(others as JsonObject, (entry) => entry),
  }
  return `${JSON.stringify(ordered, null, 2)}\n`
}

function sorted<Entry, Written>(
  section: Readonly<Record<string, Entry>>,
  write: (entry: Entry) => Written,
): Readonly<Record<string, Written>> {
  return Object.fromEntries(
    Object.keys(section)
      .sort()
      .map((key) => [key, write(section[key] as Entry)]),
  )
}

export interface Difference {
  /** The image or the URL, or `platforms`. */
  readonly name: string
  readonly what: string
}

/** What `gen lock` would change without moving anything that is locked. Empty: they agree. */
export function compareLock(lock: Lock, wanted: Wanted, platforms = lock.platforms): readonly Difference[] {
  const found: Difference[] = []
  for (const platform of platforms)
    if (!lock.platforms.includes(platform))
      found.push({ name: platform, what: 'the lock does not have this platform' })
  const images = neededImages(wanted, lock.downloads)
  for (const name of images) {
    const locked = lock.images[name]
    const missing = platforms.filter((platform) => locked?.platforms[platform] === undefined)
    if (locked === undefined) found.push({ name, what: 'the lock does not have this image' })
    else if (missing.length > 0)
      found.push({ name, what: `the lock does not have its ${missing.join(', ')}` })
  }
  for (const name of Object.keys(lock.images))
    if (!images.includes(name)) found.push({ name, what: 'the cluster no longer needs this image' })
  for (const { url, sha256 } of wanted.downloads) {
    const locked = lock.downloads[url]
    if (locked === undefined) found.push({ name: url, what: 'the lock does not have this download' })
    else if (sha256 !== undefined && sha256 !== locked.sha256)
      found.push({ name: url, what: `the lock says sha256 ${locked.sha256}, the blueprint ${sha256}` })
  }
  for (const url of Object.keys(lock.downloads))
    if (!wanted.downloads.some((download) => download.url === url))
      found.push({ name: url, what: 'the cluster no longer needs this download' })
  return wanted.bases === undefined ? found : [...found, ...compareBases(lock, wanted.bases)]
}

function compareBases({ bases = {} }: Lock, wanted: readonly WantedBase[]): readonly Difference[] {
  const names = wanted.map(({ name }) => name)
  return [
    ...names
      .filter((name) => bases[name] === undefined)
      .map((name) => ({ name, what: 'the lock does not have this base of machine images' })),
    ...Object.keys(bases)
      .filter((name) => !names.includes(name))
      .map((name) => ({ name, what: 'no builder begins with this any more' })),
  ]
}

/**
 * The one entry that somebody means: the whole name, or the end of it after a `/` (without tag for an image).
 * @returns its key, or every candidate
 */
export function findLocked(
  lock: Lock,
  name: string,
): { readonly key: string } | { readonly candidates: readonly string[] } {
  const keys = [lock.images, lock.downloads, lock.bases ?? {}].flatMap(Object.keys)
  if (keys.includes(name)) return { key: name }
  const isNamed = (key: string) =>
    key.endsWith(`/${name}`) || (key in lock.images && key.replace(/[:@][^/]*$/, '').endsWith(`/${name}`))
  const [key, ...more] = keys.filter(isNamed)
  if (key !== undefined && more.length === 0) return { key }
  return { candidates: key === undefined ? [] : [key, ...more] }
}
