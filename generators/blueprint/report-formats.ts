/** Diagnostics → what a program reads: JSON, and GitHub's annotations. */
import type { Diagnostic } from '../model/diagnostic.ts'
import { type Place, positionOf } from './report.ts'
import { display } from './schema.ts'

/** One object a diagnostic. */
export function reportJson(source: Place, diagnostics: readonly Diagnostic[]): string {
  const entries = diagnostics.map((diagnostic) => {
    const { line, column, length } = positionOf(source, diagnostic)
    const { code, severity, message, path, hint } = diagnostic
    const related = (diagnostic.related ?? []).map((other) => {
      const place = positionOf(source, other)
      return { message: other.message, line: place.line, column: place.column, path: display(other.path) }
    })
    return {
      code,
      severity,
      message,
      file: source.file,
      line,
      column,
      endColumn: column + length,
      path: display(path),
      ...(hint ? { hint } : {}),
      related,
    }
  })
  return `${JSON.stringify(entries, null, 2)}\n`
}

/**
 * Workflow commands, which GitHub shows beside the lines of a pull request.
 * https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands#setting-an-error-message
 */
export function reportGithub(source: Place, diagnostics: readonly Diagnostic[]): string {
  return diagnostics
    .map((diagnostic) => {
      const { line, column, length } = positionOf(source, diagnostic)
      const command = { error: 'error', warning: 'warning', info: 'notice' }[diagnostic.severity]
      const properties = Object.entries({
        file: source.file,
        line,
        col: column,
        endColumn: column + length,
        title: diagnostic.code,
      })
        .map(([key, value]) => `${key}=${escapeProperty(String(value))}`)
        .join(',')
      return `::${command} ${properties}::${escapeData(sentences(diagnostic))}\n`
    })
    .join('')
}

/** As GitHub's own toolkit does: https://github.com/actions/toolkit/blob/main/packages/core/src/command.ts */
function escapeData(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A')
}

function escapeProperty(text: string): string {
  return escapeData(text).replaceAll(':', '%3A').replaceAll(',', '%2C')
}

/** All of it as text, where there is only one place for it. */
export function sentences({ message, hint }: Diagnostic): string {
  return hint === undefined ? message : `${message}\nhint: ${hint}`
}
