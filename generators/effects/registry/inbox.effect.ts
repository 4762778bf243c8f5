/** Where what a socket receives waits for its reader: a few buffers that are filled again and again. */
import type { OnReadOpts } from 'node:net'

export interface Piece {
  readonly bytes: Uint8Array
  /** Free once this piece was used. */
  readonly buffer?: Buffer<ArrayBuffer>
}

export interface Inbox {
  /** Undefined when there is nothing. */
  readonly take: () => Piece | undefined
  readonly release: (piece: Piece) => void
  /** Then the socket is to pause. */
  readonly isFull: () => boolean
  readonly isEmpty: () => boolean
  /** Called whenever something has come. */
  arrived: () => void
}

/** One is with the reader, one is full, one is being filled. */
const count = 3
const size = 128 * 1024
/** TLS may hand over this much after it was told to pause. */
const reserve = 96 * 1024

/** For `connect`, which takes `onread` before there is a socket. */
export function createBuffers(): Inbox & { readonly onread: OnReadOpts } {
  const free: Buffer<ArrayBuffer>[] = []
  const full: Piece[] = []
  let made = 1
  let current = Buffer.allocUnsafe(size)
  let start = 0
  let end = 0
  const isFull = () => free.length === 0 && made === count
  const rotate = () => {
    full.push({ bytes: current.subarray(start, end), buffer: current })
    const spare = free.pop()
    if (spare === undefined) made += 1
    current = spare ?? Buffer.allocUnsafe(size)
    start = 0
    end = 0
  }
  const onread: OnReadOpts = {
    buffer: () => current.subarray(end),
    callback: (length) => {
      end += length
      // Never without a buffer to read into: what is full pauses while one is still empty.
      if (size - end < reserve && !isFull()) rotate()
      inbox.arrived()
      return !isFull()
    },
  }
  const take = () => {
    const next = full.shift()
    if (next !== undefined || start === end) return next
    const bytes = current.subarray(start, end)
    start = end
    return { bytes }
  }
  const inbox = {
    onread,
    take,
    release: ({ buffer }: Piece) => void (buffer && free.push(buffer)),
    isFull,
    isEmpty: () => full.every(({ bytes }) => bytes.length === 0) && start === end,
    arrived: () => undefined,
  }
  return inbox
}

/** For a socket that was there before, such as TLS in a proxy's tunnel: what it emits, as it comes. */
export function createQueue(): Inbox & { readonly receive: (bytes: Buffer) => void } {
  const pieces: Piece[] = []
  let waiting = 0
  const inbox = {
    receive: (bytes: Buffer) => {
      pieces.push({ bytes })
      waiting += bytes.length
      inbox.arrived()
    },
    take: () => {
      const piece = pieces.shift()
      waiting -= piece?.bytes.length ?? 0
      return piece
    },
    release: () => undefined,
    isFull: () => waiting > size,
    isEmpty: () => pieces.length === 0,
    arrived: () => undefined,
  }
  return inbox
}
