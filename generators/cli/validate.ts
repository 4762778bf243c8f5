import { blueprintOptions, type Command } from './command.ts'
import { compileOrReport } from './inputs.effect.ts'

export const validate: Command = {
  name: 'validate',
  summary: 'check a blueprint and say everything that is wrong with it',
  usage: '[-b FILE|NAME|-] [--strict]',
  options: blueprintOptions,
  examples: [['gen validate -b cluster.yaml --strict', 'warnings fail too']],
  async run(invocation, io) {
    const ready = await compileOrReport(invocation, io, { withSecrets: false, asked: true })
    if (ready === undefined) return 1
    const { blueprint, plan, groups } = ready
    const count = `${plan.nodes.length} node${plan.nodes.length === 1 ? '' : 's'}, ${groups.length} user-data text${groups.length === 1 ? '' : 's'}`
    io.stderr(`${blueprint.file}: ok: ${plan.name}, Kubernetes ${plan.kubernetes.version}, ${count}\n`)
    return 0
  },
}
