import { type Change, changesBetween } from '../render/changes.ts'
import { blueprintOptions, type Command, flag, type Invocation, type Io, UsageError } from './command.ts'
import { compileOrReport } from './inputs.effect.ts'
import { wantsColor } from './report.ts'

const { blueprint: _blueprint, secrets: _secrets, ...reporting } = blueprintOptions

export const diff: Command = {
  name: 'diff',
  summary: 'show what a change of blueprint changes on the nodes',
  usage: 'OLD [NEW] [--names] [--exit-code]',
  description: `OLD and NEW are blueprints as --blueprint takes them elsewhere; NEW is cluster.yaml when left out.
Secrets are not shown; they are the same for both. As with git diff, the exit code is 0 also when
something differs, unless --exit-code is given: then 1 when it does, and 2 when there is an error.`,
  positionals: 2,
  options: {
    names: { type: 'boolean', description: 'only the names of what differs' },
    'exit-code': { type: 'boolean', description: 'end with 1 when something differs' },
    ...reporting,
  },
  examples: [
    ['gen diff old.yaml cluster.yaml', 'group by group, file by file'],
    ['git show HEAD:cluster.yaml | gen diff -', 'what is not committed yet'],
  ],
  async run(invocation, io) {
    const [old, now = 'cluster.yaml'] = invocation.positionals
    if (old === undefined)
      throw new UsageError('gen diff needs a blueprint to compare with', 'gen diff OLD [NEW]')
    const strictly = flag(invocation, 'exit-code')
    const before = await compileOrReport(naming(invocation, old), io, { withSecrets: false })
    const after = await compileOrReport(naming(invocation, now), io, { withSecrets: false })
    if (before === undefined || after === undefined) return strictly ? 2 : 1
    const changes = changesBetween(before, after)
    await io.stdout(flag(invocation, 'names') ? names(changes) : patches(changes, invocation, io))
    return strictly && changes.length > 0 ? 1 : 0
  },
}

function naming(invocation: Invocation, blueprint: string): Invocation {
  return { ...invocation, values: { ...invocation.values, blueprint } }
}

function names(changes: readonly Change[]): string {
  return changes.map(({ section }) => `${section}\n`).join('')
}

function patches(changes: readonly Change[], invocation: Invocation, io: Io): string {
  const text = changes.map(({ diff: patch }) => patch).join('')
  if (!wantsColor(invocation, io, io.stdoutIsTerminal)) return text
  const tint: Readonly<Record<string, number>> = { '+': 32, '-': 31, '@': 36 }
  return text.replaceAll(
    /^([+@-]).*$/gm,
    (line, sign: string) => `\u001b[${/^(\+\+\+|---) /.test(line) ? 1 : tint[sign]}m${line}\u001b[0m`,
  )
}
