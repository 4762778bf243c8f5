/** Whether files are, byte by byte, what a plan says: a copy of an archive, or one that was finished a moment before a kill. */
import { createHash } from 'node:crypto'
import type { ArchivePlan } from '../../images/layout.ts'
import { openParts, type Parts } from './parts.effect.ts'

export async function follows(names: readonly string[], plan: ArchivePlan): Promise<boolean> {
  const parts = await openParts(names).catch(() => undefined)
  if (parts === undefined) return false
  try {
    return parts.size === plan.size && (await sameBytes(parts, plan))
  } finally {
    await parts.close()
  }
}

async function sameBytes(parts: Parts, { members }: ArchivePlan): Promise<boolean> {
  // Headers and metadata first: another archive differs there already.
  for (const member of members) {
    const expected = Buffer.concat([member.header, ...(member.kind === 'bytes' ? [member.bytes] : [])])
    const found = Buffer.alloc(expected.length)
    await parts.read(found, member.start)
    if (!found.equals(expected)) return false
  }
  for (const member of members)
    if (member.kind === 'blob') {
      const { digest } = await digestOf(parts, member.at, member.size)
      if (digest !== member.blob.descriptor.digest) return false
    }
  return true
}

const readSize = 1024 * 1024

/** @returns `sha256:<hex>` of a stretch, and how much of it is there */
export async function digestOf(
  parts: Pick<Parts, 'read'>,
  at: number,
  size: number,
  passed: (count: number) => void = () => undefined,
): Promise<{ readonly digest: string; readonly length: number }> {
  const hash = createHash('sha256')
  // While one buffer is hashed, the other is read.
  const buffers = [Buffer.allocUnsafe(readSize), Buffer.allocUnsafe(readSize)] as const
  const next = (turn: number, from: number) =>
    parts.read(buffers[turn % 2 === 0 ? 0 : 1].subarray(0, Math.min(readSize, size - from)), at + from)
  let done = 0
  let reading = next(0, 0)
  for (let turn = 0; done < size; turn += 1) {
    const length = await reading
    if (length === 0) break
    const from = done + length
    if (from < size) reading = next(turn + 1, from)
    hash.update(buffers[turn % 2 === 0 ? 0 : 1].subarray(0, length))
    done = from
    passed(length)
  }
  return { digest: `sha256:${hash.digest('hex')}`, length: done }
}
