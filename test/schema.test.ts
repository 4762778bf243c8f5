/** The schema that editors read: complete, true, and of one mind with the compiler. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Ajv } from 'ajv'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { axes, editorSchema, rootSchema, validatorSchemas } from '../generators/blueprint/assemble.ts'
import { builtInBlueprint, builtInBlueprints } from '../generators/effects/assets.effect.ts'
import { isObject, type Json, type JsonObject } from '../generators/model/json.ts'
import * as registry from '../generators/registry.ts'
import { everything } from './support/everything.ts'

const ajv = new Ajv({ allErrors: true, strict: false })
const validate = ajv.compile(editorSchema())

interface Field {
  readonly name: string
  readonly schema: JsonObject
  readonly required: boolean
}

/** Every field at every depth, those of lists' items too. */
function fields(schema: JsonObject, prefix: string): readonly Field[] {
  const required = (schema['required'] ?? []) as readonly string[]
  const own = Object.entries((schema['properties'] ?? {}) as Readonly<Record<string, JsonObject>>)
  return own.flatMap(([key, field]) => {
    const name = `${prefix}${key}`
    const items = field['items']
    return [
      { name, schema: field, required: required.includes(key) },
      ...fields(field, `${name}.`),
      ...(isObject(items) ? fields(items, `${name}[].`) : []),
    ]
  })
}

const all = Object.entries(validatorSchemas()).flatMap(([name, schema]) =>
  fields(schema, name === 'root' ? '' : `${name}: `),
)
const axisPaths = axes.map(({ path }) => path.join('.'))

describe('every field', () => {
  const own = all.filter(({ name }) => !axisPaths.includes(name))

  test('there are many', () => expect(own.length).toBeGreaterThan(150))

  test.each(own.map((field) => [field.name, field] as const))('%s', (_, { schema, required }) => {
    expect(schema['description']).toMatch(/^[^a-z]?.{3,}[.;]$/s)
    const isGroup = isObject(schema['properties'])
    // A value of its own, words for what holds otherwise, or the duty to say it.
    if (!isGroup) {
      expect(
        required ||
          'const' in schema ||
          schema['default'] !== undefined ||
          typeof schema['otherwise'] === 'string',
      ).toBe(true)
      expect(schema['examples']).not.toHaveLength(0)
      expect(Array.isArray(schema['examples'])).toBe(true)
    }
    const check = ajv.compile(schema)
    for (const value of [
      ...((schema['examples'] ?? []) as Json[]),
      ...(schema['default'] === undefined ? [] : [schema['default']]),
    ])
      expect(check(value), `${JSON.stringify(value)}: ${ajv.errorsText(check.errors)}`).toBe(true)
  })
})

describe('the editors’ schema', () => {
  test.each(builtInBlueprints())('accepts the example %s, which names it', (name) => {
    const text = new TextDecoder().decode(builtInBlueprint(name))
    expect(text.split('\n')[0]).toBe('# yaml-language-server: $schema=./schema.json')
    expect(validate(parse(text)), ajv.errorsText(validate.errors)).toBe(true)
  })

  test('accepts everything at once', () => {
    expect(validate(everything()), ajv.errorsText(validate.errors)).toBe(true)
  })

  test.each(
    axes.flatMap(({ axis, path }) => registry[axis].map(({ name }) => [path.join('.'), name, path] as const)),
  )('offers %s.provider: %s', (_, name, path) => {
    const place = path.reduce<JsonObject>(
      (node, key) => (node['properties'] as JsonObject)[key] as JsonObject,
      editorSchema(),
    )
    const choices = place['oneOf'] as readonly JsonObject[]
    const consts = choices.map(
      (choice) => ((choice['properties'] as JsonObject)['provider'] as JsonObject)['const'],
    )
    expect(consts).toContain(name)
  })

  test.each([
    'unknown-field',
    'wrong-type',
    'unknown-value',
    'bad-value',
    'bad-key',
    'unknown-provider',
    'unknown-role',
    'unknown-release',
  ])('refuses what the compiler calls blueprint/%s', (slug) => {
    const text = readFileSync(join(import.meta.dirname, 'diagnostics', `blueprint.${slug}.yaml`), 'utf8')
    expect(validate(parse(text))).toBe(false)
  })

  test('is the one in blueprints/', () => {
    expect(JSON.parse(readFileSync('blueprints/schema.json', 'utf8'))).toEqual(editorSchema())
  })

  test('has no reference and no keyword that an editor cannot follow', () => {
    expect(JSON.stringify(editorSchema())).not.toContain('"$ref"')
    expect(rootSchema()['$schema']).toBe('http://json-schema.org/draft-07/schema#')
  })
})
