/** Help texts, from the commands' own data. */
import { type Command, helpOption, type OptionSpec } from './command.ts'

const indent = 2
const columns = 100

export interface Listed {
  readonly name: string
  readonly summary: string
}

/** `gen --help` */
export function mainHelp(
  groups: readonly { readonly title: string; readonly commands: readonly Listed[] }[],
): string {
  const width = Math.max(...groups.flatMap(({ commands }) => commands.map(({ name }) => name.length)))
  const sections = groups.map(
    ({ title, commands }) =>
      `${title}\n${commands.map(({ name, summary }) => `${' '.repeat(indent)}${name.padEnd(width)}  ${summary}\n`).join('')}`,
  )
  return `gen compiles one YAML blueprint of a kubeadm cluster into what its nodes are made of.

usage: gen COMMAND [options]

${sections.join('\n')}
gen COMMAND --help tells more. gen --version prints the version.
`
}

/** `gen COMMAND --help`; `path` is the whole command, such as `secrets create`. */
export function commandHelp(command: Command, path: string): string {
  const parts = [
    `gen ${path}: ${command.summary}\n`,
    `usage: gen ${path}${command.usage === '' ? '' : ` ${command.usage}`}\n`,
    ...(command.description === undefined
      ? []
      : [
          `${command.description
            .split('\n')
            .flatMap((line) => wrapped(line, columns))
            .join('\n')}\n`,
        ]),
    ...(command.subcommands === undefined ? [] : [subcommandTable(command.subcommands)]),
    optionTable({ ...command.options, help: helpOption }),
    ...(command.examples === undefined ? [] : [exampleTable(command.examples)]),
  ]
  return parts.join('\n')
}

function subcommandTable(commands: readonly Listed[]): string {
  const width = Math.max(...commands.map(({ name }) => name.length))
  return `commands:\n${commands.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}\n`).join('')}`
}

function optionTable(options: Readonly<Record<string, OptionSpec>>): string {
  const rows = Object.entries(options).map(([name, option]) => {
    const short = option.short === undefined ? '    ' : `-${option.short}, `
    const value = option.value === undefined ? '' : ` ${option.value}`
    const preset = option.default === undefined ? '' : ` (default: ${option.default})`
    return [`${short}--${name}${value}`, `${option.description}${preset}`] as const
  })
  const width = Math.min(34, Math.max(...rows.map(([left]) => left.length)))
  const margin = `\n${' '.repeat(width + 4)}`
  const lines = rows.map(([left, right]) => {
    const told = wrapped(right, columns - width - 4).join(margin)
    return left.length > width ? `  ${left}${margin}${told}\n` : `  ${left.padEnd(width)}  ${told}\n`
  })
  return `options:\n${lines.join('')}`
}

/** Lines of at most `width` characters, broken between words. */
function wrapped(text: string, width: number): readonly string[] {
  const lines: string[] = []
  for (const word of text.split(' ')) {
    const last = lines.at(-1)
    if (last !== undefined && last.length + 1 + word.length <= width)
      lines[lines.length - 1] = `${last} ${word}`
    else lines.push(word)
  }
  return lines
}

function exampleTable(examples: NonNullable<Command['examples']>): string {
  const width = Math.max(...examples.map(([command]) => command.length))
  return `examples:\n${examples.map(([command, comment]) => `  ${command.padEnd(width)}  # ${comment}\n`).join('')}`
}
