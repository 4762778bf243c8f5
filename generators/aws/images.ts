/** Machine images on EC2: requests for them, and which of ours may go. */
import type { DescribeImagesCommandInput, Image } from '@aws-sdk/client-ec2'
import type { OsProvider } from '../providers/provider.ts'
import { type TagMap, tagFilters, tagNames, tagOf } from './tags.ts'

export const architectures = { amd64: 'x86_64', arm64: 'arm64' } as const
export type Architecture = (typeof architectures)[keyof typeof architectures]

/** How a user may spell an architecture; undefined for none that Kubernetes nodes have on EC2. */
export function parseArchitecture(text: string): Architecture | undefined {
  const spellings: Readonly<Record<string, Architecture>> = {
    x86_64: 'x86_64',
    ...architectures,
    aarch64: 'arm64',
  }
  return Object.hasOwn(spellings, text) ? spellings[text] : undefined
}

/** The publisher's own images of a release; undefined for a release that we do not know. */
export function baseImages(
  os: OsProvider,
  release: string,
  architecture: Architecture,
  withDeprecated = false,
): DescribeImagesCommandInput | undefined {
  const published = os.amazonImages(release, architecture)
  if (published === undefined) return undefined
  return {
    Owners: [published.owner],
    Filters: [
      { Name: 'name', Values: [...published.names] },
      { Name: 'architecture', Values: [architecture] },
      { Name: 'root-device-type', Values: ['ebs'] },
      { Name: 'virtualization-type', Values: ['hvm'] },
      { Name: 'state', Values: ['available'] },
    ],
    IncludeDeprecated: withDeprecated,
  }
}

/** Images that a template of ours baked, in this account. */
export function bakedImages(wanted: TagMap): DescribeImagesCommandInput {
  return {
    Owners: ['self'],
    Filters: [{ Name: 'tag-key', Values: [tagNames.kubernetes] }, ...tagFilters(wanted)],
    IncludeDeprecated: true,
  }
}

/** By date of creation; of one date by id, so that the order is always the same. */
export function newestFirst(images: readonly Image[]): readonly Image[] {
  const key = ({ CreationDate = '', ImageId = '' }: Image) => `${CreationDate} ${ImageId}`
  return images.toSorted((one, other) => (key(one) < key(other) ? 1 : -1))
}

export interface ImageSummary {
  readonly id: string
  readonly name: string
  readonly architecture: string
  readonly created: string
  readonly owner: string
}

export function summary(image: Image): ImageSummary {
  const { ImageId = '', Name = '', Architecture = '', CreationDate = '', OwnerId = '' } = image
  return { id: ImageId, name: Name, architecture: Architecture, created: CreationDate, owner: OwnerId }
}

export interface BakedSummary extends ImageSummary {
  readonly cluster: string
  readonly role: string
  readonly kubernetes: string
  readonly state: string
  /** When it is hidden from others; empty: never. */
  readonly deprecated: string
  readonly snapshots: readonly string[]
  /** Instances and launch templates that name it. */
  readonly usedBy: readonly string[]
}

export function bakedSummary(image: Image, usedBy: readonly string[]): BakedSummary {
  return {
    ...summary(image),
    cluster: tagOf(image.Tags, 'cluster') ?? '',
    role: tagOf(image.Tags, 'role') ?? '',
    kubernetes: tagOf(image.Tags, 'kubernetes') ?? '',
    state: image.State ?? '',
    deprecated: image.DeprecationTime ?? '',
    snapshots: (image.BlockDeviceMappings ?? []).flatMap(({ Ebs }) => Ebs?.SnapshotId ?? []),
    usedBy,
  }
}

/** Why an image stays, or undefined when it may go. */
export interface Verdict {
  readonly image: BakedSummary
  readonly kept: string | undefined
}

/**
 * Keeps what is in use, and the newest of each kind (cluster, role, Kubernetes version, architecture).
 * @param keep how many of each kind
 * @param olderThan ISO time: what is younger stays, too
 */
export function prunable(
  images: readonly BakedSummary[],
  { keep, olderThan }: { readonly keep: number; readonly olderThan: string },
): readonly Verdict[] {
  const seen = new Map<string, number>()
  return images
    .toSorted((one, other) => (one.created < other.created ? 1 : -1))
    .map((image) => {
      const kind = [image.cluster, image.role, image.kubernetes, image.architecture].join(' ')
      const rank = (seen.get(kind) ?? 0) + 1
      seen.set(kind, rank)
      const kept =
        image.usedBy.length > 0
          ? `used by ${image.usedBy.slice(0, 3).join(', ')}${image.usedBy.length > 3 ? ' …' : ''}`
          : rank <= keep
            ? keep === 1
              ? 'the newest of its kind'
              : `among the newest ${keep} of its kind`
            : image.created >= olderThan
              ? 'too young'
              : undefined
      return { image, kept }
    })
}
