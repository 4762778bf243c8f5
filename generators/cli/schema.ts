import { editorSchema } from '../blueprint/assemble.ts'
import type { Command } from './command.ts'

export const schema: Command = {
  name: 'schema',
  summary: "print the blueprint's JSON Schema, for editors",
  usage: '',
  description:
    'A blueprint whose first line is\n  # yaml-language-server: $schema=./leaven.schema.json\nis completed and checked while you type, by every editor that speaks YAML language server.',
  options: {},
  examples: [['gen schema > leaven.schema.json', 'beside the blueprint']],
  async run(_, io) {
    await io.stdout(`${JSON.stringify(editorSchema(), null, 2)}\n`)
    return 0
  },
}
