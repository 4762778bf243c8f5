/** The tags of what we bake and launch: packer/amazon-ebs writes those of images, `gen launch` the others. */
import type { Filter, Tag, TagSpecification } from '@aws-sdk/client-ec2'

export const tagNames = {
  cluster: 'leaven:cluster',
  role: 'leaven:role',
  kubernetes: 'leaven:kubernetes',
  /** Name of the declared node, or `<pool>-<n>`. */
  node: 'leaven:node',
  /** Only what carries it is ever removed. */
  madeBy: 'leaven:made-by',
} as const

export const launcher = 'gen launch'

export type TagMap = Readonly<Partial<Record<keyof typeof tagNames | 'name', string>>>

/** @returns EC2's list; `name` is what the console shows */
export function tagList(values: TagMap): Tag[] {
  return Object.entries(values).map(([key, value]) => ({
    Key: key === 'name' ? 'Name' : tagNames[key as keyof typeof tagNames],
    Value: value,
  }))
}

export function tagSpecification(
  type: NonNullable<TagSpecification['ResourceType']>,
  values: TagMap,
): TagSpecification {
  return { ResourceType: type, Tags: tagList(values) }
}

export function tagFilters(values: TagMap): Filter[] {
  return tagList(values).map(({ Key, Value = '' }) => ({ Name: `tag:${Key}`, Values: [Value] }))
}

/** What `gen launch` made for a cluster. */
export function ownFilters(cluster: string): Filter[] {
  return tagFilters({ madeBy: launcher, cluster })
}

export function tagOf(tags: readonly Tag[] | undefined, name: keyof typeof tagNames): string | undefined {
  return tags?.find(({ Key }) => Key === tagNames[name])?.Value
}
