/** Debian and Ubuntu: apt, and a flat repository with a signed Release file. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { AptSource } from '../../bundle/apt.ts'
import type { BundlePlan } from '../../bundle/plan.ts'
import { UserError } from '../../cli/command.ts'
import type { AptBase } from '../../model/contribution.ts'
import { fetchClosure } from './apt.effect.ts'
import { writeAptRepository } from './apt-repository.effect.ts'
import {
  type Collected,
  closureRequest,
  type PackagesRequest,
  type Packaging,
  signingPrograms,
} from './packaging.ts'

export const deb: Packaging = {
  programs: [['apt-get', 'apt'], ['dpkg-deb', 'dpkg'], ...signingPrograms, ['setpriv', 'util-linux']],
  async check({ bundle }) {
    const lacking = basesOf(bundle).find(({ keyring }) => !existsSync(keyringFile(keyring)))
    if (lacking !== undefined)
      throw new UserError(
        `${keyringFile(lacking.keyring)} is missing: without it nothing vouches for ${lacking.url}`,
        `apt-get install ${lacking.keyringPackage}`,
      )
  },
  collect,
}

async function collect(request: PackagesRequest): Promise<Collected> {
  const { bundle, pool, scratch, keys, signal } = request
  const { architecture } = bundle.os
  const sources: readonly AptSource[] = [
    ...basesOf(bundle).map(({ keyring, ...source }) => ({ ...source, key: keyringFile(keyring) })),
    ...bundle.repositories.map(({ url, suite = '', components = '', keyUrl }) => ({
      url,
      suite,
      components,
      key: keys.get(keyUrl) ?? '',
    })),
  ]
  const packages = await fetchClosure(closureRequest(request, join(scratch, 'apt'), sources))
  return writeAptRepository({ cluster: bundle.cluster, architecture, pool, packages, signal })
}

function basesOf({ distribution }: BundlePlan): readonly AptBase[] {
  return distribution.filter((one) => one.kind === 'apt')
}

function keyringFile(name: string): string {
  return `/usr/share/keyrings/${name}`
}
