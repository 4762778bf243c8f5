import { join } from 'node:path'
import { suggestion } from '../blueprint/schema.ts'
import { makeIso } from '../effects/iso.effect.ts'
import type { NodePlan } from '../model/plan.ts'
import { seedArtifacts } from '../render/artifacts.ts'
import { guessedNics } from '../render/seed.ts'
import { blueprintOptions, type Command, flag, type Invocation, text, UserError } from './command.ts'
import { compileOrReport, type Ready } from './inputs.effect.ts'
import { outputFolder, writeArtifacts } from './output.effect.ts'

export const seed: Command = {
  name: 'seed',
  summary: 'write NoCloud seeds: user-data, meta-data and network-config of each node',
  usage: '[--node NAME] [--iso] [-o DIR]',
  options: {
    ...blueprintOptions,
    node: { type: 'string', value: 'NAME', multiple: true, description: 'only this node; may be repeated' },
    iso: {
      type: 'boolean',
      description: 'one <node>.iso each, labelled cidata, for the CD drive of a VM (needs xorriso)',
    },
    output: {
      type: 'string',
      short: 'o',
      value: 'DIR',
      description: 'where to',
      default: 'out/<cluster>/seed',
    },
  },
  examples: [
    ['gen seed -o seed', 'seed/m1/user-data and so on'],
    ['gen seed --iso --node m1', 'out/<cluster>/seed/m1.iso'],
  ],
  async run(invocation, io) {
    const ready = await compileOrReport(invocation, io, { withSecrets: true })
    if (ready === undefined) return 1
    const nodes = pickNodes(invocation, ready)
    const [guessed] = guessedNics(ready.plan)
    if (guessed !== undefined)
      io.stderr(
        `gen: the network-config of ${guessed.name} calls its NIC eth0; set endpoint.interface or nodes[].mac if it is not\n`,
      )
    const folder = outputFolder(text(invocation, 'output'), join('out', ready.plan.name, 'seed'), io)
    const artifacts = seedArtifacts(ready, nodes)
    if (!flag(invocation, 'iso')) {
      await writeArtifacts(folder, artifacts)
      io.stderr(`gen: wrote ${nodes.length} seeds to ${folder.shown}\n`)
      return 0
    }
    for (const node of nodes) {
      const own = artifacts.filter(({ path }) => path.startsWith(`${node.name}/`))
      await makeIso(
        join(folder.path, `${node.name}.iso`),
        own.map((file) => ({ ...file, path: file.path.slice(node.name.length + 1) })),
      )
      io.stderr(`gen: wrote ${folder.shown}/${node.name}.iso\n`)
    }
    return 0
  },
}

function pickNodes(invocation: Invocation, { plan }: Ready): readonly NodePlan[] {
  const wanted = (invocation.values['node'] ?? []) as readonly string[]
  if (wanted.length === 0) return plan.nodes
  return wanted.map((name) => {
    const found = plan.nodes.find((node) => node.name === name)
    if (found) return found
    throw new UserError(
      `the blueprint declares no node named ${name}`,
      suggestion(
        name,
        plan.nodes.map((node) => node.name),
      ),
    )
  })
}
