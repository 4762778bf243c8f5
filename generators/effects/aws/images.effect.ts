/** Machine images: found, listed, deprecated, removed. */
import {
  DeregisterImageCommand,
  type DescribeImagesCommandInput,
  DescribeLaunchTemplateVersionsCommand,
  type EC2Client,
  EnableImageDeprecationCommand,
  type Image,
  paginateDescribeImages,
  paginateDescribeInstances,
  paginateDescribeLaunchTemplates,
} from '@aws-sdk/client-ec2'
import { type BakedSummary, bakedImages, bakedSummary, newestFirst } from '../../aws/images.ts'
import type { TagMap } from '../../aws/tags.ts'
import { asking, codeOf } from './clients.effect.ts'

/** All that match, newest first. */
export async function findImages(
  client: EC2Client,
  input: DescribeImagesCommandInput,
): Promise<readonly Image[]> {
  return asking('looking for images', async () => {
    const found: Image[] = []
    for await (const page of paginateDescribeImages({ client, pageSize: 200 }, input))
      found.push(...(page.Images ?? []))
    return newestFirst(found)
  })
}

/** Our own images, and who needs each. */
export async function ownImages(client: EC2Client, wanted: TagMap): Promise<readonly BakedSummary[]> {
  const images = await findImages(client, bakedImages(wanted))
  if (images.length === 0) return []
  const users = await asking('looking for what uses them', () => usersOf(client))
  return images.map((image) => bakedSummary(image, users.get(image.ImageId ?? '') ?? []))
}

/** Image → instances and launch templates; terminated instances need none. */
async function usersOf(client: EC2Client): Promise<ReadonlyMap<string, readonly string[]>> {
  const users = new Map<string, string[]>()
  const add = (image: string | undefined, user: string) => {
    if (image !== undefined) users.set(image, [...(users.get(image) ?? []), user])
  }
  const alive = [
    { Name: 'instance-state-name', Values: ['pending', 'running', 'shutting-down', 'stopping', 'stopped'] },
  ]
  for await (const page of paginateDescribeInstances({ client, pageSize: 1000 }, { Filters: alive }))
    for (const { Instances = [] } of page.Reservations ?? [])
      for (const { ImageId, InstanceId = '' } of Instances) add(ImageId, InstanceId)
  for await (const page of paginateDescribeLaunchTemplates({ client, pageSize: 200 }, {}))
    for (const { LaunchTemplateId = '' } of page.LaunchTemplates ?? []) {
      // Every version: an auto scaling group may name any of them.
      let next: string | undefined
      do {
        const versions = await client.send(
          new DescribeLaunchTemplateVersionsCommand({ LaunchTemplateId, NextToken: next, MaxResults: 200 }),
        )
        for (const { LaunchTemplateData, VersionNumber } of versions.LaunchTemplateVersions ?? [])
          add(LaunchTemplateData?.ImageId, `${LaunchTemplateId} version ${VersionNumber}`)
        next = versions.NextToken
      } while (next)
    }
  return users
}

/** @returns whether EC2 would let us; nothing is changed */
export async function mayDeregister(client: EC2Client, image: string): Promise<true> {
  return asking(`deregistering ${image}`, async () => {
    try {
      await client.send(new DeregisterImageCommand({ ImageId: image, DryRun: true }))
    } catch (cause) {
      if (codeOf(cause) !== 'DryRunOperation') throw cause
    }
    return true as const
  })
}

/**
 * Image and snapshots in one request, so that a cut leaves no snapshot that nobody looks for. One that is gone already
 * is fine: its answer may have got lost.
 * @returns snapshots that stayed, with EC2's reason
 */
export async function removeImage(client: EC2Client, image: string): Promise<readonly string[]> {
  return asking(`deregistering ${image}`, async () => {
    try {
      const { DeleteSnapshotResults = [] } = await client.send(
        new DeregisterImageCommand({ ImageId: image, DeleteAssociatedSnapshots: true }),
      )
      return DeleteSnapshotResults.filter(({ ReturnCode }) => ReturnCode !== 'success').map(
        ({ SnapshotId, ReturnCode }) => `${SnapshotId} (${ReturnCode})`,
      )
    } catch (cause) {
      if (['InvalidAMIID.NotFound', 'InvalidAMIID.Unavailable'].includes(codeOf(cause))) return []
      throw cause
    }
  })
}

export async function deprecateImage(
  client: EC2Client,
  image: string,
  at: Date,
  dryRun: boolean,
): Promise<void> {
  await asking(`deprecating ${image}`, async () => {
    try {
      await client.send(
        new EnableImageDeprecationCommand({ ImageId: image, DeprecateAt: at, DryRun: dryRun }),
      )
    } catch (cause) {
      if (codeOf(cause) !== 'DryRunOperation') throw cause
    }
  })
}
