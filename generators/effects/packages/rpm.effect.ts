/** The rebuilds of RHEL: dnf, and a repository whose metadata is signed. */
import { join } from 'node:path'
import { type DnfSource, readFingerprints } from '../../bundle/dnf.ts'
import type { BundlePlan } from '../../bundle/plan.ts'
import { UserError } from '../../cli/command.ts'
import type { YumBase } from '../../model/contribution.ts'
import { checkDatabase, fetchRpms } from './dnf.effect.ts'
import {
  type Collected,
  closureRequest,
  type PackagesRequest,
  type Packaging,
  signingPrograms,
} from './packaging.ts'
import { writeRpmRepository } from './rpm-repository.effect.ts'
import { type RunOptions, run } from './run.effect.ts'

export const rpm: Packaging = {
  programs: [
    ['dnf', 'dnf'],
    ['rpm', 'rpm'],
    ['createrepo_c', 'createrepo-c'],
    ...signingPrograms,
    ['setpriv', 'util-linux'],
    ['unshare', 'util-linux'],
  ],
  async check({ base, signal }) {
    if (base !== undefined) await checkDatabase(base)
    const { stdout } = await run('dnf', ['--version'], { signal })
    const [version = ''] = stdout.split('\n')
    // https://github.com/rpm-software-management/dnf5/issues/1985
    if (!version.startsWith('4.'))
      throw new UserError(
        `dnf here is ${version || 'of an unknown version'}: what it only downloads, its signatures are not checked`,
        'gen bundle needs dnf 4: run it on Debian or Ubuntu, or in a container of one',
      )
  },
  collect,
}

async function collect(request: PackagesRequest): Promise<Collected> {
  const { bundle, pool, scratch, keys, signal } = request
  const { architecture } = bundle.os
  for (const one of basesOf(bundle))
    await checkKey(one, fileOf(one, keys), { env: { HOME: scratch }, signal })
  const sources: readonly DnfSource[] = [...basesOf(bundle), ...bundle.repositories].map((source) => ({
    id: source.id,
    url: source.url,
    key: fileOf(source, keys),
  }))
  const packages = await fetchRpms(closureRequest(request, join(scratch, 'dnf'), sources))
  const repository = { cluster: bundle.cluster, architecture, pool, packages, signal }
  return writeRpmRepository(repository, [...new Set(sources.map(({ key }) => key))])
}

/** Mirrors may hand out what they like: the distribution's keys are the ones that we know. */
async function checkKey({ keyUrl, fingerprints }: YumBase, file: string, how: RunOptions): Promise<void> {
  const { stdout } = await run('gpg', ['--batch', '--show-keys', '--with-colons', file], how)
  const found = readFingerprints(stdout)
  if (found.length === 0) throw new UserError(`${keyUrl} is no key`, 'check repositories.distribution')
  const stranger = found.find((fingerprint) => !fingerprints.includes(fingerprint))
  if (stranger !== undefined)
    throw new UserError(
      `${keyUrl} holds the key ${stranger}, which is not the distribution's (${fingerprints.join(', ')})`,
      'take another mirror with repositories.distribution',
    )
}

function basesOf({ distribution }: BundlePlan): readonly YumBase[] {
  return distribution.filter((one) => one.kind === 'yum')
}

function fileOf({ keyUrl }: { readonly keyUrl: string }, keys: ReadonlyMap<string, string>): string {
  const file = keys.get(keyUrl)
  if (file === undefined) throw new RangeError(`${keyUrl} was not fetched`)
  return file
}
