/** What a command is: data for the help text, and one function. */
import { parseArgs } from 'node:util'

export interface OptionSpec {
  readonly type: 'string' | 'boolean'
  readonly short?: string
  readonly multiple?: boolean
  /** Shown as `--role ROLE`. */
  readonly value?: string
  readonly description: string
  /** Shown in the help text; the command applies it. */
  readonly default?: string
}

/** The outside world as a command sees it; tests pass their own. */
export interface Io {
  readonly stdin: () => Promise<Uint8Array>
  readonly stdout: (chunk: string | Uint8Array) => Promise<void>
  readonly stderr: (text: string) => void
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
  readonly stdoutIsTerminal: boolean
  readonly stderrIsTerminal: boolean
  /** Terminal width in columns; 80 where unknown. */
  readonly columns: number
  /** There only where somebody can answer. */
  readonly prompt?: () => Prompt
}

/** A conversation on the terminal. */
export interface Prompt {
  /** @returns the line that was typed; undefined once the user pressed Ctrl-C or Ctrl-D */
  readonly ask: (question: string) => Promise<string | undefined>
  readonly close: () => void
}

export interface Invocation {
  readonly values: Readonly<Record<string, string | boolean | readonly (string | boolean)[] | undefined>>
  readonly positionals: readonly string[]
}

/** 0 ok · 1 the blueprint has errors · 2 wrong usage · 70 our bug · 130 stopped by Ctrl-C. */
export type ExitCode = 0 | 1 | 2 | 70 | 130

export interface Command {
  readonly name: string
  /** One line, lower case, no full stop. */
  readonly summary: string
  /** What follows the command's name, such as `[--role ROLE] [-o FILE]`. */
  readonly usage: string
  readonly description?: string
  /** How many arguments without a dash it takes at most; 0 when left out. */
  readonly positionals?: number
  readonly options: Readonly<Record<string, OptionSpec>>
  readonly examples?: readonly (readonly [command: string, comment: string])[]
  /** Commands below this one, such as `secrets create`. */
  readonly subcommands?: readonly Command[]
  readonly run: (invocation: Invocation, io: Io) => Promise<ExitCode>
}

/** The user called us wrongly: exit 2, one line, a way out. */
export class UsageError extends Error {
  readonly hint: string | undefined
  constructor(message: string, hint?: string) {
    super(message)
    this.hint = hint
  }
}

/** Something outside failed that the user can mend (a file, a permission): exit 1, no stack trace. */
export class UserError extends Error {
  readonly hint: string | undefined
  constructor(message: string, hint?: string) {
    super(message)
    this.hint = hint
  }
}

export const helpOption: OptionSpec = { type: 'boolean', short: 'h', description: 'show this help' }

/** The options that every command which reads a blueprint shares. */
export const blueprintOptions: Readonly<Record<string, OptionSpec>> = {
  blueprint: {
    type: 'string',
    short: 'b',
    value: 'FILE|NAME|-',
    description: 'the blueprint: a file, the name of a built-in example, or - for standard input',
    default: 'cluster.yaml, else the built-in ha-kube-vip',
  },
  secrets: {
    type: 'string',
    value: 'FILE',
    description: "the cluster's secrets",
    default: '<name>.secrets.yaml beside the blueprint',
  },
  strict: { type: 'boolean', description: 'warnings fail too' },
  format: {
    type: 'string',
    value: 'text|json|github|sarif',
    description: 'how problems are printed: to read, for programs, as annotations of a pull request',
    default: 'text',
  },
  color: {
    type: 'string',
    value: 'auto|always|never',
    description: 'colours in that text',
    default: 'auto: on a terminal, unless NO_COLOR is set',
  },
}

/**
 * Reads a command's arguments.
 * @throws UsageError for an unknown option or a missing value
 */
export function readArguments(command: Command, argv: readonly string[]): Invocation {
  try {
    const { values, positionals } = parseArgs({
      args: [...argv],
      options: Object.fromEntries(
        Object.entries({ ...command.options, help: helpOption }).map(([name, { type, short, multiple }]) => [
          name,
          { type, ...(short ? { short } : {}), ...(multiple ? { multiple } : {}) },
        ]),
      ),
      allowPositionals: true,
      strict: true,
    })
    return { values, positionals }
  } catch (cause) {
    const message =
      cause instanceof Error ? (cause.message.split(/[.;] /)[0] ?? cause.message) : String(cause)
    throw new UsageError(message, `gen ${command.name} --help lists the options`)
  }
}

/** The value of a string option, or undefined. */
export function text(invocation: Invocation, name: string): string | undefined {
  const value = invocation.values[name]
  return typeof value === 'string' ? value : undefined
}

export function flag(invocation: Invocation, name: string): boolean {
  return invocation.values[name] === true
}
