import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { exec } from '../lab/exec.effect.ts'
import { inNetwork } from '../lab/host.effect.ts'
import { gateway } from './builder.effect.ts'
import type { Site } from './site.effect.ts'

const gen = ['node', resolve('dist/gen.js')]

/**
 * Writes the test's blueprint, changed, and its secrets.
 * @param sameAs folder of a blueprint whose secrets it shares
 * @returns its path
 */
export async function blueprint(
  folder: string,
  edit: (text: string) => string,
  sameAs?: string,
): Promise<string> {
  mkdirSync(folder, { recursive: true })
  const file = join(folder, 'blueprint.yaml')
  writeFileSync(file, edit(readFileSync('test/bake/blueprint.yaml', 'utf8')))
  const secrets = join(folder, 'bake.secrets.yaml')
  rmSync(secrets, { force: true })
  if (sameAs === undefined) await exec([...gen, 'secrets', 'create', '--blueprint', file], { cwd: folder })
  else cpSync(join(sameAs, 'bake.secrets.yaml'), secrets)
  return file
}

/** NoCloud seeds of every node, by `gen seed`. @returns the folder of one node */
export async function nodeSeed(file: string, node: string): Promise<string> {
  const folder = `${file}.seed`
  rmSync(folder, { recursive: true, force: true })
  await exec([...gen, 'seed', '--blueprint', file, '-o', folder])
  return join(folder, node)
}

/** The same as one ISO. @returns its path */
export async function nodeIso(file: string, node: string): Promise<string> {
  const folder = `${file}.iso`
  await exec([...gen, 'seed', '--blueprint', file, '--iso', '--node', node, '-o', folder])
  return join(folder, `${node}.iso`)
}

/** `gen packer` of workers. @returns the folder that packer takes */
export async function template(
  file: string,
  builder: string,
  to: string,
  ...options: readonly string[]
): Promise<string> {
  rmSync(to, { recursive: true, force: true })
  const where = ['--blueprint', file, '--role', 'worker', '--builder', builder, '-o', to]
  await exec([...gen, 'packer', ...where, ...options])
  return templateIn(to, builder)
}

/** Where `gen packer -o to` puts what packer takes. */
export function templateIn(to: string, builder: string): string {
  return join(to, 'worker', `${builder}-${process.arch === 'arm64' ? 'arm64' : 'amd64'}`)
}

/**
 * `gen bundle` for workers: packages from Debian, files from the mirror, as a machine at the gateway reaches them.
 * @param base what the nodes have installed, in dpkg's words
 */
export async function workerBundle(
  { lab, archive }: Pick<Site, 'lab' | 'archive'>,
  file: string,
  base: string,
  to: string,
): Promise<void> {
  const what = ['--blueprint', file, '--role', 'worker', '--from', `oci-archive:${archive}`, '--base', base]
  const env = { http_proxy: `http://${gateway}:3128`, no_proxy: gateway }
  await inNetwork(lab, [...gen, 'bundle', ...what, '-o', to], { env })
}

/** The part of the archive `all` that workers need, by `gen images export`. */
export async function workerImages(file: string, all: string, to: string): Promise<void> {
  const from = ['--from', `oci-archive:${all}`]
  await exec([...gen, 'images', 'export', '--blueprint', file, '--role', 'worker', ...from, '-o', to])
}

export function tablesOf(folder: string): string {
  return readFileSync(join(folder, 'provision/root/etc/leaven/tables'), 'utf8')
}

/** The container images that the role's nodes need. */
export function referencesOf(folder: string): readonly string[] {
  return [...tablesOf(folder).matchAll(/^images\t(\S+)/gm)].map((match) => match[1] ?? '')
}
