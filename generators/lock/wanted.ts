/** What a lock has to hold for a plan: every image, and everything that is fetched. */
import { fullName } from '../images/reference.ts'
import type { Lock, WantedBase } from '../model/lock.ts'
import type { GroupPlan } from '../model/plan.ts'

export interface WantedDownload {
  readonly url: string
  /** Known already, from facts or the blueprint. */
  readonly sha256?: string
  /** Where the publisher keeps the checksum. */
  readonly sha256Url?: string
  /** A manifest whose images nobody knows before it is read. */
  readonly runsImages?: boolean
}

export interface Wanted {
  /** Full references, sorted; those of manifests apart. */
  readonly images: readonly string[]
  /** By URL, sorted. */
  readonly downloads: readonly WantedDownload[]
  /** Left out where machine images are nobody's matter. */
  readonly bases?: readonly WantedBase[]
}

export function wanted(groups: readonly GroupPlan[], bases?: readonly WantedBase[]): Wanted {
  const images = groups.flatMap((group) => group.images.map(({ reference }) => fullName(reference)))
  const downloads = new Map<string, WantedDownload>()
  for (const download of groups.flatMap(downloadsOf))
    downloads.set(download.url, { ...downloads.get(download.url), ...download })
  return {
    images: [...new Set(images)].sort(),
    downloads: [...downloads.values()].sort((one, other) => (one.url < other.url ? -1 : 1)),
    ...(bases === undefined ? {} : { bases }),
  }
}

/** Every image, those of manifests too as far as the lock knows them; sorted. */
export function neededImages({ images, downloads }: Wanted, locked: Lock['downloads']): readonly string[] {
  const found = downloads.flatMap(({ url, runsImages }) => (runsImages ? (locked[url]?.images ?? []) : []))
  return [...new Set([...images, ...found])].sort()
}

function downloadsOf({ downloads, addons, repositories }: GroupPlan): readonly WantedDownload[] {
  return [
    ...downloads.map(({ url, checksum }) => ({ url, ...checksum })),
    ...addons.flatMap(({ manifest, kustomization }) =>
      manifest === undefined
        ? []
        : [
            {
              url: manifest.url,
              ...(manifest.sha256 === undefined ? {} : { sha256: manifest.sha256 }),
              // Pod networks come as a kustomization over a manifest whose images are facts of ours.
              ...(kustomization === undefined ? { runsImages: true } : {}),
            },
          ],
    ),
    ...repositories.map(({ keyUrl }) => ({ url: keyUrl })),
  ]
}
