/** NoCloud seeds as ISO images, by xorriso. */
import { execFile } from 'node:child_process'
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { UserError } from '../cli/command.ts'
import type { Artifact } from '../model/artifact.ts'
import { makeFolder } from './files.effect.ts'
import { uninterrupted } from './interrupt.effect.ts'

const run = promisify(execFile)

/**
 * Writes an ISO 9660 image with the volume label `cidata`, mode 0600, whole or not at all.
 * https://cloudinit.readthedocs.io/en/latest/reference/datasources/nocloud.html
 */
export async function makeIso(path: string, files: readonly Artifact[]): Promise<void> {
  await uninterrupted(() => writeIso(path, files))
}

async function writeIso(path: string, files: readonly Artifact[]): Promise<void> {
  await makeFolder(dirname(path), 0o700)
  // Beside the target: rename works only within one file system, and mkdtemp's folder is 0700.
  const scratch = await mkdtemp(join(dirname(path), '.seed-'))
  try {
    for (const file of files) await writeFile(join(scratch, file.path), file.bytes, { mode: 0o600 })
    const image = join(scratch, 'seed.iso')
    const names = files.map((file) => join(scratch, file.path))
    await writeFile(image, '', { mode: 0o600 })
    await run('xorriso', ['-as', 'mkisofs', '-quiet', '-V', 'cidata', '-J', '-r', '-o', image, ...names])
    await rename(image, path)
  } catch (cause) {
    const { code, stderr } = cause as { code?: string | number; stderr?: string }
    if (code === 'ENOENT')
      throw new UserError(
        'xorriso is not installed',
        'apt-get install xorriso, or leave out --iso for folders',
      )
    throw new UserError(`xorriso failed: ${(stderr ?? String(cause)).trim().split('\n').at(-1)}`)
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}
