/** An archive that is not finished: FILE.partial, and FILE.partial.journal, which says how far it is. */
import { constants } from 'node:fs'
import { type FileHandle, open, readFile, stat } from 'node:fs/promises'
import { journalHead, journalLine, readJournal } from '../../images/journal.ts'
import type { ArchivePlan } from '../../images/layout.ts'
import { FileError } from '../files.effect.ts'
import { isRunning, thisProcess } from '../running.effect.ts'
import { createParts, type Parts, removeFiles } from './parts.effect.ts'

export interface Partial {
  readonly names: readonly string[]
  readonly parts: Parts
  /** What an earlier run has written, by the blob's path. */
  readonly written: ReadonlyMap<string, number>
  /** Bytes of it that already take room on the disk. */
  readonly allocated: number
  /** Nothing is in it yet. */
  readonly fresh: boolean
  readonly note: (path: string, written: number) => Promise<void>
  /** Lets go of the files, which stay. */
  readonly release: () => Promise<void>
  /** Removes what is left of it. */
  readonly forget: () => Promise<void>
}

/**
 * Takes up what an earlier run of the same plan left, or begins.
 * @throws FileError when another run is at it right now
 */
export async function claimPartial(
  path: string,
  finalNames: readonly string[],
  plan: ArchivePlan,
  partSize: number | undefined,
): Promise<Partial> {
  const names = finalNames.map((name) => `${name}.partial`)
  const journalPath = `${path}.partial.journal`
  const id = `${plan.id} ${finalNames.length === 1 ? '' : partSize}`
  const earlier = readJournal(await readFile(journalPath, 'latin1').catch(() => ''))
  if (earlier !== undefined && (await isRunning(earlier.writer)))
    throw new FileError('exists', `another gen (process ${earlier.writer.split(' ')[0]}) is writing ${path}`)
  const leftovers = await partialsOf(path)
  const fits = earlier?.plan === id && names.every((name) => leftovers.includes(name))
  if (!fits) await removeFiles([journalPath, ...leftovers])
  const written = fits ? earlier.written : new Map<string, number>()
  const journal = await open(journalPath, constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC, 0o644)
  const parts = await beginJournal(journal, id, written)
    .then(() => createParts(names, plan.size, partSize))
    .catch(async (cause) => {
      await journal.close()
      if (!fits) await removeFiles([journalPath, ...names])
      throw cause
    })
  return {
    names,
    parts,
    written,
    allocated: await allocated(names),
    fresh: !fits,
    note: async (member, count) => {
      await journal.appendFile(journalLine(member, count), 'latin1')
    },
    release: async () => {
      await parts.close()
      await journal.close()
    },
    forget: () => removeFiles([journalPath, ...names]),
  }
}

async function beginJournal(
  journal: FileHandle,
  id: string,
  written: ReadonlyMap<string, number>,
): Promise<void> {
  const lines = [...written].map(([member, count]) => journalLine(member, count))
  await journal.appendFile([journalHead(id, await thisProcess()), ...lines].join(''), 'latin1')
}

/** The file, and parts of it. */
async function partialsOf(path: string): Promise<readonly string[]> {
  const there: string[] = []
  for (let index = 0; index <= 999; index += 1) {
    const name = index === 0 ? `${path}.partial` : `${path}.${String(index).padStart(3, '0')}.partial`
    if (
      await stat(name).then(
        () => true,
        () => false,
      )
    )
      there.push(name)
    else if (index > 0) break
  }
  return there
}

async function allocated(names: readonly string[]): Promise<number> {
  const sizes = await Promise.all(names.map(async (name) => (await stat(name)).blocks * 512))
  return sizes.reduce((sum, size) => sum + size, 0)
}
