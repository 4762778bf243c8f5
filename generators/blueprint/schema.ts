/** Checks a blueprint's shape and says what is wrong in the user's words. */
import { closest, distance } from 'fastest-levenshtein'
import { type Diagnostic, error, type Path } from '../model/diagnostic.ts'
import { isObject, type Json, type JsonObject } from '../model/json.ts'
import { roleSpellings } from '../model/role.ts'
import * as registry from '../registry.ts'
import { axes, placesOf } from './assemble.ts'
import { type SchemaError, validators } from './validators.gen.js'

type Written = (path: Path) => string | undefined

/**
 * All problems of shape, in no particular order.
 * @param written the text of a scalar, to quote it as it stands
 */
export function checkShape(value: Json, written: Written): readonly Diagnostic[] {
  if (!isObject(value))
    return [error('blueprint/wrong-type', [], `a blueprint is a mapping, but this is ${kindOf(value)}`)]
  return [...check('root', value, [], written), ...axes.flatMap((axis) => checkAxis(value, axis, written))]
}

/** The name after which the user's word was probably meant, or undefined when none is near. */
export function didYouMean(word: string, known: readonly string[]): string | undefined {
  const asked = word.toLowerCase()
  if (known.length === 0 || word.length > 100) return undefined
  const best = closest(asked, known)
  const swapped = [...asked].sort().join('') === [...best.toLowerCase()].sort().join('')
  const allowed = Math.max(swapped ? 2 : 1, Math.floor(best.length / 3))
  return distance(asked, best.toLowerCase()) <= allowed ? best : undefined
}

/** `did you mean x?`, or the list of what is known. */
export function suggestion(word: string, known: readonly string[]): string {
  const near = didYouMean(word, known)
  return near === undefined ? `known: ${known.join(', ')}` : `did you mean ${near}?`
}

function checkAxis(
  value: JsonObject,
  { axis, path, fallback }: (typeof axes)[number],
  written: Written,
): readonly Diagnostic[] {
  let node: Json | undefined = value
  for (const key of path) node = isObject(node) ? node[key] : undefined
  if (!isObject(node)) return []
  const name = node['provider'] ?? fallback
  const known = registry[axis].map((provider) => provider.name)
  if (typeof name !== 'string')
    return [error('blueprint/wrong-type', [...path, 'provider'], `provider is ${kindOf(name)}, not a string`)]
  if (!known.includes(name))
    return [
      error(
        'blueprint/unknown-provider',
        [...path, 'provider'],
        `there is no ${path.at(-1)} provider named ${name}`,
        suggestion(name, known),
      ),
    ]
  return check(`${axis}/${name}`, node, path, written)
}

function roleHint(word: string): string {
  return suggestion(word, Object.keys(roleSpellings))
}

/** Nobody reads more problems of one part, and finding their places takes long. */
const most = 100

function check(name: string, value: Json, base: Path, written: Written): readonly Diagnostic[] {
  const validate = validators[name]
  if (validate === undefined) throw new Error(`no validator ${name}: run npm run build`)
  if (validate(value)) return []
  const problems = (validate.errors ?? []).filter(
    (problem) => problem.keyword !== 'propertyNames' && problem.keyword !== 'if',
  )
  const told = problems.slice(0, most).map((problem) => translate(problem, value, base, written))
  const last = told.at(-1)
  if (problems.length <= most || last === undefined) return told
  return [
    ...told.slice(0, -1),
    { ...last, hint: `and ${problems.length - most} more problems: is this the right file?` },
  ]
}

