/** Makes a bundle as `gen bundle` does, with images of the test's own. */
import { planBundle } from '../../generators/bundle/plan.ts'
import { type MadeBundle, makeBundle } from '../../generators/effects/bundle.effect.ts'
import { collectPackages } from '../../generators/effects/packages/distribution.effect.ts'
import { fullName } from '../../generators/images/reference.ts'
import { choose } from '../../generators/plan/cluster.ts'
import * as registry from '../../generators/registry.ts'
import { compileText } from '../support/compiled.ts'
import { writeImages } from './island.effect.ts'

export interface Making {
  readonly blueprint: string
  readonly output: string
  readonly role?: 'control-plane' | 'worker'
  /** Instead of those that the plan asks for. */
  readonly packages?: readonly string[]
  readonly base?: string
  /** Keys that are the distribution's, instead of those that we know. */
  readonly trusted?: readonly string[]
}

export async function make({
  blueprint,
  output,
  role,
  packages,
  base,
  trusted,
}: Making): Promise<MadeBundle> {
  const { plan, groups: all, diagnostics } = compileText(blueprint)
  if (plan === undefined || all === undefined) throw new Error(JSON.stringify(diagnostics))
  const groups = all.filter((group) => role === undefined || group.role === role)
  const images = new Map(
    groups.map((group) => [group, group.images.map(({ reference }) => fullName(reference))] as const),
  )
  const os = choose(registry.os, plan.os.provider)
  const repositories = (os.baseRepositories?.(plan) ?? []).map((one) =>
    one.kind === 'yum' ? { ...one, fingerprints: trusted ?? one.fingerprints } : one,
  )
  const planned = planBundle({ plan, groups, images, lock: undefined, os: { id: os.id, repositories } })
  const bundle = { ...planned, packages: packages ?? planned.packages }
  const { signal } = new AbortController()
  return makeBundle({
    plan: bundle,
    output,
    signal,
    onStep: () => undefined,
    packages: (pool, scratch, keys) =>
      collectPackages({
        bundle,
        pool,
        scratch,
        keys,
        base,
        signal,
        onProgress: () => undefined,
      }),
    images: async (archive) => writeImages(archive, bundle.images),
  })
}
