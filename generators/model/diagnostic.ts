/** The one shape of everything a user can get wrong. Collected, never thrown; printed once at the end. */
export type Path = readonly (string | number)[]

export interface Diagnostic {
  /** `owner/slug`; the owner is the folder that raises it. */
  readonly code: `${string}/${string}`
  readonly severity: 'error' | 'warning' | 'info'
  /** One sentence that states the fact and names the value. */
  readonly message: string
  /** Where in the blueprint; line and column are looked up when it is printed. */
  readonly path: Path
  /** Point at the key of the last path element instead of its value. */
  readonly atKey?: boolean
  /** Only for text that could not be parsed, where there is no path yet. */
  readonly position?: Span
  /** What to do. */
  readonly hint?: string
  /** Other places that take part, such as the first of two duplicates. */
  readonly related?: readonly { readonly path: Path; readonly position?: Span; readonly message: string }[]
}

/** Lines and columns count from 1. */
interface Span {
  readonly line: number
  readonly column: number
  readonly length: number
}

/** What `gen explain` says of a code; it lies in the folder that raises the code. */
export interface Explanation {
  readonly severity: Diagnostic['severity']
  /** Why it is a problem: one or two sentences. */
  readonly cause: string
  /** Lines of a blueprint that raise it. */
  readonly example?: string
  readonly fix: string
  /** Public page that the rule comes from. */
  readonly source?: string
}

export type Explanations = Readonly<Record<Diagnostic['code'], Explanation>>

export function error(code: Diagnostic['code'], path: Path, message: string, hint?: string): Diagnostic {
  return { code, severity: 'error', path, message, ...(hint === undefined ? {} : { hint }) }
}

export function warning(code: Diagnostic['code'], path: Path, message: string, hint?: string): Diagnostic {
  return { code, severity: 'warning', path, message, ...(hint === undefined ? {} : { hint }) }
}

export function hasErrors(diagnostics: readonly Diagnostic[]): boolean {
  return diagnostics.some((diagnostic) => diagnostic.severity === 'error')
}
