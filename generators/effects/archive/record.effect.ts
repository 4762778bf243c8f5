/**
 * What an export knew when it ended: which plan the file follows, and which file that was. A file that anybody wrote
 * to since has another time of change, which no program can set, and a copy has another inode; either is read again in
 * full. Bytes that a failing disk turned are found by `gen images verify`, as they are with every other file.
 */
import { readFile, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { writeFileAtomic } from '../files.effect.ts'

function recordPath(path: string): string {
  return join(dirname(path), `.${basename(path)}.exported`)
}

async function factsOf(names: readonly string[]): Promise<readonly string[]> {
  return Promise.all(
    names.map(async (name) => {
      const { dev, ino, size, mtimeNs, ctimeNs } = await stat(name, { bigint: true })
      return `${basename(name)} ${dev} ${ino} ${size} ${mtimeNs} ${ctimeNs}`
    }),
  )
}

export async function record(path: string, names: readonly string[], plan: string): Promise<void> {
  const text = `${JSON.stringify({ format: 1, plan, files: await factsOf(names) })}\n`
  // Without it the next run reads the archive once more; that is no reason to fail.
  await writeFileAtomic(recordPath(path), new TextEncoder().encode(text), 0o644, { durable: false }).catch(
    () => undefined,
  )
}

export async function isRecorded(path: string, names: readonly string[], plan: string): Promise<boolean> {
  try {
    const {
      format,
      plan: known,
      files,
    } = JSON.parse(await readFile(recordPath(path), 'utf8')) as {
      format?: unknown
      plan?: unknown
      files?: unknown
    }
    return format === 1 && known === plan && JSON.stringify(files) === JSON.stringify(await factsOf(names))
  } catch {
    return false
  }
}
