/** Comparing versions: only facts do it, everyone else asks the facts. */

/** One range of versions; `from` is included, `below` is not. */
export interface VersionRange {
  readonly from: string
  readonly below?: string
}

const pattern = /^v?(\d{1,4})\.(\d{1,4})(?:\.(\d{1,4}))?$/

/** `v1.7.28` and `1.7.28` as [1, 7, 28], `1.7` as [1, 7]; undefined for anything else. */
export function parseVersion(text: string): readonly number[] | undefined {
  const match = pattern.exec(text)
  return match?.slice(1).flatMap((part) => (part === undefined ? [] : [Number(part)]))
}

/** Negative, zero or positive, as for sort(); a part that is missing counts as 0. Both must be versions. */
export function compareVersions(left: string, right: string): number {
  const [one, other] = [numbers(left), numbers(right)]
  for (let part = 0; part < 3; part += 1) {
    const difference = (one[part] ?? 0) - (other[part] ?? 0)
    if (difference !== 0) return difference
  }
  return 0
}

export function inRange(version: string, { from, below }: VersionRange): boolean {
  return compareVersions(version, from) >= 0 && (below === undefined || compareVersions(version, below) < 0)
}

function numbers(version: string): readonly number[] {
  const parts = parseVersion(version)
  if (parts === undefined) throw new RangeError(`not a version: ${version}`)
  return parts
}
