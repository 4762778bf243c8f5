import { planJson, planText } from '../render/plan.ts'
import { blueprintOptions, type Command, flag } from './command.ts'
import { compileOrReport } from './inputs.effect.ts'

export const plan: Command = {
  name: 'plan',
  summary: 'show what was decided, secrets withheld',
  usage: '[-b FILE|NAME|-] [--json]',
  options: { ...blueprintOptions, json: { type: 'boolean', description: 'everything, for programs' } },
  examples: [['gen plan --json | jq .groups[].images', 'the container images of every group']],
  async run(invocation, io) {
    const ready = await compileOrReport(invocation, io, { withSecrets: false })
    if (ready === undefined) return 1
    await io.stdout(flag(invocation, 'json') ? planJson(ready) : planText(ready))
    return 0
  },
}
