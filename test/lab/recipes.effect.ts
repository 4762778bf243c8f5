import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { cached, labSources } from './cache.effect.ts'
import { exec, output } from './exec.effect.ts'
import { type Components, makeImages } from './images.effect.ts'

/** What the machines of one Kubernetes are made of. */
export type Recipe = {
  /** v1.20.2 */
  readonly version: string
  /** kubectl, etcdctl for the operator. */
  readonly binaries: string
  /** `root` (read-only, under every machine's overlay) and `var` (copied per machine). */
  readonly machine: string
  readonly images: string
  /** The root file system that all of it stands on. */
  readonly base: string
}

/** What first boot is made of; a baked image has it. */
const programs = ['leaven', 'control-plane', 'imds', 'leaven.service'].map((name) => `../../boot/${name}`)

/** 1.2.2 cannot be used on control planes: https://github.com/kube-vip/kube-vip/pull/1658 */
const kubeVip = 'v1.2.1'

/** Builds, or takes from the cache, everything that machines with this Kubernetes need. */
export async function prepare(kubernetes: string): Promise<Recipe> {
  const folder = `kubernetes/${kubernetes}`
  const components = JSON.parse(
    readFileSync(join(labSources, folder, 'components.json'), 'utf8'),
  ) as Components
  const debian = `debian=${(await output(['dpkg-query', '-W', '-f=${Version}', 'base-files'])).trim()}`
  const script = (path: string, ...args: string[]) =>
    exec(['nice', '-n', '10', join(labSources, path), ...args])

  const base = join(
    await cached('base', ['machine/base.sh', debian], (to) => script('machine/base.sh', `${to}/root`)),
    'root',
  )
  const vip = await cached('kube-vip', ['programs'], (to) => script('programs/build.sh', 'kube-vip', to))
  const binaries = await cached(`kubernetes-${kubernetes}`, [folder, 'programs'], (to) =>
    script(`${folder}/build.sh`, to),
  )
  const images = await cached(
    `images-${kubernetes}`,
    ['images', 'images.effect.ts', `base=${base}`, `vip=${vip}`, `binaries=${binaries}`],
    (to) =>
      makeImages(
        {
          ...components.images,
          [`ghcr.io/kube-vip/kube-vip:${kubeVip}`]: {
            binaries: [join(vip, 'kube-vip')],
            entrypoint: ['/kube-vip'],
          },
        },
        binaries,
        base,
        to,
      ),
  )
  const machine = await cached(
    `machine-${kubernetes}`,
    ['machine', ...programs, `base=${base}`, `binaries=${binaries}`, `images=${images}`],
    (to) => script('machine/bake.sh', base, binaries, join(images, 'images.tar'), to, components.kubernetes),
  )
  return { version: components.kubernetes, binaries, machine, images, base }
}
