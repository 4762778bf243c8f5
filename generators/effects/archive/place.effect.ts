/** Archives of container images, put beside what is uploaded to a machine. */
import { createHash } from 'node:crypto'
import { constants, createReadStream } from 'node:fs'
import { copyFile, link, readdir, rename, rm, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { makeFolder, writeFileAtomic } from '../files.effect.ts'

/**
 * Makes the folder hold these archives, each with its `.sha256`, and no other. Nothing is copied where a link will do.
 * @throws FileError
 */
export async function placeArchives(folder: string, archives: readonly string[]): Promise<void> {
  await makeFolder(folder)
  const kept = new Set(archives.flatMap((path) => [basename(path), `${basename(path)}.sha256`]))
  for (const name of await readdir(folder)) if (!kept.has(name)) await rm(join(folder, name), { force: true })
  for (const path of archives) {
    const target = join(folder, basename(path))
    if (!(await isSameFile(path, target))) {
      const temporary = `${target}.${process.pid}`
      await rm(temporary, { force: true })
      // Another file system, or one without hard links.
      await link(path, temporary).catch(() => copyFile(path, temporary, constants.COPYFILE_FICLONE))
      await rename(temporary, target)
    }
    const line = `${await sha256Of(path)}  ${basename(path)}\n`
    await writeFileAtomic(`${target}.sha256`, new TextEncoder().encode(line), 0o644)
  }
}

async function isSameFile(one: string, other: string): Promise<boolean> {
  const [source, target] = await Promise.all([stat(one), stat(other).catch(() => undefined)])
  return target !== undefined && source.ino === target.ino && source.dev === target.dev
}

async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path, { highWaterMark: 1024 * 1024 }))
    hash.update(chunk as Buffer)
  return hash.digest('hex')
}
