/** A local repository of the packages in a folder, signed by a key that exists for this bundle alone. */
import { createHash } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type PooledPackage, packagesIndex, releaseFile, repositoryDate } from '../../bundle/apt.ts'
import { UserError } from '../../cli/command.ts'
import { run } from './run.effect.ts'

export interface RepositoryRequest {
  readonly cluster: string
  readonly architecture: string
  /** Holds the packages; gets Packages, Release, InRelease and bundle.gpg. */
  readonly pool: string
  /** The packages' file names. */
  readonly packages: readonly string[]
  readonly signal: AbortSignal
}

/** @throws UserError when a package cannot be read or gpg cannot sign */
export async function writeRepository(request: RepositoryRequest): Promise<readonly PooledPackage[]> {
  const { pool, cluster, architecture, signal } = request
  const packages: PooledPackage[] = []
  for (const file of request.packages) packages.push(await describe(pool, file, signal))
  const index = packagesIndex(packages)
  const sum = { size: Buffer.byteLength(index), sha256: sha256(index) }
  const release = releaseFile(cluster, architecture, sum)
  // A signature of the same packages stays: a new key would change the bundle for nothing.
  if (await isSigned(pool, release, signal)) return packages
  await writeFile(join(pool, 'Packages'), index)
  await writeFile(join(pool, 'Release'), release)
  await sign(pool, cluster, signal)
  return packages
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
  const signed = await run('gpgv', ['--keyring', join(pool, 'bundle.gpg'), join(pool, 'InRelease')], {
    signal,
  })
  return signed.code === 0
}

/** The secret half of the key is gone when this returns: nobody can sign anything else with it. */
async function sign(pool: string, cluster: string, signal: AbortSignal): Promise<void> {
  // Sockets below it have short names by law: 108 bytes.
  const home = await mkdtemp(join(tmpdir(), 'leaven-gpg-'))
  const time = repositoryDate.toISOString().replaceAll(/[-:]|\.000Z/g, '')
  const gpg = async (...args: string[]) => {
    const batch = ['--homedir', home, '--batch', '--yes', '--quiet', '--passphrase', '']
    const loop = ['--pinentry-mode', 'loopback', '--faked-system-time', `${time}!`]
    const ended = await run('gpg', [...batch, ...loop, ...args], {
      signal,
    })
    if (ended.code !== 0)
      throw new UserError(`gpg cannot sign the repository: ${ended.stderr.trim().split('\n').at(-1) ?? ''}`)
  }
  try {
    await gpg('--quick-generate-key', `Leaven bundle of ${cluster}`, 'ed25519', 'sign', 'never')
    await gpg('--output', join(pool, 'bundle.gpg'), '--export')
    await gpg(
      '--output',
      join(pool, 'InRelease'),
      '--digest-algo',
      'SHA512',
      '--clearsign',
      join(pool, 'Release'),
    )
  } finally {
    await run('gpgconf', ['--homedir', home, '--kill', 'all'])
    await rm(home, { recursive: true, force: true })
  }
}

function sha256(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('hex')
}
