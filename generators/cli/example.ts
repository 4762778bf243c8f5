import { suggestion } from '../blueprint/schema.ts'
import { builtInBlueprint, builtInBlueprints } from '../effects/assets.effect.ts'
import { type Command, UserError } from './command.ts'

export const example: Command = {
  name: 'example',
  summary: 'print a built-in blueprint to start from',
  usage: '[NAME]',
  positionals: 1,
  options: {},
  examples: [['gen example ha-kube-vip > cluster.yaml', 'then change names and addresses']],
  async run({ positionals }, io) {
    const [name] = positionals
    const known = builtInBlueprints()
    if (name === undefined) await io.stdout(`${known.join('\n')}\n`)
    else if (known.includes(name)) await io.stdout(builtInBlueprint(name))
    else throw new UserError(`there is no built-in blueprint named ${name}`, suggestion(name, known))
    return 0
  },
}
