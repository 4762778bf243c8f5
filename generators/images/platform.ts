/**
 * What an image runs on.
 * Source: https://github.com/containerd/platforms (normalisation and what runs on what).
 */
import { isObject, type Json } from '../model/json.ts'
import type { Descriptor, Index } from './manifest.ts'

export interface Platform {
  readonly os: string
  /** As Go writes it: amd64, arm64. */
  readonly architecture: string
  readonly variant?: string
}

const architectures = [
  '386',
  'amd64',
  'arm',
  'arm64',
  'loong64',
  'mips64le',
  'ppc64le',
  'riscv64',
  's390x',
] as const
const systems = ['linux', 'windows'] as const
const synonyms: Readonly<Record<string, string>> = {
  x86_64: 'amd64',
  'x86-64': 'amd64',
  aarch64: 'arm64',
  i386: '386',
  i686: '386',
}

/**
 * Reads `linux/amd64`, `linux/arm/v7` or `arm64` (of Linux).
 * @returns the platform, or what is wrong with it
 */
export function parsePlatform(text: string): { readonly platform: Platform } | { readonly problem: string } {
  const parts = text.split('/')
  const [os = '', written = '', variant] = parts.length === 1 ? ['linux', ...parts] : parts
  const architecture = synonyms[written] ?? written
  if (parts.length > 3 || !(systems as readonly string[]).includes(os))
    return { problem: `${text} is not a platform: such as linux/amd64, linux/arm64 or linux/arm/v7` }
  if (!(architectures as readonly string[]).includes(architecture))
    return { problem: `${text}: we know no ${written}; there is ${architectures.join(', ')}` }
  if (variant !== undefined && !/^v?\d{1,2}$/.test(variant))
    return { problem: `${text}: ${variant} is not a variant, such as v7` }
  return { platform: normalise({ os, architecture, ...(variant === undefined ? {} : { variant }) }) }
}

export function formatPlatform({ os, architecture, variant }: Platform): string {
  return `${os}/${architecture}${variant === undefined ? '' : `/${variant}`}`
}

/** Of a descriptor, or of an image's config, which has the same keys; undefined where it says nothing of use. */
export function platformOf(value: Json | undefined): Platform | undefined {
  if (!isObject(value)) return undefined
  const { os, architecture, variant } = value
  if (typeof os !== 'string' || typeof architecture !== 'string') return undefined
  return normalise({
    os,
    architecture,
    ...(typeof variant === 'string' && variant !== '' ? { variant } : {}),
  })
}

/**
 * The entries of an index that a machine of this platform can run, the best one first. Attestations, which pass
 * for images of unknown/unknown, are none of them.
 */
export function entriesFor({ manifests }: Index, wanted: Platform): readonly Descriptor[] {
  return manifests
    .map((entry) => ({ entry, rank: entry.platform === undefined ? -1 : fitness(entry.platform, wanted) }))
    .filter(({ rank }) => rank >= 0)
    .sort((left, right) => right.rank - left.rank)
    .map(({ entry }) => entry)
}

/** Whether a machine of platform `machine` runs this image. */
export function runsOn(image: Platform, machine: Platform): boolean {
  return fitness(image, machine) >= 0
}

/** What an index offers, for messages; attestations apart. */
export function offered({ manifests }: Index): readonly string[] {
  const named = manifests.flatMap(({ platform }) => (platform === undefined ? [] : [platform]))
  return [...new Set(named.filter(({ os }) => os !== 'unknown').map(formatPlatform))]
}

/** How well it fits: -1 not at all, else the higher the better. */
function fitness(image: Platform, machine: Platform): number {
  if (image.os !== machine.os || image.architecture !== machine.architecture) return -1
  const has = level(image)
  // An older variant of the same family runs on a newer machine, never the other way round.
  return has > level(machine) ? -1 : has
}

function level({ architecture, variant }: Platform): number {
  if (variant !== undefined) return Number(variant.replace(/^v/, '')) || 0
  return { arm: 7, arm64: 8, amd64: 1 }[architecture] ?? 0
}

/** The usual variant of an architecture is not written. */
function normalise({ os, architecture, variant }: Platform): Platform {
  const named = {
    os: os.toLowerCase(),
    architecture: synonyms[architecture.toLowerCase()] ?? architecture.toLowerCase(),
  }
  if (variant === undefined) return named
  const written = /^\d/.test(variant) ? `v${variant}` : variant.toLowerCase()
  return level(named) === level({ ...named, variant: written }) ? named : { ...named, variant: written }
}
