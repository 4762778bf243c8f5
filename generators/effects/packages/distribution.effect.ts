/** The packages of a bundle, by the package manager of the nodes' distribution. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { AptSource, PooledPackage } from '../../bundle/apt.ts'
import type { BundlePlan } from '../../bundle/plan.ts'
import { UserError } from '../../cli/command.ts'
import type { ClusterPlan } from '../../model/plan.ts'
import { choose } from '../../plan/cluster.ts'
import type { BaseRepository } from '../../providers/provider.ts'
import * as registry from '../../registry.ts'
import { findProgram } from '../programs.effect.ts'
import { fetchClosure } from './apt.effect.ts'
import { writeRepository } from './repository.effect.ts'

export interface PackagesRequest {
  readonly plan: ClusterPlan
  readonly bundle: BundlePlan
  readonly pool: string
  readonly scratch: string
  /** Files of the repositories' keys, by the URL that they came from. */
  readonly keys: ReadonlyMap<string, string>
  readonly base: string | undefined
  /** Where programs are looked for. */
  readonly path: string
  readonly signal: AbortSignal
  readonly onProgress: (progress: { readonly bytes: number; readonly total: number }) => void
}

const programs = [
  ['apt-get', 'apt'],
  ['dpkg-deb', 'dpkg'],
  ['gpg', 'gpg'],
  ['gpgv', 'gpgv'],
  ['gpgconf', 'gpgconf'],
  ['setpriv', 'util-linux'],
] as const

/** @throws UserError before anything is fetched when this machine lacks what is needed */
export function checkPackaging({
  plan,
  bundle,
  path,
  base,
}: Pick<PackagesRequest, 'plan' | 'bundle' | 'path' | 'base'>): readonly BaseRepository[] {
  if (bundle.packages.length === 0) return []
  const provider = choose(registry.os, plan.os.provider)
  const repositories = provider.baseRepositories?.(plan)
  if (repositories === undefined)
    throw new UserError(
      `packages of ${plan.os.provider} are rpm, and gen bundle collects deb packages only`,
      'bake a machine image (gen packer) and set bootstrap.prebaked: true; the bundle then holds the rest',
    )
  const missing = programs.filter(([program]) => findProgram(program, path) === undefined)
  if (missing.length > 0)
    throw new UserError(
      `the packages of a bundle need ${missing.map(([program]) => program).join(', ')} on this machine`,
      `apt-get install ${[...new Set(missing.map(([, name]) => name))].join(' ')}; on another system run gen bundle in a container of Debian`,
    )
  const lacking = repositories.find(({ keyring }) => !existsSync(keyringFile(keyring)))
  if (lacking !== undefined)
    throw new UserError(
      `${keyringFile(lacking.keyring)} is missing: without it nothing vouches for ${lacking.url}`,
      `apt-get install ${lacking.keyringPackage}`,
    )
  if (base !== undefined && !existsSync(base)) throw new UserError(`${base} does not exist`)
  return repositories
}

/** @throws UserError */
export async function collectPackages(request: PackagesRequest): Promise<readonly PooledPackage[]> {
  const { bundle, pool, scratch, keys, base, signal, onProgress } = request
  const { architecture } = bundle.os
  const sources: readonly AptSource[] = [
    ...checkPackaging(request).map(({ keyring, ...source }) => ({ ...source, key: keyringFile(keyring) })),
    ...bundle.repositories.map(({ url, suite = '', components = '', keyUrl }) => ({
      url,
      suite,
      components,
      key: keys.get(keyUrl) ?? '',
    })),
  ]
  const root = join(scratch, 'apt')
  const packages = await fetchClosure({
    root,
    pool,
    architecture,
    sources,
    packages: bundle.packages,
    base,
    signal,
    onProgress,
  })
  return writeRepository({ cluster: bundle.cluster, architecture, pool, packages, signal })
}

function keyringFile(name: string): string {
  return `/usr/share/keyrings/${name}`
}
