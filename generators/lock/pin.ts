/** A lock's checksums into a plan: what is locked is never asked of its publisher again. */
import type { AddonSpec, DownloadSpec } from '../model/contribution.ts'
import type { Lock } from '../model/lock.ts'

export function pinDownload(download: DownloadSpec, lock: Lock | undefined): DownloadSpec {
  const locked = lock?.downloads[download.url]
  if (locked === undefined || 'sha256' in download.checksum) return download
  return { ...download, checksum: { sha256: locked.sha256 } }
}

export function pinAddon(addon: AddonSpec, lock: Lock | undefined): AddonSpec {
  const { manifest } = addon
  const locked = manifest === undefined ? undefined : lock?.downloads[manifest.url]
  if (manifest === undefined || manifest.sha256 !== undefined || locked === undefined) return addon
  return { ...addon, manifest: { ...manifest, sha256: locked.sha256 } }
}
