/** What `gen images export` is asked for: names, platforms, sizes. */

import { existsSync } from 'node:fs'
import type { Wish } from '../effects/archive/export.effect.ts'
import { readFileLimited } from '../effects/files.effect.ts'
import { type Platform, parsePlatform } from '../images/platform.ts'
import { formatReference, parseReference, withDigest } from '../images/reference.ts'
import type { Lock } from '../model/lock.ts'
import { type Io, UsageError, UserError } from './command.ts'

const maxListBytes = 1024 * 1024

/** @throws UsageError */
export function readPlatforms(list: string): readonly Platform[] {
  return list.split(',').map((text) => {
    const parsed = parsePlatform(text.trim())
    if ('problem' in parsed) throw new UsageError(parsed.problem)
    return parsed.platform
  })
}

/**
 * `650M` or `4G`, in powers of ten and so never more than the medium has; `KiB`, `MiB` and `GiB` are those of two.
 * @returns bytes
 * @throws UsageError
 */
export function readSize(text: string): number {
  const [, count, unit = ''] = /^(\d{1,6}(?:\.\d{1,3})?)([kKMGT]i?)?B?$/.exec(text) ?? []
  const power = 'kmgt'.indexOf(unit.charAt(0).toLowerCase()) + 1
  const bytes =
    count === undefined || unit === ''
      ? Number(count)
      : Number(count) * (unit.endsWith('i') ? 1024 : 1000) ** power
  if (!Number.isFinite(bytes) || bytes < 1_000_000)
    throw new UsageError(`${text} is not a size of at least 1M`, 'such as 650M, 4G or 3.9GiB')
  return Math.floor(bytes)
}

/**
 * Names, or files with one name a line. What is guessed is told.
 * @throws UserError for what is no name, with its place
 */
export async function readWishes(given: readonly string[], io: Io): Promise<readonly Wish[]> {
  const named = await Promise.all(given.map((text) => readNames(text, io)))
  const wishes = named.flat().map(({ text, where }) => readWish(text, where, io))
  if (wishes.length === 0) throw new UserError(`there is no image in ${given.join(', ')}`)
  const all = distinct(wishes)
  for (const { reference } of all) warnOfMovingTag(formatReference(reference), io)
  return all
}

/** @throws UserError */
export function readWish(text: string, where: string, io: Pick<Io, 'stderr'>): Wish {
  const parsed = parseReference(text)
  if ('problem' in parsed) throw new UserError(`${where}${text}: ${parsed.problem}`)
  const { reference } = parsed
  const full = formatReference(reference)
  if (full !== text) io.stderr(`gen: ${text} is ${full}\n`)
  return { reference }
}

/**
 * https://kubernetes.io/docs/concepts/containers/images/#imagepullpolicy-defaulting
 * @param full name
 */
export function warnOfMovingTag(full: string, io: Pick<Io, 'stderr'>): void {
  if (full.endsWith(':latest'))
    io.stderr(
      `gen: warning: ${full} moves, and the kubelet pulls :latest at every start, which fails offline\n  hint: name a version or a digest\n`,
    )
}

/** The same, asked for by the digest that the lock has; without one, by its tag. */
export function pinWish(wish: Wish, lock: Lock | undefined): Wish {
  const digest = lock?.images[formatReference(wish.reference)]?.digest
  return digest === undefined ? wish : { ...wish, pull: withDigest(wish.reference, digest) }
}

export function distinct(wishes: readonly Wish[]): readonly Wish[] {
  return [...new Map(wishes.map((wish) => [formatReference(wish.reference), wish])).values()]
}

interface Name {
  readonly text: string
  /** `list.txt:3: `, or nothing. */
  readonly where: string
}

async function readNames(given: string, io: Io): Promise<readonly Name[]> {
  const path = given.startsWith('/') ? given : `${io.cwd}/${given}`
  if (!existsSync(path)) return [{ text: given, where: '' }]
  const { bytes } = await readFileLimited(path, maxListBytes)
  return new TextDecoder()
    .decode(bytes)
    .split('\n')
    .map((line, index) => ({ text: line.replace(/(^|\s)#.*$/, '').trim(), where: `${given}:${index + 1}: ` }))
    .filter(({ text }) => text !== '')
}
