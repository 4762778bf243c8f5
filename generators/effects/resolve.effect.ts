/** What names and URLs stand for now: digests of images, checksums of downloads. */
import { architectures, baseImages } from '../aws/images.ts'
import { UserError } from '../cli/command.ts'
import { imagesInManifest } from '../images/found.ts'
import { formatPlatform, type Platform, runsOn } from '../images/platform.ts'
import { parseReference } from '../images/reference.ts'
import { resolveImage } from '../images/resolve.ts'
import { type ImageSource, SourceError } from '../images/source.ts'
import { checksumOf } from '../lock/checksums.ts'
import type { WantedDownload } from '../lock/wanted.ts'
import type { LockedBase, LockedDownload, LockedImage, WantedBase } from '../model/lock.ts'
import { choose } from '../plan/cluster.ts'
import type { OsProvider } from '../providers/provider.ts'
import * as registry from '../registry.ts'
import type { Access } from './aws/clients.effect.ts'
import { downloadSum, downloadText } from './download.effect.ts'

/**
 * @throws SourceError also when there is no image for one of the platforms
 */
export async function lockImage(
  source: ImageSource,
  name: string,
  platforms: readonly Platform[],
  signal: AbortSignal,
): Promise<LockedImage> {
  const parsed = parseReference(name)
  if ('problem' in parsed) throw new SourceError('unsupported', `${name}: ${parsed.problem}`)
  const resolved = await resolveImage(source, parsed.reference, platforms, signal)
  const digestOf = (wanted: Platform) =>
    resolved.platforms.find(({ platform }) => runsOn(platform, wanted))?.manifest.descriptor.digest ?? ''
  return {
    digest: resolved.root.descriptor.digest,
    platforms: Object.fromEntries(platforms.map((wanted) => [formatPlatform(wanted), digestOf(wanted)])),
  }
}

/**
 * @throws UserError
 */
export async function lockDownload(
  { url, sha256, sha256Url, runsImages }: WantedDownload,
  signal: AbortSignal,
): Promise<LockedDownload> {
  if (runsImages) {
    const { text, sha256: sum } = await downloadText(url, signal)
    if (sha256 !== undefined && sum !== sha256)
      throw new UserError(`${url} has the sha256 ${sum}, and the blueprint says ${sha256}`)
    return { sha256: sum, images: imagesInManifest(text) }
  }
  if (sha256 !== undefined) return { sha256 }
  if (sha256Url === undefined) return { sha256: await downloadSum(url, signal) }
  return { sha256: await publishedSum(sha256Url, signal) }
}

/**
 * @throws UserError
 */
export async function lockBase(base: WantedBase, aws: Access, signal: AbortSignal): Promise<LockedBase> {
  if (base.kind === 'file') {
    const { text } = await downloadText(base.checksums, signal)
    const checksum = checksumOf(text, base.name.slice(base.name.lastIndexOf('/') + 1))
    if (checksum !== undefined) return { checksum }
    throw new UserError(
      `${base.checksums} has no checksum of ${base.name}`,
      'the publisher may have replaced it: write url and sha256 of another under bake',
    )
  }
  const { os, release, architecture, region, name } = base
  const { connect } = await import('./aws/clients.effect.ts')
  const { findImages } = await import('./aws/images.effect.ts')
  const { ec2 } = connect({ ...aws, region })
  const input = baseImages(choose<OsProvider>(registry.os, os), release, architectures[architecture])
  const [newest] = input === undefined ? [] : await findImages(ec2, input)
  if (newest === undefined)
    throw new UserError(
      `${name}: there is no AMI of ${os} ${release} for ${architecture} in ${region}`,
      'name one: bake.builders.amazon-ebs.sourceAmi',
    )
  return { image: newest.ImageId ?? '', name: newest.Name ?? '' }
}

/**
 * The checksum that a publisher keeps beside its file: the first word, as sha256sum writes it.
 * @throws UserError
 */
export async function publishedSum(url: string, signal: AbortSignal): Promise<string> {
  const { text } = await downloadText(url, signal)
  const [sum = ''] = text.trim().split(/\s+/)
  if (/^[0-9a-f]{64}$/i.test(sum)) return sum.toLowerCase()
  throw new UserError(`${url} holds no SHA-256 but ${JSON.stringify(text.trim().slice(0, 60))}`)
}
