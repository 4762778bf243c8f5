/**
 * Headers of tar archives: USTAR, with a PAX record where a size does not fit.
 * Source: POSIX.1-2017, pax, "ustar Interchange Format" and "pax Extended Header".
 */

export const blockSize = 512
/** Two blocks of zeros say that nothing follows. */
export const endOfArchive = new Uint8Array(2 * blockSize)
/** Twelve octal digits less the final NUL. */
const largestOctal = 8 ** 11 - 1

export type MemberKind = 'file' | 'folder' | 'link' | 'symlink' | 'pax' | 'gnu-name' | 'other'

/** What one header block says; the name is completed by the PAX or GNU headers before it. */
export interface Header {
  readonly name: string
  readonly kind: MemberKind
  /** Of the content, in bytes. */
  readonly size: number
  /** Where a link leads. */
  readonly target: string
}

/** The bytes that fill the last block of a content. */
export function paddingOf(size: number): number {
  return (blockSize - (size % blockSize)) % blockSize
}

/**
 * The header of a regular file: no owner, no date, mode 0644, so that the same content is the same archive.
 * @param name ASCII, at most 100 characters
 * @returns one block, or three when the size needs a PAX record
 */
export function fileHeader(name: string, size: number): Uint8Array {
  if (size <= largestOctal) return headerBlock(name, size, '0')
  const record = new TextEncoder().encode(paxRecord('size', String(size)))
  const blocks = new Uint8Array(3 * blockSize)
  blocks.set(headerBlock('PaxHeaders/size', record.length, 'x'))
  blocks.set(record, blockSize)
  // Readers that know no PAX would go on after what the octal field can say; there is nothing better to say.
  blocks.set(headerBlock(name, largestOctal, '0'), 2 * blockSize)
  return blocks
}

function headerBlock(name: string, size: number, type: string): Uint8Array {
  const block = new Uint8Array(blockSize)
  const put = (at: number, text: string) => block.set(new TextEncoder().encode(text), at)
  const octal = (at: number, length: number, value: number) =>
    put(at, value.toString(8).padStart(length - 1, '0'))
  if (name.length > 100 || /[^\x20-\x7e]/.test(name)) throw new RangeError(`not a name for USTAR: ${name}`)
  put(0, name)
  octal(100, 8, 0o644)
  octal(108, 8, 0)
  octal(116, 8, 0)
  octal(124, 12, size)
  octal(136, 12, 0)
  put(148, '        ')
  put(156, type)
  put(257, 'ustar\0')
  put(263, '00')
  octal(329, 8, 0)
  octal(337, 8, 0)
  put(148, `${checksum(block).toString(8).padStart(6, '0')}\0 `)
  return block
}

/** `LENGTH KEY=VALUE\n`, where the length counts itself. */
function paxRecord(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`
  let length = rest.length + 1
  while (String(length).length + rest.length > length) length += 1
  return `${length}${rest}`
}

function checksum(block: Uint8Array): number {
  return block.reduce((sum, byte, at) => sum + (at >= 148 && at < 156 ? 32 : byte), 0)
}

/**
 * Reads one header block.
 * @returns `end` for a block of zeros, `damaged` when the checksum is wrong
 */
export function readHeader(block: Uint8Array): Header | 'end' | 'damaged' {
  if (block.every((byte) => byte === 0)) return 'end'
  if (block.length !== blockSize || readNumber(block.subarray(148, 156)) !== checksum(block)) return 'damaged'
  const size = readNumber(block.subarray(124, 136))
  if (size === undefined) return 'damaged'
  const isUstar = readText(block.subarray(257, 262)) === 'ustar'
  const prefix = isUstar && block[262] === 0 ? readText(block.subarray(345, 500)) : ''
  const name = readText(block.subarray(0, 100))
  return {
    name: prefix === '' ? name : `${prefix}/${name}`,
    kind: kinds[String.fromCharCode(block[156] ?? 0)] ?? 'other',
    size,
    target: readText(block.subarray(157, 257)),
  }
}

const kinds: Readonly<Record<string, MemberKind>> = {
  '\0': 'file',
  '0': 'file',
  '1': 'link',
  '2': 'symlink',
  '5': 'folder',
  '7': 'file',
  L: 'gnu-name',
  x: 'pax',
}

function readText(field: Uint8Array): string {
  const end = field.indexOf(0)
  return new TextDecoder().decode(end < 0 ? field : field.subarray(0, end))
}

/** Octal, or GNU's base-256 with the top bit set. */
function readNumber(field: Uint8Array): number | undefined {
  if (((field[0] ?? 0) & 0x80) !== 0) {
    const value = field.reduce((sum, byte, at) => sum * 256 + (at === 0 ? byte & 0x7f : byte), 0)
    return Number.isSafeInteger(value) ? value : undefined
  }
  const digits = readText(field).trim()
  return /^[0-7]*$/.test(digits) ? Number.parseInt(digits || '0', 8) : undefined
}

/** The records of a PAX header, of which readers of ours need `path`, `linkpath` and `size`. */
export function readPax(content: Uint8Array): Readonly<Record<string, string>> {
  const records: Record<string, string> = {}
  let at = 0
  while (at < content.length) {
    const space = content.indexOf(0x20, at)
    const length = space < 0 ? Number.NaN : Number(readText(content.subarray(at, space)))
    if (!Number.isInteger(length) || length <= space - at) break
    const [key = '', ...value] = readText(content.subarray(space + 1, at + length - 1)).split('=')
    records[key] = value.join('=')
    at += length
  }
  return records
}
