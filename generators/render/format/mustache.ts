/**
 * The user's templates: Mustache, so that the promise is a list of names and nothing else. What the engine lets
 * pass in silence (an unknown name is an empty string to it) is found before anything is rendered.
 */
import Mustache from 'mustache'
import { isObject, type Json, type JsonObject } from '../../model/json.ts'

export interface TemplateProblem {
  /** From 1, in the template. */
  readonly line: number
  readonly message: string
  /** The name that nobody knows, and those that could stand there. */
  readonly unknown?: { readonly name: string; readonly known: readonly string[] }
}

/** `type, value, start, end, children` as Mustache.parse hands them out. */
type Token = readonly [string, string, number, number, Token[]?, ...unknown[]]

// Our own, because the engine keeps what it parsed; its default escapes for HTML, and nothing of ours is HTML.
const writer = new Mustache.Writer()

/**
 * Renders a template in which `templateProblems` finds nothing.
 * @param view plain data
 */
export function renderMustache(template: string, view: JsonObject): string {
  return writer.render(template, view, undefined, { escape: String })
}

/**
 * What is wrong with a template.
 * @param sample a view that has every name, with at least one entry in every list
 */
export function templateProblems(template: string, sample: JsonObject): readonly TemplateProblem[] {
  const lineAt = (offset: number) => template.slice(0, offset).split('\n').length
  try {
    return unknownNames(writer.parse(template) as unknown as Token[], [sample], lineAt)
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause)
    const [, what = message, offset = '0'] = /^(.*?) at (\d+)$/s.exec(message) ?? []
    return [{ line: lineAt(Number(offset)), message: what.charAt(0).toLowerCase() + what.slice(1) }]
  }
}

type LineAt = (offset: number) => number

function unknownNames(
  tokens: readonly Token[],
  contexts: readonly Json[],
  lineAt: LineAt,
): readonly TemplateProblem[] {
  return tokens.flatMap(([type, name, start, , children]): readonly TemplateProblem[] => {
    if (type === '>') return [{ line: lineAt(start), message: `there are no partials, such as ${name}` }]
    if (!['name', '&', '#', '^'].includes(type)) return []
    const found = lookUp(name, contexts)
    const problem: readonly TemplateProblem[] =
      found === undefined
        ? [
            {
              line: lineAt(start),
              message: `there is no variable ${name}`,
              unknown: {
                name,
                known: contexts.flatMap((context) => (isObject(context) ? Object.keys(context) : [])),
              },
            },
          ]
        : []
    const inner = Array.isArray(found) ? found[0] : found
    const below = inner === undefined ? contexts : [inner as Json, ...contexts]
    return [...problem, ...(children === undefined ? [] : unknownNames(children, below, lineAt))]
  })
}

/** As the engine does, from the innermost section outwards; but only what the data itself has, never its prototypes. */
function lookUp(name: string, contexts: readonly Json[]): Json | undefined {
  if (name === '.') return contexts[0]
  const [first = '', ...rest] = name.split('.')
  const holder = contexts.find((context) => isObject(context) && Object.hasOwn(context, first))
  return [first, ...rest].reduce<Json | undefined>(
    (value, key) => (isObject(value) && Object.hasOwn(value, key) ? value[key] : undefined),
    holder,
  )
}
