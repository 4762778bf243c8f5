/** The packages of a bundle, by the package manager of the nodes' distribution. */
import { existsSync } from 'node:fs'
import type { BundlePlan } from '../../bundle/plan.ts'
import { UserError } from '../../cli/command.ts'
import type { OsRelease } from '../../providers/provider.ts'
import { findProgram } from '../programs.effect.ts'
import { deb } from './deb.effect.ts'
import type { Collected, PackagesRequest, Packaging } from './packaging.ts'
import { rpm } from './rpm.effect.ts'

const packagings: Readonly<Record<OsRelease['packageManager'], Packaging>> = { apt: deb, yum: rpm }

/**
 * @param path where programs are looked for
 * @throws UserError before anything is fetched when this machine lacks what is needed
 */
export async function checkPackaging(
  request: Pick<PackagesRequest, 'bundle' | 'base' | 'signal'>,
  path: string,
): Promise<void> {
  const { bundle, base } = request
  if (bundle.packages.length === 0) return
  const { programs, check } = packagingOf(bundle)
  const missing = programs.filter(([program]) => findProgram(program, path) === undefined)
  if (missing.length > 0)
    throw new UserError(
      `the packages of a bundle need ${missing.map(([program]) => program).join(', ')} on this machine`,
      `apt-get install ${[...new Set(missing.map(([, name]) => name))].join(' ')}; on another system run gen bundle in a container of Debian`,
    )
  if (base !== undefined && !existsSync(base)) throw new UserError(`${base} does not exist`)
  await check(request)
}

/** @throws UserError */
export function collectPackages(request: PackagesRequest): Promise<Collected> {
  return packagingOf(request.bundle).collect(request)
}

function packagingOf({ os, distribution: [first] }: BundlePlan): Packaging {
  if (first !== undefined) return packagings[first.kind]
  throw new UserError(
    `the packages of ${os.provider} ${os.release} have no public repository that gen bundle knows`,
    'bake a machine image (gen packer) and set bootstrap.prebaked: true, the bundle then holds the rest; or take a rebuild (os.provider: alma, rocky)',
  )
}
