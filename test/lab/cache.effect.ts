import { createHash } from 'node:crypto'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
} from 'node:fs'
import { join } from 'node:path'
import { cacheDirectory } from './host.effect.ts'

/** Where this file's neighbours are, also from the bundle in dist/. */
export const labSources = join(process.cwd(), 'test/lab')

/**
 * A directory made once from its inputs. The key is a hash of all of them, so a stale entry cannot be found;
 * a build that was cut off never gets its final name. Entries of the same name unused for two days are removed.
 *
 * @param inputs paths under test/lab (files or directories, read whole) and `word=value` facts such as versions
 */
export async function cached(
  name: string,
  inputs: readonly string[],
  build: (directory: string) => Promise<unknown>,
): Promise<string> {
  const directory = join(cacheDirectory, `${name}-${keyOf(inputs)}`)
  if (existsSync(directory)) {
    utimesSync(directory, new Date(), new Date())
    return directory
  }
  mkdirSync(cacheDirectory, { recursive: true })
  const unfinished = join(cacheDirectory, `unfinished-${name}-${process.pid}`)
  rmSync(unfinished, { recursive: true, force: true })
  mkdirSync(unfinished)
  const start = Date.now()
  console.log(`lab: building ${name} …`)
  await build(unfinished)
  renameSync(unfinished, directory)
  removeUnused(name)
  console.log(`lab: ${name} built in ${Math.round((Date.now() - start) / 1000)} s`)
  return directory
}

function removeUnused(name: string): void {
  for (const entry of readdirSync(cacheDirectory)) {
    if (!entry.startsWith(`${name}-`) || !/^[0-9a-f]{16}$/.test(entry.slice(name.length + 1))) continue
    const directory = join(cacheDirectory, entry)
    if (Date.now() - statSync(directory).mtimeMs > 2 * 24 * 3600_000) rmSync(directory, { recursive: true })
  }
}

function keyOf(inputs: readonly string[]): string {
  const hash = createHash('sha256')
  for (const input of inputs) {
    hash.update(`${input}\0`)
    if (!input.includes('=')) hashPath(hash, join(labSources, input))
  }
  return hash.digest('hex').slice(0, 16)
}

function hashPath(hash: ReturnType<typeof createHash>, path: string): void {
  if (!statSync(path).isDirectory()) {
    hash.update(readFileSync(path)).update('\0')
    return
  }
  for (const name of readdirSync(path).sort()) {
    hash.update(`${name}\0`)
    hashPath(hash, join(path, name))
  }
}
