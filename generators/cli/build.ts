import { join } from 'node:path'
import { buildArtifacts } from '../render/artifacts.ts'
import { blueprintOptions, type Command, text } from './command.ts'
import { compileOrReport } from './inputs.effect.ts'
import { outputFolder, replaceArtifacts } from './output.effect.ts'
import { fitGroup } from './userdata.ts'

export const build: Command = {
  name: 'build',
  summary: 'write everything of a cluster into one folder, with a manifest',
  usage: '[-o DIR]',
  options: {
    ...blueprintOptions,
    output: { type: 'string', short: 'o', value: 'DIR', description: 'where to', default: 'out/<cluster>' },
  },
  examples: [['gen build', 'out/<cluster>/nodes/<node>/user-data and so on']],
  async run(invocation, io) {
    const ready = await compileOrReport(invocation, io, { withSecrets: true })
    if (ready === undefined) return 1
    for (const group of ready.groups) await fitGroup(ready, group, undefined, undefined)
    const folder = outputFolder(text(invocation, 'output'), join('out', ready.plan.name), io)
    const { artifacts, manifest } = buildArtifacts(ready)
    const { written, deleted } = await replaceArtifacts(folder, artifacts, manifest)
    const unchanged = artifacts.length + 1 - written
    io.stderr(`gen: ${folder.shown}: ${written} written, ${unchanged} unchanged, ${deleted} deleted\n`)
    return 0
  },
}
