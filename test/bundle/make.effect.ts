/** Makes a bundle as `gen bundle` does, with images of the test's own. */
import { planBundle } from '../../generators/bundle/plan.ts'
import { type MadeBundle, makeBundle } from '../../generators/effects/bundle.effect.ts'
import { collectPackages } from '../../generators/effects/packages/distribution.effect.ts'
import { fullName } from '../../generators/images/reference.ts'
import { compileText } from '../support/compiled.ts'
import { writeImages } from './island.effect.ts'

export interface Making {
  readonly blueprint: string
  readonly output: string
  readonly role?: 'control-plane' | 'worker'
  /** Instead of those that the plan asks for. */
  readonly packages?: readonly string[]
  readonly base?: string
}

export async function make({ blueprint, output, role, packages, base }: Making): Promise<MadeBundle> {
  const { plan, groups: all, diagnostics } = compileText(blueprint)
  if (plan === undefined || all === undefined) throw new Error(JSON.stringify(diagnostics))
  const groups = all.filter((group) => role === undefined || group.role === role)
  const images = new Map(
    groups.map((group) => [group, group.images.map(({ reference }) => fullName(reference))] as const),
  )
  const planned = planBundle({ plan, groups, images, lock: undefined, os: plan.os.provider })
  const bundle = { ...planned, packages: packages ?? planned.packages }
  const { signal } = new AbortController()
  return makeBundle({
    plan: bundle,
    output,
    signal,
    onStep: () => undefined,
    packages: (pool, scratch, keys) =>
      collectPackages({
        plan,
        bundle,
        pool,
        scratch,
        keys,
        base,
        path: process.env['PATH'] ?? '',
        signal,
        onProgress: () => undefined,
      }),
    images: async (archive) => writeImages(archive, bundle.images),
  })
}
