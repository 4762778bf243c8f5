/** Writes artifacts below one folder. */
import { readFile, rm, rmdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { FileError, makeFolder, writeFileAtomic } from '../effects/files.effect.ts'
import type { Artifact } from '../model/artifact.ts'
import type { Manifest } from '../render/artifacts.ts'
import { type Io, UserError } from './command.ts'

export interface Folder {
  readonly path: string
  /** As the user named it. */
  readonly shown: string
}

export function outputFolder(named: string | undefined, fallback: string, io: Io): Folder {
  const shown = named ?? fallback
  return { shown, path: shown.startsWith('/') ? shown : join(io.cwd, shown) }
}

/**
 * Secret files 0600 in folders 0700. Files with equal bytes are left alone.
 * @returns how many were written
 * @throws UserError
 */
export async function writeArtifacts(folder: Folder, artifacts: readonly Artifact[]): Promise<number> {
  const secretFolders = new Set(artifacts.filter(({ secret }) => secret).map(({ path }) => dirname(path)))
  let written = 0
  const queue = artifacts.values()
  const writer = async () => {
    for (const { path, bytes, mode } of queue)
      if (await writeFileAtomic(join(folder.path, path), bytes, mode, { durable: false })) written += 1
  }
  try {
    await makeFolder(folder.path)
    for (const path of new Set(artifacts.map((artifact) => dirname(artifact.path))))
      await makeFolder(join(folder.path, path), secretFolders.has(path) ? 0o700 : 0o755)
    await Promise.all(Array.from({ length: writers }, writer))
  } catch (cause) {
    if (!(cause instanceof FileError)) throw cause
    throw new UserError(cause.message, 'choose another folder with -o')
  }
  return written
}

/** More wait for the same disk. */
const writers = 8

/**
 * Makes the folder hold these artifacts and nothing older of ours. What else is there stays.
 * @param manifest lists the artifacts; written last, so that it never speaks of what is not there
 * @throws UserError
 */
export async function replaceArtifacts(
  folder: Folder,
  artifacts: readonly Artifact[],
  manifest: Artifact,
): Promise<{ readonly written: number; readonly deleted: number }> {
  const written = await writeArtifacts(folder, artifacts)
  const kept = new Set(artifacts.map(({ path }) => path))
  const stale = (await lastManifest(folder)).filter((path) => !kept.has(path) && isInside(path))
  for (const path of stale) {
    await rm(join(folder.path, path), { force: true })
    await rmdir(join(folder.path, dirname(path))).catch(() => undefined)
  }
  return { written: written + (await writeArtifacts(folder, [manifest])), deleted: stale.length }
}

async function lastManifest(folder: Folder): Promise<readonly string[]> {
  try {
    const { files } = JSON.parse(await readFile(join(folder.path, 'manifest.json'), 'utf8')) as Manifest
    return files.map(({ path }) => path)
  } catch {
    return []
  }
}

/** A manifest that somebody edited must not lead us out of the folder. */
function isInside(path: string): boolean {
  return !path.startsWith('/') && !path.split('/').includes('..')
}
