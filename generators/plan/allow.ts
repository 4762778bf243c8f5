/** `lint.allow`: takes out the warnings that the user has reasons for, and says which reasons are for nothing. */

import { didYouMean } from '../blueprint/schema.ts'
import type { Blueprint } from '../model/blueprint.ts'
import { type Diagnostic, type Explanations, error, type Path, warning } from '../model/diagnostic.ts'

/**
 * @param complete every rule has run, so that what was not found is not there
 */
export function applyAllowances(
  { lint }: Blueprint,
  diagnostics: readonly Diagnostic[],
  explanations: Explanations,
  complete: boolean,
): readonly Diagnostic[] {
  const allowed = lint?.allow ?? []
  const kept = diagnostics.filter(
    ({ code, severity }) => severity === 'error' || !allowed.some((entry) => entry.code === code),
  )
  const found = new Set<string>(diagnostics.map(({ code }) => code))
  const own = allowed.flatMap(({ code }, index): readonly Diagnostic[] => {
    const path: Path = ['lint', 'allow', index, 'code']
    const known = Object.hasOwn(explanations, code) ? explanations[code as keyof Explanations] : undefined
    if (known === undefined)
      return [
        warning(
          'blueprint/unknown-code',
          path,
          `there is no diagnostic ${code}`,
          nearest(code, Object.keys(explanations)),
        ),
      ]
    if (known.severity === 'error')
      return [
        error(
          'blueprint/allowed-error',
          path,
          `${code} is an error, and errors cannot be allowed`,
          `correct what it reports: gen explain ${code} says how`,
        ),
      ]
    if (!complete || found.has(code)) return []
    return [warning('blueprint/unused-allow', path, `nothing here is ${code}`, 'remove the entry')]
  })
  return [...kept, ...own]
}

/** There are too many codes to list. */
function nearest(code: string, known: readonly string[]): string {
  const near = didYouMean(code, known)
  return near === undefined ? 'gen explain lists all' : `did you mean ${near}?`
}
