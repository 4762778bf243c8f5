/** Lists of checksums, as publishers of machine images sign them. */

/**
 * A file's own line: `HEX  NAME`, `HEX *NAME` (coreutils) or `SHA256 (NAME) = HEX` (BSD).
 * @param file without a folder
 * @returns the strongest that there is, as Packer takes it: `sha512:<hex>` or `sha256:<hex>`
 */
export function checksumOf(list: string, file: string): string | undefined {
  const found = list.split('\n').flatMap((line) => {
    const [, first, name, bsdName, last] =
      /^(?:([0-9a-f]+) [ *](?:\.\/)?(\S+)|SHA\d+ \((\S+)\) = ([0-9a-f]+))\s*$/i.exec(line) ?? []
    return (name ?? bsdName) === file ? [(first ?? last ?? '').toLowerCase()] : []
  })
  const strong = found.find(({ length }) => length === 128) ?? found.find(({ length }) => length === 64)
  return strong === undefined ? undefined : `sha${strong.length * 4}:${strong}`
}
