/** Diagnostics → what a person or a program reads. */
import type { Diagnostic, Path } from '../model/diagnostic.ts'
import { display } from './schema.ts'
import type { Position, Source } from './source.ts'

export interface ReportStyle {
  readonly color: boolean
}

type Place = Pick<Source, 'file' | 'lines' | 'locate'>

/** One block a diagnostic: position, severity, code, sentence, two lines of context with a caret, hint. */
export function printReport(source: Place, diagnostics: readonly Diagnostic[], style: ReportStyle): string {
  return diagnostics.map((diagnostic) => `${printOne(source, diagnostic, style)}\n`).join('\n')
}

function printOne(source: Place, diagnostic: Diagnostic, { color }: ReportStyle): string {
  const paint = (code: number, text: string) => (color ? `\u001b[${code}m${text}\u001b[0m` : text)
  const at = where(source, diagnostic)
  const tint = { error: 31, warning: 33, info: 36 }[diagnostic.severity]
  const head = `${paint(1, `${source.file}:${at.line}:${at.column}`)}: ${paint(tint, diagnostic.severity)}: ${diagnostic.message} ${paint(2, `[${diagnostic.code}]`)}`
  const related = (diagnostic.related ?? []).map(({ path, message }) => {
    const place = source.locate(path)
    return `  ${source.file}:${place.line}:${place.column}: ${message}`
  })
  return [
    head,
    ...context(source, at, (text) => paint(tint, text)),
    ...related,
    ...(diagnostic.hint ? [`  ${paint(36, 'hint')}: ${diagnostic.hint}`] : []),
  ].join('\n')
}

function context({ lines }: Place, at: Position, paint: (text: string) => string): readonly string[] {
  if (lines.length === 0) return []
  const width = String(at.line).length
  const row = (number: number) => `  ${String(number).padStart(width)} | ${lines[number - 1] ?? ''}`.trimEnd()
  const caret = `  ${' '.repeat(width)} | ${' '.repeat(at.column - 1)}${paint('^'.repeat(at.length))}`
  return [...(at.line > 1 ? [row(at.line - 1)] : []), row(at.line), caret]
}

function where(source: Place, { position, path, atKey }: Diagnostic): Position {
  return position ?? source.locate(path, atKey)
}

/** One object a diagnostic, for programs. */
export function reportJson(source: Place, diagnostics: readonly Diagnostic[]): string {
  const entries = diagnostics.map((diagnostic) => {
    const { line, column } = where(source, diagnostic)
    const { code, severity, message, path, hint } = diagnostic
    const related = (diagnostic.related ?? []).map((other) => ({ ...other, ...lineOf(source, other.path) }))
    return {
      code,
      severity,
      message,
      file: source.file,
      line,
      column,
      path: display(path),
      ...(hint ? { hint } : {}),
      related,
    }
  })
  return `${JSON.stringify(entries, null, 2)}\n`
}

function lineOf(source: Place, path: Path): { line: number; column: number } {
  const { line, column } = source.locate(path)
  return { line, column }
}

/** `2 errors, 1 warning` */
export function summary(diagnostics: readonly Diagnostic[]): string {
  return (['error', 'warning'] as const)
    .map((severity) => [diagnostics.filter((entry) => entry.severity === severity).length, severity] as const)
    .filter(([count]) => count > 0)
    .map(([count, severity]) => `${count} ${severity}${count === 1 ? '' : 's'}`)
    .join(', ')
}
