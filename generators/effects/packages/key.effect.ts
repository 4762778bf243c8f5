/** Files of a bundle's repository: signed by a key that is gone thereafter, and never written over those of an earlier bundle. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { repositoryDate } from '../../bundle/apt.ts'
import { UserError } from '../../cli/command.ts'
import { run } from './run.effect.ts'

export interface KeyRequest {
  readonly cluster: string
  /** As gpg names it. */
  readonly algorithm: 'ed25519' | 'rsa3072'
  readonly signal: AbortSignal
}

/** A file that gpg writes, and what it is told. */
export interface Signed {
  readonly path: string
  readonly how: readonly string[]
}

/**
 * The secret half is gone when this returns: nobody can sign anything else with it.
 * @throws UserError when gpg cannot
 */
export async function signWith(
  { cluster, algorithm, signal }: KeyRequest,
  files: readonly Signed[],
): Promise<void> {
  // Sockets below it have short names by law: 108 bytes.
  const home = await mkdtemp(join(tmpdir(), 'leaven-gpg-'))
  const time = repositoryDate.toISOString().replaceAll(/[-:]|\.000Z/g, '')
  const gpg = async (...args: readonly string[]) => {
    const batch = ['--homedir', home, '--batch', '--yes', '--quiet', '--passphrase', '']
    const loop = ['--pinentry-mode', 'loopback', '--faked-system-time', `${time}!`, '--digest-algo', 'SHA512']
    const { code, stderr } = await run('gpg', [...batch, ...loop, ...args], { signal })
    if (code !== 0)
      throw new UserError(`gpg cannot sign the repository: ${stderr.trim().split('\n').at(-1) ?? ''}`)
  }
  try {
    await gpg('--quick-generate-key', `Leaven bundle of ${cluster}`, algorithm, 'sign', 'never')
    for (const { path, how } of files) {
      await rm(path, { force: true })
      await gpg('--output', path, ...how)
    }
  } finally {
    await run('gpgconf', ['--homedir', home, '--kill', 'all'])
    await rm(home, { recursive: true, force: true })
  }
}

/** Whether the key that a repository's `bundle.gpg` holds has signed this. @param files relative to the pool, as gpgv takes them */
export async function verifies(
  pool: string,
  files: readonly string[],
  signal: AbortSignal,
): Promise<boolean> {
  const [keyring = '', ...signed] = ['bundle.gpg', ...files].map((file) => join(pool, file))
  const { code } = await run('gpgv', ['--keyring', keyring, ...signed], { signal })
  return code === 0
}

/** Never into the file that is there: it may be a link to one of the earlier bundle, which stays until this one is whole. */
export async function replaceFile(path: string, content: string | Uint8Array): Promise<void> {
  await rm(path, { force: true })
  await writeFile(path, content)
}
