/** Prints what is wrong with a blueprint, as the user asked for it. */
import type { ReportStyle } from '../blueprint/report.ts'
import { suggestion } from '../blueprint/schema.ts'
import type { Compiled } from '../compile.ts'
import { packageVersion } from '../effects/assets.effect.ts'
import type { Diagnostic } from '../model/diagnostic.ts'
import { type Invocation, type Io, text, UsageError } from './command.ts'

const formats = ['text', 'json', 'github', 'sarif'] as const
const colors = ['auto', 'always', 'never'] as const

/** Nobody reads more; programs get all of them. */
const most = 100

export interface Reporting {
  readonly format: (typeof formats)[number]
  readonly style: ReportStyle
}

/**
 * How problems are to be printed.
 * @throws UsageError for a format or a colour that there is none of
 */
export function readReporting(invocation: Invocation, io: Io): Reporting {
  const format = oneOf(invocation, 'format', formats)
  return {
    format,
    style: {
      color: wantsColor(invocation, io, io.stderrIsTerminal),
      width: io.stderrIsTerminal ? io.columns : undefined,
    },
  }
}

/** https://no-color.org, and what --color says. */
export function wantsColor(invocation: Invocation, io: Io, terminal: boolean): boolean {
  const color = oneOf(invocation, 'color', colors)
  if (color !== 'auto') return color === 'always'
  return terminal && !io.env['NO_COLOR'] && io.env['TERM'] !== 'dumb'
}

function oneOf<Word extends string>(
  invocation: Invocation,
  name: string,
  known: readonly [Word, ...Word[]],
): Word {
  const given = text(invocation, name)
  if (given === undefined) return known[0]
  const found = known.find((word) => word === given)
  if (found === undefined) throw new UsageError(`--${name} cannot be ${given}`, suggestion(given, known))
  return found
}

/**
 * Prints problems: text on standard error.
 * @param asked they are all that was asked for, so what programs read goes to standard output
 */
export async function report(
  { source }: Pick<Compiled, 'source'>,
  diagnostics: readonly Diagnostic[],
  { format, style }: Reporting,
  io: Io,
  asked: boolean,
): Promise<void> {
  // What prints is loaded when there is something to print: most runs have nothing.
  if (format === 'text') {
    if (diagnostics.length === 0) return
    const { printReport, summary } = await import('../blueprint/report.ts')
    io.stderr(`${printReport(source, diagnostics.slice(0, most), style)}\n`)
    const counted = summary(diagnostics)
    const more = diagnostics.length > most ? `, the first ${most} of which are shown` : ''
    if (counted !== '') io.stderr(`${counted}${more}\n`)
    return
  }
  const printed = await printFor(format, source, diagnostics)
  if (asked) await io.stdout(printed)
  else io.stderr(printed)
}

async function printFor(
  format: 'json' | 'github' | 'sarif',
  source: Compiled['source'],
  diagnostics: readonly Diagnostic[],
): Promise<string> {
  if (format === 'sarif') {
    const { reportSarif } = await import('../blueprint/report-sarif.ts')
    return reportSarif(source, diagnostics, packageVersion())
  }
  const { reportGithub, reportJson } = await import('../blueprint/report-formats.ts')
  return format === 'json' ? reportJson(source, diagnostics) : reportGithub(source, diagnostics)
}
