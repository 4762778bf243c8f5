import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { createFileAtomic, makeFolder, writeFileAtomic } from '../generators/effects/files.effect.ts'
import { scratchFolder } from './support/secrets.ts'

const scratch = scratchFolder()
const modeOf = (path: string): number => statSync(path).mode & 0o7777

describe('files are written whole or not at all', () => {
  const bytes = (text: string) => new TextEncoder().encode(text)

  test('equal content is left alone, another mode or content is not', async () => {
    const path = join(mkdtempSync(join(scratch, 'f-')), 'file')
    expect(await writeFileAtomic(path, bytes('one'), 0o600)).toBe(true)
    utimesSync(path, 1, 1)
    expect(await writeFileAtomic(path, bytes('one'), 0o600)).toBe(false)
    expect(statSync(path).mtimeMs).toBe(1000)
    expect(await writeFileAtomic(path, bytes('one'), 0o644)).toBe(true)
    expect(modeOf(path)).toBe(0o644)
    expect(await writeFileAtomic(path, bytes('two'), 0o600)).toBe(true)
    expect([readFileSync(path, 'utf8'), modeOf(path)]).toEqual(['two', 0o600])
  })

  test('a failure leaves no half and no temporary file', async () => {
    const folder = mkdtempSync(join(scratch, 'f-'))
    mkdirSync(join(folder, 'taken/inside'), { recursive: true })
    await expect(writeFileAtomic(join(folder, 'taken'), bytes('x'), 0o600)).rejects.toThrow(/is a directory/)
    expect(readdirSync(folder)).toEqual(['taken'])
  })

  test('of many who create one file at once, one wins', async () => {
    const folder = mkdtempSync(join(scratch, 'f-'))
    const path = join(folder, 'file')
    const tries = [...Array(20).keys()].map((index) =>
      createFileAtomic(path, bytes(`writer ${index}`), 0o600),
    )
    const settled = await Promise.allSettled(tries)
    const winners = settled.flatMap(({ status }, index) => (status === 'fulfilled' ? [index] : []))
    expect(winners).toHaveLength(1)
    expect(readFileSync(path, 'utf8')).toBe(`writer ${winners[0]}`)
    expect(readdirSync(folder)).toEqual(['file'])
  })

  test('folders are made with those above them, also by many at once', async () => {
    const path = join(mkdtempSync(join(scratch, 'f-')), 'a/b/c')
    await Promise.all([...Array(10).keys()].map(() => makeFolder(path, 0o700)))
    expect(modeOf(path)).toBe(0o700)
    writeFileSync(join(path, 'file'), '')
    await expect(makeFolder(join(path, 'file'))).rejects.toThrow(/exists already/)
    await expect(makeFolder(join(path, 'file/below'))).rejects.toThrow(/is a file/)
  })

  test.skipIf(!existsSync('/proc/self'))('where none can be made it says so, and ends', async () => {
    await expect(makeFolder('/proc/leaven/out')).rejects.toThrow('/proc/leaven')
  })
})
