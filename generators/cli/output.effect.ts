/** Writes artifacts below one folder. */
import { mkdir, readFile, rm, rmdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { FileError, writeFileAtomic } from '../effects/files.effect.ts'
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

/** Secret files 0600 in folders 0700. Files with equal bytes are left alone. */
export async function writeArtifacts(folder: Folder, artifacts: readonly Artifact[]): Promise<number> {
  const secretFolders = new Set(artifacts.filter(({ secret }) => secret).map(({ path }) => dirname(path)))
  let written = 0
  try {
    await mkdir(folder.path, { recursive: true })
    for (const path of new Set(artifacts.map((artifact) => dirname(artifact.path))))
      await mkdir(join(folder.path, path), { recursive: true, mode: secretFolders.has(path) ? 0o700 : 0o755 })
    for (const { path, bytes, mode } of artifacts)
      if (await writeFileAtomic(join(folder.path, path), bytes, mode, { durable: false })) written += 1
  } catch (cause) {
    if (cause instanceof FileError) throw new UserError(cause.message)
    const { code, path } = cause as NodeJS.ErrnoException
    if (code === undefined) throw cause
    throw new UserError(
      `cannot write to ${folder.shown}: ${code} ${path ?? ''}`.trim(),
      'choose another folder with -o',
    )
  }
  return written
}

/** Deletes what the folder's last manifest lists and the new one does not; nothing else there is ours. */
export async function deleteStale(folder: Folder, artifacts: readonly Artifact[]): Promise<number> {
  const kept = new Set(artifacts.map(({ path }) => path))
  const stale = (await lastManifest(folder)).filter((path) => !kept.has(path) && isInside(path))
  for (const path of stale) {
    await rm(join(folder.path, path), { force: true })
    await rmdir(join(folder.path, dirname(path))).catch(() => undefined)
  }
  return stale.length
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
