/** A local repository of rpm packages, its metadata signed by a key that exists for this bundle alone. */
import { createHash } from 'node:crypto'
import { readFile, rm, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { repositoryDate } from '../../bundle/apt.ts'
import { UserError } from '../../cli/command.ts'
import { replaceFile, signWith, verifies } from './key.effect.ts'
import type { Collected, RepositoryRequest } from './packaging.ts'
import { run } from './run.effect.ts'

const repomd = 'repodata/repomd.xml'
const signature = `${repomd}.asc`
const metadata = ['primary', 'filelists', 'other'].map((part) => `repodata/${part}.xml.gz`)

/**
 * @param keys files of all keys that sign the packages
 * @throws UserError when a package cannot be read or gpg cannot sign
 */
export async function writeRpmRepository(
  { pool, cluster, packages: files, signal }: RepositoryRequest,
  keys: readonly string[],
): Promise<Collected> {
  const packages: Collected['packages'][number][] = []
  for (const file of files) {
    const bytes = await readFile(join(pool, file))
    packages.push({ file, size: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') })
    // Their times are in the metadata.
    await utimes(join(pool, file), repositoryDate, repositoryDate)
  }
  // createrepo_c begins with an empty folder.
  const signed = await readFile(join(pool, signature)).catch(() => undefined)
  await describe(pool, files, signal)
  const texts = await Promise.all(keys.map((key) => readFile(key, 'utf8')))
  await replaceFile(join(pool, 'keys.asc'), [...new Set(texts.map((text) => `${text.trim()}\n`))].join(''))
  // A signature of the same packages stays: a new key would change the bundle for nothing.
  if (signed !== undefined) await replaceFile(join(pool, signature), signed)
  if (signed === undefined || !(await verifies(pool, [signature, repomd], signal)))
    // RHEL 8's rpm reads no ed25519.
    await signWith({ cluster, algorithm: 'rsa3072', signal }, [
      { path: join(pool, 'bundle.gpg'), how: ['--export'] },
      { path: join(pool, 'bundle.asc'), how: ['--armor', '--export'] },
      { path: join(pool, signature), how: ['--armor', '--detach-sign', join(pool, repomd)] },
    ])
  return { packages, index: [repomd, ...metadata, signature, 'bundle.gpg', 'bundle.asc', 'keys.asc'] }
}

/** The same bytes for the same packages, whenever it is made. */
async function describe(pool: string, packages: readonly string[], signal: AbortSignal): Promise<void> {
  const alike = ['--simple-md-filenames', '--revision', '0', '--set-timestamp-to-revision', '--no-database']
  // RHEL 8 reads no zstd, which newer ones write unless they are told.
  const readable = ['--general-compress-type', 'gz']
  const list = join(pool, '.packages')
  await writeFile(list, packages.map((file) => `${file}\n`).join(''))
  const args = ['--quiet', ...alike, ...readable, '--pkglist', list, pool]
  const { code, stderr } = await run('createrepo_c', args, { env: { HOME: '/nonexistent' }, signal })
  await rm(list)
  // What it cannot read it leaves out, and ends well.
  const primary = code === 0 ? gunzipSync(await readFile(join(pool, metadata[0] ?? ''))).toString() : ''
  if (!primary.includes(` packages="${packages.length}"`))
    throw new UserError(
      `createrepo_c cannot read the packages: ${stderr.trim().split('\n').at(-1) || 'it gives no reason'}`,
    )
}
