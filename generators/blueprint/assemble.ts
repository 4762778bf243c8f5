/** Base schema + every provider's options → the schemas that check a blueprint, and the one that editors read. */
import type { Json, JsonObject } from '../model/json.ts'
import { isObject } from '../model/json.ts'
import type { Axis, OsProvider, Provider } from '../providers/provider.ts'
import * as registry from '../registry.ts'
import base from './v1/base.schema.json' with { type: 'json' }

/** Where in a blueprint an axis is chosen, and who is taken when the user names nobody. */
export const axes: readonly {
  /** Machine images have any number of builders: those are `bake.builders`. */
  readonly axis: Exclude<Axis, 'builder'>
  readonly path: readonly string[]
  readonly fallback: string
}[] = [
  { axis: 'endpoint', path: ['endpoint'], fallback: 'kube-vip' },
  { axis: 'cni', path: ['network', 'cni'], fallback: 'calico' },
  { axis: 'os', path: ['os'], fallback: 'ubuntu' },
  { axis: 'runtime', path: ['runtime'], fallback: 'containerd' },
  { axis: 'cloud', path: ['cloud'], fallback: 'nocloud' },
]

/** The blueprint's schema; each builder's settings are that builder's own. */
export const root: JsonObject = replaceAt(base as unknown as JsonObject, ['bake', 'builders'], {
  ...at(base as unknown as JsonObject, ['bake', 'builders']),
  properties: Object.fromEntries(
    registry.builder.map(({ name, summary, options, required }) => [
      name,
      {
        description: summary,
        type: 'object',
        properties: options,
        ...(required?.length ? { required: [...required] } : {}),
        additionalProperties: false,
      },
    ]),
  ),
})

function at(schema: JsonObject, path: readonly string[]): JsonObject {
  return path.reduce<JsonObject>((node, key) => (node['properties'] as JsonObject)[key] as JsonObject, schema)
}

function replaceAt(schema: JsonObject, path: readonly string[], value: Json): JsonObject {
  const [key, ...rest] = path
  if (key === undefined) return value as JsonObject
  const properties = schema['properties'] as JsonObject
  return {
    ...schema,
    properties: { ...properties, [key]: replaceAt(properties[key] as JsonObject, rest, value) },
  }
}

/** Everything outside the axes; they are only checked to be mappings here, and by `axisSchema` after. */
export function rootSchema(): JsonObject {
  return axes.reduce((schema, { path }) => replaceAt(schema, path, { type: 'object' }), root)
}

/** One axis when one provider is chosen: the common fields and the provider's own. */
export function axisSchema(axis: Axis, provider: Provider): JsonObject {
  const place = axes.find((entry) => entry.axis === axis)
  const common = place === undefined ? {} : (at(root, place.path)['properties'] as JsonObject)
  return {
    type: 'object',
    properties: {
      provider: {
        description: provider.summary,
        type: 'string',
        const: provider.name,
        ...(provider.name === place?.fallback ? { default: provider.name } : {}),
        examples: [provider.name],
      },
      ...common,
      ...provider.options,
    },
    ...(provider.required?.length ? { required: [...provider.required] } : {}),
    additionalProperties: false,
  }
}

/** Where a blueprint has a field of this name: `kubernetes.version`, `endpoint.lease with kube-vip`. */
export function placesOf(field: string): readonly string[] {
  const own = axes.flatMap(({ axis, path }) =>
    registry[axis]
      .filter(({ options }) => Object.hasOwn(options, field))
      .map(({ name }) => `${[...path, field].join('.')} with ${name}`),
  )
  return [...pathsIn(root, '', field), ...own]
}

function pathsIn(schema: JsonObject, prefix: string, field: string): readonly string[] {
  return Object.entries((schema['properties'] ?? {}) as Readonly<Record<string, JsonObject>>).flatMap(
    ([key, below]) => [
      ...(key === field ? [`${prefix}${key}`] : []),
      ...pathsIn(below, `${prefix}${key}.`, field),
      ...(isObject(below['items']) ? pathsIn(below['items'], `${prefix}${key}[].`, field) : []),
    ],
  )
}

/** Every validator's name and schema: `root`, and `<axis>/<provider>`. */
export function validatorSchemas(): Readonly<Record<string, JsonObject>> {
  const schemas: Record<string, JsonObject> = { root: rootSchema() }
  for (const { axis } of axes)
    for (const provider of registry[axis]) schemas[`${axis}/${provider.name}`] = axisSchema(axis, provider)
  return schemas
}

/** Editors offer the releases that we know; the compiler has a sentence of its own for others. */
function withReleases(schema: JsonObject, provider: Provider): JsonObject {
  if (!('releases' in provider)) return schema
  const { releases, defaultRelease } = provider as OsProvider
  const known = { enum: Object.keys(releases), default: defaultRelease, examples: [defaultRelease] }
  const release = (schema['properties'] as JsonObject)['release'] as JsonObject
  return replaceAt(schema, ['release'], { ...release, ...known })
}

/** The schema for editors: one document, each axis a choice by its `provider`. */
export function editorSchema(): JsonObject {
  return axes.reduce((schema, { axis, path, fallback }) => {
    const place = at(root, path)
    const choices = registry[axis].map((provider) => {
      const own = withReleases(axisSchema(axis, provider), provider)
      const isDefault = provider.name === fallback
      return {
        title: provider.name,
        description: provider.summary,
        ...own,
        required: [
          ...(isDefault ? [] : ['provider']),
          ...(isObject(own) && Array.isArray(own['required']) ? (own['required'] as string[]) : []),
        ],
      }
    })
    return replaceAt(schema, path, {
      description: place['description'] ?? '',
      type: 'object',
      oneOf: choices,
    })
  }, root)
}
