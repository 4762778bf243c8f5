import { explanationText } from '../blueprint/explain.ts'
import { suggestion } from '../blueprint/schema.ts'
import { explanations } from '../explanations.ts'
import type { Diagnostic } from '../model/diagnostic.ts'
import { type Command, UserError } from './command.ts'

export const explain: Command = {
  name: 'explain',
  summary: 'explain the code of a problem: cause, example, fix',
  usage: '[CODE]',
  positionals: 1,
  description: 'CODE is what stands in brackets behind a problem. Without one, all are listed.',
  options: {},
  examples: [['gen explain blueprint/arp-on-cloud', 'why an ARP VIP does not work on AWS']],
  async run({ positionals: [asked] }, io) {
    const codes = Object.keys(explanations).sort() as Diagnostic['code'][]
    if (asked === undefined) {
      const width = Math.max(...codes.map((code) => code.length))
      const rows = codes.map((code) => `${code.padEnd(width)}  ${explanations[code]?.severity}\n`)
      await io.stdout(rows.join(''))
      return 0
    }
    // Copied with its brackets, or the second half of it alone.
    const word = asked.replace(/^\[|\]$/g, '')
    const found = codes.filter((code) => code === word || code.split('/')[1] === word)
    const [code] = found
    if (code === undefined || found.length > 1)
      throw new UserError(
        found.length > 1 ? `there is more than one ${word}` : `there is no code ${word}`,
        found.length > 1 ? found.join(', ') : hint(word, codes),
      )
    const explanation = explanations[code]
    if (explanation !== undefined) await io.stdout(explanationText(code, explanation))
    return 0
  },
}

function hint(word: string, codes: readonly string[]): string {
  const near = suggestion(word, codes)
  return near.startsWith('known:') ? 'gen explain lists all' : near
}
