/** Hooks and files that a blueprint names, from beside it. */
import { join } from 'node:path'
import type { Blueprint } from '../model/blueprint.ts'
import { type Texts, textPaths } from '../plan/texts.ts'
import { FileError, readFileLimited } from './files.effect.ts'

/** No cloud takes more user-data than this. */
const maxTextBytes = 1024 * 1024

/**
 * Never throws for a file: what is wrong with one becomes a diagnostic at its name.
 * @param folder where the blueprint is
 */
export async function readTexts(blueprint: Blueprint | undefined, folder: string): Promise<Texts> {
  const paths = blueprint === undefined ? [] : textPaths(blueprint)
  return Object.fromEntries(
    await Promise.all(paths.map(async (path) => [path, await readOne(path, folder)] as const)),
  )
}

async function readOne(path: string, folder: string): Promise<Texts[string]> {
  try {
    const { bytes } = await readFileLimited(join(folder, path), maxTextBytes)
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch (cause) {
    if (cause instanceof FileError) return { problem: cause.message.replace(join(folder, path), path) }
    if (cause instanceof TypeError) return { problem: `${path} is not UTF-8 text` }
    throw cause
  }
}
