/** Files that ship with the package: facts, built-in blueprints, the first-boot program. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { KubernetesMinor, KubernetesTable } from '../facts/facts.ts'
import { type StepName, stepNames } from '../render/pipeline/builds.ts'

/** The package's root, from the bundle in dist/ as well as from the sources. */
const root = packageRoot(dirname(fileURLToPath(import.meta.url)))

function packageRoot(folder: string): string {
  try {
    readFileSync(join(folder, 'package.json'))
    return folder
  } catch {
    return packageRoot(dirname(folder))
  }
}

/** Every minor that has a file; a file is read when its minor is asked for. */
export function loadKubernetesTable(): KubernetesTable {
  const folder = join(root, 'generators/facts/kubernetes')
  const table: Record<string, KubernetesMinor> = {}
  for (const name of readdirSync(folder).filter((entry) => entry.endsWith('.json'))) {
    let minor: KubernetesMinor | undefined
    Object.defineProperty(table, name.slice(0, -'.json'.length), {
      enumerable: true,
      get: () => (minor ??= JSON.parse(readFileSync(join(folder, name), 'utf8')) as KubernetesMinor),
    })
  }
  return table
}

/** Names of the examples that come with us. */
export function builtInBlueprints(): readonly string[] {
  return readdirSync(join(root, 'blueprints'))
    .filter((name) => name.endsWith('.yaml'))
    .map((name) => name.slice(0, -'.yaml'.length))
    .sort()
}

export function builtInBlueprint(name: string): Uint8Array {
  return readFileSync(join(root, 'blueprints', `${name}.yaml`))
}

/** The static HCL of a builder, by its place in the folder that Packer reads. */
export function packerTemplates(builder: string): Readonly<Record<string, string>> {
  const read = (path: string) => readFileSync(join(root, 'packer', path), 'utf8')
  const plugins = join(builder, 'plugins/plugins.pkr.hcl')
  return {
    'build.pkr.hcl': read('build.pkr.hcl'),
    'variables.pkr.hcl': read('variables.pkr.hcl'),
    'source.pkr.hcl': read(join(builder, 'source.pkr.hcl')),
    ...(existsSync(join(root, 'packer', plugins)) ? { 'plugins/plugins.pkr.hcl': read(plugins) } : {}),
  }
}

/** The steps of a pipeline, by name, without the interpreter's line. */
export function pipelineScripts(): Readonly<Record<StepName, string>> {
  const read = (name: string) =>
    readFileSync(join(root, 'packer/ci', `${name}.sh`), 'utf8').replace(/^#!.*\n/, '')
  return Object.fromEntries(stepNames.map((name) => [name, read(name)])) as Record<StepName, string>
}

export function packageVersion(): string {
  return (JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }).version
}

/** What a bundle's user runs on a machine; as it is, with its comments. */
export function installer(): Uint8Array {
  return readFileSync(join(root, 'boot/install.sh'))
}
