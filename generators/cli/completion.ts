import { suggestion } from '../blueprint/schema.ts'
import { type Command, UsageError } from './command.ts'
import { completionScripts } from './completion-scripts.ts'

export const completion: Command = {
  name: 'completion',
  summary: 'print a completion script for bash, zsh or fish',
  usage: 'bash|zsh|fish',
  description: `Completes commands, options and their values: roles, encodings, clouds, built-in blueprints, and
the nodes and pools of the blueprint in reach.`,
  positionals: 1,
  options: {},
  examples: [
    ['source <(gen completion bash)', 'in ~/.bashrc'],
    ['gen completion zsh >"${fpath[1]}/_gen"', 'once; compinit reads it'],
    ['gen completion fish >~/.config/fish/completions/gen.fish', 'once'],
  ],
  async run({ positionals: [shell] }, io) {
    const shells = Object.keys(completionScripts)
    if (shell === undefined) throw new UsageError('for which shell?', shells.join(', '))
    const script = Object.hasOwn(completionScripts, shell) ? completionScripts[shell] : undefined
    if (script === undefined)
      throw new UsageError(`there is no completion for ${shell}`, suggestion(shell, shells))
    await io.stdout(script)
    return 0
  },
}
