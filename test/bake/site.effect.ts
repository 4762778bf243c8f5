import { spawnSync } from 'node:child_process'
import { mkdirSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { cached } from '../lab/cache.effect.ts'
import { exec } from '../lab/exec.effect.ts'
import {
  endPrograms,
  installPackages,
  type Lab,
  labNamed,
  obstacles,
  prepareHost,
  removeHost,
} from '../lab/host.effect.ts'
import { cutPower, type Machine, machineNamed, machinesOf } from '../lab/machine.effect.ts'
import { prepare } from '../lab/recipes.effect.ts'
import { blankMachine, builderSeed, gateway, type Services, serve } from './builder.effect.ts'
import { makeMirror } from './mirror.effect.ts'
import { blueprint, tablesOf, template, templateIn, workerImages } from './template.effect.ts'

/** Everything that the cases share. */
export interface Site {
  readonly lab: Lab
  /** Scratch: blueprints, templates, seeds, the key. */
  readonly folder: string
  /** What `gen packer` wrote for workers, with an archive. */
  readonly template: string
  /** The workers' container images. */
  readonly archive: string
  readonly mirror: string
  readonly seed: string
  /** Blank at first; baked once the first case is over. */
  readonly builder: Machine
  readonly services: Services
}

/** As the blueprint's bake.builders has it. */
export const builderAddress = '10.88.0.21'

/**
 * Builds what is missing, makes the network and a blank machine.
 * @param again with what an earlier run with --keep has left
 * @throws naming what this host lacks
 */
export async function open(again: boolean): Promise<Site> {
  const reasons = [...obstacles(), ...missing('packer', 'socat', 'python3', 'ssh-keygen')]
  if (reasons.length > 0) throw new Error(`no machine can run here: ${reasons.join('; ')}`)
  const lab = labNamed('bake')
  const folder = join(lab.directory, 'site')
  const site = {
    lab,
    folder,
    template: templateIn(join(folder, 'packer'), 'null'),
    archive: join(folder, 'images.tar'),
    mirror: join(folder, 'mirror'),
    seed: join(folder, 'builder-seed'),
    builder: machineNamed(lab, 'builder'),
  }
  if (again) await Promise.all(machinesOf(lab).map(cutPower))
  else await make(site)
  await template(
    join(folder, 'worker/blueprint.yaml'),
    'null',
    join(folder, 'packer'),
    '--images',
    site.archive,
  )
  return { ...site, services: await serve(lab, site.mirror) }
}

async function make({ lab, folder, mirror, archive }: Omit<Site, 'services'>): Promise<void> {
  await close(lab)
  await installPackages()
  const recipe = await prepare('1.20')
  const { base } = recipe
  const script = resolve('test/bake/machine/blank.sh')
  const inputs = ['../bake/machine/blank.sh', 'machine/container.sh', `base=${base}`]
  const image = await cached('blank', inputs, (to) => exec(['nice', '-n', '10', script, base, to]))
  await prepareHost(lab, `${gateway}/24`)
  mkdirSync(folder)
  const seed = builderSeed(folder, builderAddress)
  const file = await blueprint(join(folder, 'worker'), (text) => text)
  const plain = await template(file, 'null', join(folder, 'plain'))
  makeMirror(tablesOf(plain), recipe.binaries, mirror)
  await workerImages(file, join(recipe.images, 'images.tar'), archive)
  await blankMachine(lab, 'builder', image, seed)
}

/** @returns which of the programs this host lacks */
export function missing(...programs: readonly string[]): readonly string[] {
  return programs
    .filter((program) => spawnSync('which', [program]).status !== 0)
    .map((program) => `${program} is not installed`)
}

/** However it was left. */
export async function close(lab: Lab = labNamed('bake')): Promise<void> {
  await Promise.all(machinesOf(lab).map(cutPower))
  await endPrograms(lab)
  await removeHost(lab)
  rmSync(lab.directory, { recursive: true, force: true })
}
