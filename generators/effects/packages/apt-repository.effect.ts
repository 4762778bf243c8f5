/** A local repository of deb packages, signed by a key that exists for this bundle alone. */
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type PooledPackage, packagesIndex, releaseFile } from '../../bundle/apt.ts'
import { UserError } from '../../cli/command.ts'
import { replaceFile, signWith, verifies } from './key.effect.ts'
import type { Collected, RepositoryRequest } from './packaging.ts'
import { run } from './run.effect.ts'

/** @throws UserError when a package cannot be read or gpg cannot sign */
export async function writeAptRepository(request: RepositoryRequest): Promise<Collected> {
  const { pool, cluster, architecture, signal } = request
  const packages: PooledPackage[] = []
  for (const file of request.packages) packages.push(await describe(pool, file, signal))
  const index = packagesIndex(packages)
  const sum = { size: Buffer.byteLength(index), sha256: sha256(index) }
  const release = releaseFile(cluster, architecture, sum)
  const collected = { packages, index: ['Packages', 'Release', 'InRelease', 'bundle.gpg'] }
  // A signature of the same packages stays: a new key would change the bundle for nothing.
  if (await isSigned(pool, release, signal)) return collected
  await replaceFile(join(pool, 'Packages'), index)
  await replaceFile(join(pool, 'Release'), release)
  await signWith({ cluster, algorithm: 'ed25519', signal }, [
    { path: join(pool, 'bundle.gpg'), how: ['--export'] },
    { path: join(pool, 'InRelease'), how: ['--clearsign', join(pool, 'Release')] },
  ])
  return collected
}

async function describe(pool: string, file: string, signal: AbortSignal): Promise<PooledPackage> {
  const path = join(pool, file)
  const { code, stdout, stderr } = await run('dpkg-deb', ['--field', path], { signal })
  if (code !== 0) throw new UserError(`${file} is no package: ${stderr.trim().split('\n')[0] ?? ''}`)
  const bytes = await readFile(path)
  return { file, size: bytes.length, sha256: sha256(bytes), control: stdout }
}

async function isSigned(pool: string, release: string, signal: AbortSignal): Promise<boolean> {
  const read = (name: string) => readFile(join(pool, name), 'utf8').catch(() => undefined)
  if ((await read('Release')) !== release) return false
  const index = await read('Packages')
  if (index === undefined || !release.includes(` ${sha256(index)} `)) return false
  return verifies(pool, ['InRelease'], signal)
}

function sha256(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('hex')
}