function translate(problem: SchemaError, root: Json, base: Path, written: Written): Diagnostic {
  const local = problem.instancePath.split('/').slice(1).map(unescapePointer)
  const path: Path = [...base, ...indexed(local, root)]
  const name = path.length === 0 ? 'the blueprint' : display(path)
  const value = problem.data as Json
  switch (problem.keyword) {
    case 'additionalProperties': {
      const field = String(problem.params['additionalProperty'])
      const known = Object.keys((problem.parentSchema?.['properties'] as object | undefined) ?? {})
      return {
        ...error(
          'blueprint/unknown-field',
          [...path, field],
          `${name} has no field ${field}`,
          fieldHint(field, known),
        ),
        atKey: true,
      }
    }
    case 'required': {
      const field = String(problem.params['missingProperty'])
      return error('blueprint/missing-field', path, `${name} lacks ${field}`, example(problem, field))
    }
    case 'type':
      return error(
        'blueprint/wrong-type',
        path,
        `${name} is ${kindOf(value)}, not ${article(problem.params['type'])}`,
        quoteHint(problem, value, written(path)),
      )
    case 'enum':
    case 'const': {
      if (path.some((step) => step === 'role' || step === 'roles') && typeof value === 'string')
        return error('blueprint/unknown-role', path, `there is no role named ${value}`, roleHint(value))
      const allowed = (problem.params['allowedValues'] ?? [problem.params['allowedValue']]) as Json[]
      return error(
        'blueprint/unknown-value',
        path,
        `${name} cannot be ${show(value)}`,
        suggestion(String(value), allowed.map(String)),
      )
    }
    default:
      return badValue(problem, path, name, value)
  }
}

/** Misspelt, or right but in the wrong place. */
function fieldHint(field: string, known: readonly string[]): string {
  const near = didYouMean(field, known)
  if (near !== undefined) return `did you mean ${near}?`
  const places = placesOf(field)
  return places.length > 0 && places.length <= 4 ? `there is ${places.join(', ')}` : suggestion(field, known)
}

function badValue(problem: SchemaError, path: Path, name: string, value: Json): Diagnostic {
  const expected = problem.parentSchema?.['expect']
  const told = typeof expected === 'string' ? `expected ${expected}` : (problem.message ?? '')
  if (problem.propertyName !== undefined)
    return {
      ...error(
        'blueprint/bad-key',
        [...path, problem.propertyName],
        `${name} cannot have the key ${problem.propertyName}`,
        told,
      ),
      atKey: true,
    }
  return error('blueprint/bad-value', path, `${name} cannot be ${show(value)}`, told)
}

function example(problem: SchemaError, field: string): string | undefined {
  const properties = problem.parentSchema?.['properties'] as Record<string, JsonObject> | undefined
  const [sample] = (properties?.[field]?.['examples'] as Json[] | undefined) ?? []
  return sample === undefined || typeof sample === 'object'
    ? `add ${field}:`
    : `add ${field}: ${String(sample)}`
}

/** YAML reads 1.30 as the number 1.3, and `no` or dates as other types than were meant. */
function quoteHint(problem: SchemaError, value: Json, written = String(value)): string | undefined {
  return problem.params['type'] === 'string' && (typeof value === 'number' || typeof value === 'boolean')
    ? `put it in quotes: "${written}"`
    : undefined
}

function indexed(parts: readonly string[], root: Json): (string | number)[] {
  let node: Json | undefined = root
  return parts.map((part) => {
    const step = Array.isArray(node) ? Number(part) : part
    node = Array.isArray(node) ? node[Number(part)] : isObject(node) ? node[part] : undefined
    return step
  })
}

function unescapePointer(part: string): string {
  return part.replaceAll('~1', '/').replaceAll('~0', '~')
}

/** `nodes[0].name` */
export function display(path: Path): string {
  return path
    .map((step, index) => (typeof step === 'number' ? `[${step}]` : index === 0 ? step : `.${step}`))
    .join('')
}

function article(type: unknown): string {
  const words: Record<string, string> = {
    object: 'a mapping',
    array: 'a list',
    integer: 'a whole number',
    null: 'null',
  }
  if (Array.isArray(type)) return type.map(article).join(' or ')
  return words[String(type)] ?? `a ${String(type)}`
}

function kindOf(value: Json | undefined): string {
  if (value === null || value === undefined) return 'empty'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object') return 'a mapping'
  return typeof value === 'string' ? `the string ${show(value)}` : `the ${typeof value} ${String(value)}`
}

/** A value, short enough for one line of a message. */
export function show(value: Json | undefined): string {
  const written = JSON.stringify(value) ?? 'nothing'
  return written.length > 60 ? `${written.slice(0, 57)}…` : written
}
