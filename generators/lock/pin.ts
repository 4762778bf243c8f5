/** What a lock has into a plan: what is locked is never asked of its publisher again. */
import type { AddonSpec, DownloadSpec } from '../model/contribution.ts'
import type { Lock } from '../model/lock.ts'

export function pinDownload(download: DownloadSpec, lock: Lock | undefined): DownloadSpec {
  const locked = lock?.downloads[download.url]
  if (locked === undefined || 'sha256' in download.checksum) return download
  return { ...download, checksum: { sha256: locked.sha256 } }
}

/** The key of a distribution's AMI: every region has its own. */
export function amiName(region: string, os: string, release: string, architecture: string): string {
  return `ami/${region}/${os}-${release}-${architecture}`
}

/** @returns as Packer takes it, such as `sha512:<hex>` */
export function lockedChecksum(lock: Lock | undefined, url: string): string | undefined {
  const locked = lock?.bases?.[url]
  return locked !== undefined && 'checksum' in locked ? locked.checksum : undefined
}

export function lockedAmi(lock: Lock | undefined, name: string): string | undefined {
  const locked = lock?.bases?.[name]
  return locked !== undefined && 'image' in locked ? locked.image : undefined
}

export function pinAddon(addon: AddonSpec, lock: Lock | undefined): AddonSpec {
  const { manifest } = addon
  const locked = manifest === undefined ? undefined : lock?.downloads[manifest.url]
  if (manifest === undefined || manifest.sha256 !== undefined || locked === undefined) return addon
  return { ...addon, manifest: { ...manifest, sha256: locked.sha256 } }
}
