/** argv → command → exit code. Commands are loaded when they are called: most runs need one of them. */

import { suggestion } from '../blueprint/schema.ts'
import { packageVersion } from '../effects/assets.effect.ts'
import { FileError } from '../effects/files.effect.ts'
import { Interrupted } from '../effects/interrupt.effect.ts'
import { SourceError } from '../images/source.ts'
import {
  type Command,
  type ExitCode,
  flag,
  type Io,
  readArguments,
  UsageError,
  UserError,
} from './command.ts'
import { groups } from './commands.ts'
import { commandHelp, mainHelp } from './help.ts'

export async function main(argv: readonly string[], io: Io): Promise<ExitCode> {
  try {
    return await dispatch(argv, io)
  } catch (cause) {
    return explain(cause, argv, io)
  }
}

async function dispatch(argv: readonly string[], io: Io): Promise<ExitCode> {
  const [name, ...rest] = argv
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    if (name === 'help' && rest[0] !== undefined) return dispatch([...rest, '--help'], io)
    await io.stdout(mainHelp(groups))
    return name === undefined ? 2 : 0
  }
  if (name === '--version' || name === 'version') {
    await io.stdout(`${packageVersion()}\n`)
    return 0
  }
  if (name === '__complete') {
    await io.stdout(await (await import('./complete.ts')).complete(rest, io))
    return 0
  }
  const entries = groups.flatMap(({ commands }) => commands)
  const entry = entries.find((candidate) => candidate.name === name)
  if (entry === undefined)
    throw new UsageError(
      `there is no command ${name}`,
      suggestion(
        name,
        entries.map((candidate) => candidate.name),
      ),
    )
  return runCommand(await entry.load(), [name], rest, io)
}

async function runCommand(
  command: Command,
  path: readonly string[],
  argv: readonly string[],
  io: Io,
): Promise<ExitCode> {
  const [next] = argv
  const subcommand = command.subcommands?.find((candidate) => candidate.name === next)
  if (subcommand !== undefined) return runCommand(subcommand, [...path, subcommand.name], argv.slice(1), io)
  const full = path.join(' ')
  const invocation = readArguments({ ...command, name: full }, argv)
  if (flag(invocation, 'help')) {
    await io.stdout(commandHelp(command, full))
    return 0
  }
  const extra = invocation.positionals[command.positionals ?? 0]
  if (extra !== undefined)
    throw new UsageError(
      `gen ${full} does not take ${extra}`,
      command.subcommands === undefined
        ? `gen ${full} --help tells what it takes`
        : suggestion(
            extra,
            command.subcommands.map((candidate) => candidate.name),
          ),
    )
  return command.run(invocation, io)
}

function isUsers(cause: unknown): cause is UserError | FileError | SourceError {
  return cause instanceof UserError || cause instanceof FileError || cause instanceof SourceError
}

/** Mistakes of the user in one line and a way out; ours with what to report. */
function explain(cause: unknown, argv: readonly string[], io: Io): ExitCode {
  const say = (message: string, hint: string | undefined) =>
    io.stderr(`gen: ${message}\n${hint === undefined ? '' : `  hint: ${hint}\n`}`)
  if (cause instanceof UsageError) {
    say(cause.message, cause.hint)
    return 2
  }
  const causes: readonly unknown[] = cause instanceof AggregateError ? cause.errors : [cause]
  if (causes.every(isUsers)) {
    for (const one of causes) say(one.message, one instanceof FileError ? undefined : one.hint)
    return 1
  }
  if (cause instanceof Interrupted) {
    say('stopped; the same command goes on where this one was', undefined)
    return 130
  }
  const error = cause instanceof Error ? cause : new Error(String(cause))
  const where =
    error.stack
      ?.split('\n')
      .find((line) => line.includes(' at '))
      ?.trim()
      .replace(/\(?(file:\/\/)?\/.*\//, '(') ?? ''
  io.stderr(
    `gen: this is a bug in gen ${packageVersion()}: ${error.message}\n  ${where}\n  please report it with the command (gen ${argv[0] ?? ''} …), the Node version (${process.version}) and the blueprint, without its secrets\n`,
  )
  return 70
}
