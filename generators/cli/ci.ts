import { existsSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { suggestion } from '../blueprint/schema.ts'
import { pipelineScripts } from '../effects/assets.effect.ts'
import { createFileAtomic, FileError, makeFolder, writeFileAtomic } from '../effects/files.effect.ts'
import type { BuilderProvider } from '../providers/provider.ts'
import { buildOf, type Pipeline } from '../render/pipeline/builds.ts'
import { githubWorkflow } from '../render/pipeline/github.ts'
import { gitlabPipeline } from '../render/pipeline/gitlab.ts'
import {
  blueprintOptions,
  type Command,
  flag,
  type Invocation,
  type Io,
  text,
  UsageError,
  UserError,
} from './command.ts'
import { type Machines, machineOptions, planMachines } from './machines.effect.ts'

interface Make {
  readonly name: string
  readonly title: string
  readonly file: string
  readonly render: (pipeline: Pipeline) => string
  readonly description: string
  /** Kinds of runners, as an example names them. */
  readonly runner: string
}

const makes: readonly Make[] = [
  {
    name: 'github',
    title: 'GitHub Actions',
    file: '.github/workflows/machine-images.yml',
    render: githubWorkflow,
    description:
      "Runs by hand and when the blueprint changes on main. Builders in a cloud and qemu on amd64 run on GitHub's runners, the others on self-hosted ones.",
    runner: 'own=vsphere-runner',
  },
  {
    name: 'gitlab',
    title: 'GitLab CI/CD',
    file: '.gitlab/machine-images.yml',
    render: gitlabPipeline,
    description:
      'Include it in .gitlab-ci.yml: include: { local: .gitlab/machine-images.yml }. Runs by hand, by schedule, and when the blueprint changes on the default branch. Runners are found by tags; that of qemu has to pass on /dev/kvm.',
    runner: 'any=docker',
  },
]

const { secrets: _, ...options } = blueprintOptions

export const ci: Command = {
  name: 'ci',
  summary: 'write a pipeline that bakes them, for GitHub or GitLab',
  usage: makes.map(({ name }) => name).join('|'),
  options: {},
  subcommands: makes.map(subcommand),
  async run({ positionals: [word] }) {
    throw new UsageError(
      word === undefined ? 'gen ci needs a make of pipeline' : `there are no pipelines of ${word}`,
      suggestion(
        word ?? '',
        makes.map(({ name }) => name),
      ),
    )
  },
}

function subcommand(make: Make): Command {
  return {
    name: make.name,
    summary: `write a pipeline of ${make.title}`,
    usage: '[--role ROLE] [--builder NAME,…] [--arch ARCH] [-o FILE|-]',
    description: make.description,
    options: {
      ...options,
      ...machineOptions,
      runner: {
        type: 'string',
        value: 'KIND=LABEL',
        multiple: true,
        description: 'who runs builds of a kind: any, kvm (qemu), own (what reaches your hypervisors)',
        default: 'see above',
      },
      force: { type: 'boolean', description: 'replace an existing file' },
      output: {
        type: 'string',
        short: 'o',
        value: 'FILE|-',
        description: 'where to',
        default: make.file,
      },
    },
    examples: [
      [`gen ci ${make.name}`, 'both roles, every builder of bake.builders'],
      [`gen ci ${make.name} --builder amazon-ebs --runner ${make.runner} -o -`, 'printed'],
    ],
    run: (invocation, io) => write(make, invocation, io),
  }
}

async function write(make: Make, invocation: Invocation, io: Io): Promise<0 | 1> {
  const shown = text(invocation, 'output') ?? make.file
  const path = shown.startsWith('/') ? shown : join(io.cwd, shown)
  const force = flag(invocation, 'force')
  if (shown !== '-' && !force && existsSync(path))
    throw new UserError(`${shown} exists already`, 'name another file with -o, or replace it with --force')
  const runners = readRunners(invocation)
  const machines = await planMachines(invocation, io)
  if (machines === undefined) return 1
  const pipeline = make.render(pipelineOf(machines, runners, io))
  if (shown === '-') {
    await io.stdout(pipeline)
    return 0
  }
  try {
    await makeFolder(dirname(path))
    await (force ? writeFileAtomic : createFileAtomic)(path, new TextEncoder().encode(pipeline), 0o644)
  } catch (cause) {
    throw cause instanceof FileError ? new UserError(cause.message.replace(path, shown)) : cause
  }
  io.stderr(`gen: wrote ${shown}\n`)
  return 0
}

function readRunners(invocation: Invocation): Pipeline['runners'] {
  const kinds: readonly BuilderProvider['runner'][] = ['any', 'kvm', 'own']
  const given = ((invocation.values['runner'] ?? []) as readonly string[]).map((word) => {
    const [, kind = '', label = ''] = /^([^=]*)=(.+)$/.exec(word) ?? []
    if (!kinds.some((known) => known === kind))
      throw new UsageError(
        `--runner ${word} names no kind of builds`,
        `KIND=LABEL, KIND is one of: ${kinds.join(', ')}`,
      )
    return [kind, label] as const
  })
  return Object.fromEntries(given)
}

/** @throws UserError for a blueprint that a pipeline cannot check out */
function pipelineOf(
  { checked, blueprint, machines }: Machines,
  runners: Pipeline['runners'],
  io: Io,
): Pipeline {
  const { plan, blueprint: written } = checked
  if (plan === undefined) throw new Error('a plan without errors')
  const file = blueprint.file.startsWith('/') ? relative(io.cwd, blueprint.file) : join(blueprint.file)
  if (blueprint.builtIn || blueprint.file === '<stdin>' || file.startsWith('..'))
    throw new UserError(
      `a pipeline reads its blueprint from the repository, and ${blueprint.file} is not in it`,
      'gen init writes cluster.yaml; call gen ci at the root of the repository',
    )
  return {
    cluster: plan.name,
    blueprint: file,
    watched: [file, join(dirname(file), `${plan.name}.lock.json`), 'package-lock.json'],
    output: join('out', plan.name, 'packer'),
    builds: machines.map((machine) => buildOf(machine, written?.bake)),
    runners,
    scripts: pipelineScripts(),
  }
}
