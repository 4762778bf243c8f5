/** What a blueprint's names stood for when they were looked up: `<name>.lock.json`, committed beside the blueprint. */

export interface LockedImage {
  /** Of what the reference names: an index, or the manifest of the only platform. `sha256:<hex>`. */
  readonly digest: string
  /** `linux/amd64` → digest of the manifest that such a machine runs. */
  readonly platforms: Readonly<Record<string, string>>
}

export interface LockedDownload {
  /** Hex. */
  readonly sha256: string
  /** That it runs, when it is a manifest. */
  readonly images?: readonly string[]
}

/** What a machine image is baked from, where its publisher moves it. */
export type WantedBase =
  /** `checksums`: the publisher's list of them. */
  | { readonly kind: 'file'; readonly name: string; readonly checksums: string }
  | {
      readonly kind: 'ami'
      readonly name: string
      readonly region: string
      readonly os: string
      readonly release: string
      readonly architecture: 'amd64' | 'arm64'
    }

/** A file's checksum as Packer writes it (`sha512:<hex>`), or an AMI. */
export type LockedBase = { readonly checksum: string } | { readonly image: string; readonly name: string }

/** Keys are full references and URLs. Sections that are not ours stay as they are. */
export interface Lock {
  readonly format: 1
  /** The cluster's name: a lock belongs to one blueprint. */
  readonly cluster: string
  readonly platforms: readonly string[]
  readonly images: Readonly<Record<string, LockedImage>>
  readonly downloads: Readonly<Record<string, LockedDownload>>
  /** Of the builders that the blueprint names; by URL, or by `ami/REGION/OS-RELEASE-ARCHITECTURE`. */
  readonly bases?: Readonly<Record<string, LockedBase>>
}
