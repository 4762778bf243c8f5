/**
 * A connection that is read into a few buffers of its own. Node's http makes a buffer and a trip through a stream of
 * every 64 KiB, which images feel. DECISIONS.md has the figures.
 */
import type { Socket } from 'node:net'
import type { Inbox, Piece } from './inbox.effect.ts'

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

/** @param inbox what the socket was connected with, or is emptied into */
export function createWire(socket: Socket, inbox: Inbox): Wire {
  const { arrival, isOver } = listen(socket, inbox)
  let held: Piece | undefined
  let given: Uint8Array | undefined
  const read = async () => {
    if (given !== undefined) {
      const again = given
      given = undefined
      return again
    }
    if (held !== undefined) inbox.release(held)
    held = undefined
    for (;;) {
      if (!inbox.isFull()) socket.resume()
      const piece = inbox.take()
      if (piece === undefined) {
        if (isOver()) return undefined
        await arrival()
      } else if (piece.bytes.length > 0) {
        held = piece
        return piece.bytes
      } else inbox.release(piece)
    }
  }
  const write = (bytes: Uint8Array | string) =>
    new Promise<void>((resolve, reject) =>
      socket.write(bytes, (cause) => (cause ? reject(cause) : resolve())),
    )
  const unread = (rest: Uint8Array) => {
    if (rest.length > 0) given = rest
  }
  const isQuiet = () => !socket.destroyed && given === undefined && inbox.isEmpty() && !isOver()
  return { socket, read, unread, write, isQuiet }
}

function listen(socket: Socket, inbox: Inbox) {
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
  inbox.arrived = rouse
  socket.on('end', () => finish())
  socket.on('close', () => finish())
  socket.on('error', finish)
  return {
    arrival: () => new Promise<void>((resolve) => (wake = resolve)),
    /** @throws what ended it */
    isOver: () => {
      if (failure !== undefined) throw failure
      return over
    },
  }
}
