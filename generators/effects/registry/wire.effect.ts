/**
 * A connection that is read into a few buffers of its own. Node's http makes a buffer and a trip through a stream of
 * every 64 KiB: for images that is half of the time. DECISIONS.md has the figures.
 */
import type { OnReadOpts, Socket } from 'node:net'

export interface Wire {
  readonly socket: Socket
  /**
   * What has come, as much of it as there is.
   * @returns bytes that stay as they are until the next call; undefined at the end
   */
  readonly read: () => Promise<Uint8Array | undefined>
  /** Gives the end of what was read last back, to be read again. */
  readonly unread: (rest: Uint8Array) => void
  /** Resolves once more may be written. */
  readonly write: (bytes: Uint8Array | string) => Promise<void>
  /** Whether the other side is still there, and has said nothing that nobody asked for. */
  readonly isQuiet: () => boolean
}

/** One is with the reader, one is full, one is being filled. */
const count = 3
const size = 512 * 1024
/** TLS may hand over this much after it was told to pause. */
const reserve = 96 * 1024

interface Piece {
  readonly bytes: Uint8Array
  /** Free once this piece was used. */
  readonly buffer?: Buffer<ArrayBuffer>
}

/** Where the bytes of a socket go; `onread` is for `connect`, before there is a socket. */
export interface Inbox {
  readonly onread: OnReadOpts
  /** Also of a socket that could not be given `onread`: TLS inside a proxy's tunnel. */
  readonly receive: (bytes: Buffer) => boolean
  readonly take: () => Piece | undefined
  readonly isFull: () => boolean
  readonly isEmpty: () => boolean
  readonly release: (piece: Piece) => void
  /** Called whenever something has come. */
  arrived: () => void
}

export function createInbox(): Inbox {
  const free: Buffer<ArrayBuffer>[] = []
  const full: Piece[] = []
  let made = 1
  let current = Buffer.allocUnsafe(size)
  let start = 0
  let end = 0
  let foreign = 0
  const isFull = () => (free.length === 0 && made === count) || foreign > size
  const rotate = () => {
    full.push({ bytes: current.subarray(start, end), buffer: current })
    const spare = free.pop()
    if (spare === undefined) made += 1
    current = spare ?? Buffer.allocUnsafe(size)
    start = 0
    end = 0
  }
  const box: Inbox = {
    arrived: () => undefined,
    isFull,
    isEmpty: () => full.every(({ bytes }) => bytes.length === 0) && start === end,
    onread: {
      buffer: () => current.subarray(end),
      callback: (length) => {
        end += length
        // Never without a buffer to read into: what is full pauses while one is still empty.
        if (size - end < reserve && !isFull()) rotate()
        box.arrived()
        return !isFull()
      },
    },
    receive: (bytes) => {
      full.push({ bytes })
      foreign += bytes.length
      box.arrived()
      return !isFull()
    },
    take: () => {
      const next = full.shift()
      if (next !== undefined || start === end) return next
      const bytes = current.subarray(start, end)
      start = end
      return { bytes }
    },
    release: ({ bytes, buffer }) => {
      if (buffer !== undefined) free.push(buffer)
      else if (foreign > 0) foreign -= bytes.length
    },
  }
  return box
}

/** @param isNative whether the socket was connected with the inbox's `onread` */
export function createWire(socket: Socket, box: Inbox, isNative: boolean): Wire {
  let held: Piece | undefined
  let given: Uint8Array | undefined
  let over = false
  let failure: Error | undefined
  let wake: (() => void) | undefined
  const rouse = () => {
    wake?.()
    wake = undefined
  }
  const finish = (cause?: Error) => {
    over = true
    failure ??= cause
    rouse()
  }
  box.arrived = rouse
  socket.on('end', () => finish())
  socket.on('close', () => finish())
  socket.on('error', finish)
  if (!isNative) socket.on('data', (bytes: Buffer) => box.receive(bytes) || socket.pause())

  const read = async () => {
    if (given !== undefined) {
      const again = given
      given = undefined
      return again
    }
    if (held !== undefined) box.release(held)
    held = undefined
    if (!box.isFull()) socket.resume()
    for (;;) {
      const piece = box.take()
      if (piece !== undefined && piece.bytes.length > 0) {
        held = piece
        return piece.bytes
      }
      if (piece !== undefined) box.release(piece)
      else if (failure !== undefined) throw failure
      else if (over) return undefined
      else await new Promise<void>((resolve) => (wake = resolve))
    }
  }
  const write = (bytes: Uint8Array | string) =>
    new Promise<void>((resolve, reject) =>
      socket.write(bytes, (cause) => (cause ? reject(cause) : resolve())),
    )
  const unread = (rest: Uint8Array) => {
    if (rest.length > 0) given = rest
  }
  return {
    socket,
    read,
    unread,
    write,
    isQuiet: () => !over && given === undefined && box.isEmpty() && !socket.destroyed,
  }
}
