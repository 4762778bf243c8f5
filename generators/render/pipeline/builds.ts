/** What pipelines of every make have in common: the builds, and the steps of each. */
import type { Blueprint } from '../../model/blueprint.ts'
import type { BuilderProvider, MachinePlan } from '../../providers/provider.ts'
import { needsKey } from '../packer.ts'

/**
 * Of the Packers that our tests validate every template with, the newest.
 * Source: https://releases.hashicorp.com/packer/
 */
export const packerVersion = '1.9.4'

/** One image. Its names are environment variables of the scripts in packer/ci/. */
export interface Build {
  readonly role: string
  readonly builder: string
  readonly arch: string
  /** Where it runs: any machine, one with /dev/kvm, one that reaches your hypervisors. */
  readonly runs: BuilderProvider['runner']
  readonly needsKvm: boolean
  /** The key that the machine lets in is made for one run, is a secret of the pipeline, or Packer's own. */
  readonly sshKey: 'made' | 'secret' | 'none'
  /** What has to be free on the runner, in GiB. */
  readonly disk: number
  /** Secrets of the pipeline, by the names that Packer or its plugin looks for. */
  readonly secrets: readonly string[]
}

export interface Pipeline {
  readonly cluster: string
  /** Paths below the repository's root. */
  readonly blueprint: string
  readonly watched: readonly string[]
  readonly output: string
  readonly builds: readonly Build[]
  /** Label or tag of the runners of each kind, where the user named one. */
  readonly runners: Readonly<Partial<Record<BuilderProvider['runner'], string>>>
  /** packer/ci/*.sh by name, without the interpreter's line. */
  readonly scripts: Readonly<Record<StepName, string>>
}

export const stepNames = ['tools', 'packer', 'kvm', 'disk-space', 'generate', 'build'] as const
export type StepName = (typeof stepNames)[number]

/** Below the folder of a build; what an artifact of the pipeline holds. */
export const outputs = [
  'output-*',
  'packer-manifest.json',
  'SHA256SUMS',
  'baked.json',
  'sbom.cdx.json',
  'provenance.json',
] as const
export const consoleLog = 'console-*.log'

export function buildOf(planned: MachinePlan, bake: Blueprint['bake']): Build {
  const { role, builder, options, machine } = planned
  const local = builder.runner === 'kvm'
  const own = builder.environment.includes('PKR_VAR_ssh_private_key_file')
  return {
    role,
    builder: builder.name,
    arch: machine.architecture,
    runs: local && !usesKvm(options) ? 'any' : builder.runner,
    needsKvm: local && usesKvm(options),
    sshKey: needsKey(planned) ? 'made' : own ? 'secret' : 'none',
    // The disk has holes, its compressed copy is small; elsewhere the disk is the platform's.
    disk: local ? (bake?.diskGiB ?? 20) + 8 : 5,
    secrets: builder.environment.filter((name) => name !== 'PKR_VAR_ssh_private_key_file'),
  }
}

function usesKvm({ accelerator }: MachinePlan['options']): boolean {
  return accelerator === undefined || accelerator === 'kvm'
}

/** Said at the head of every pipeline. */
export function preamble({ builds }: Pipeline, where: string): string {
  const names = new Set(builds.flatMap(({ secrets }) => secrets))
  if (builds.some(({ sshKey }) => sshKey === 'secret')) names.add('BAKE_SSH_PRIVATE_KEY')
  return [
    'Machine images by gen ci: change it as you like, or write it again with --force.',
    'gen is a dependency of this repository: npm ci has to install it.',
    ...(names.size === 0 ? [] : [`${where}, as far as you need them: ${[...names].sort().join(', ')}`]),
  ]
    .map((line) => `# ${line}\n`)
    .join('')
}
