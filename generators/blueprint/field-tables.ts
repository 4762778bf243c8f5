/** The blueprint's fields as Markdown, from the schema that checks them. */
import { isObject, type Json, type JsonObject } from '../model/json.ts'
import { variables } from '../plan/texts.ts'
import * as registry from '../registry.ts'
import { axes, root } from './assemble.ts'

/** One table for the base, one for each provider that has options of its own. */
export function fieldTables(): string {
  const axisPaths = new Set(axes.map(({ path }) => path.join('.')))
  const common = table(rows(root, '', axisPaths))
  const providers = axes.flatMap(({ axis, path, fallback }) =>
    registry[axis].map((provider) => {
      const prefix = path.join('.')
      const title = `### ${prefix}.provider: ${provider.name}${provider.name === fallback ? ' (default)' : ''}`
      const own = rows(
        { properties: provider.options, required: [...(provider.required ?? [])] },
        `${prefix}.`,
        new Set(),
      )
      return `${title}\n\n${provider.summary}\n${own.length === 0 ? '' : `\n${table(own)}`}`
    }),
  )
  return [`### All clusters\n\n${common}`, ...providers, variableTable()].join('\n')
}

function variableTable(): string {
  return [
    '### Variables of hooks and templates\n',
    'Mustache: `{{clusterName}}`, nothing escaped. What only a node knows (its name, its address) is in no template: ask the node (`hostname`).\n',
    '| variable | example | what it is |',
    '|---|---|---|',
    ...Object.entries(variables).map(
      ([name, { example, what }]) => `| \`${name}\` | \`${JSON.stringify(example)}\` | ${what} |`,
    ),
    '',
  ].join('\n')
}

interface Row {
  readonly field: string
  readonly type: string
  readonly preset: string
  readonly description: string
}

function rows(schema: JsonObject, prefix: string, axisPaths: ReadonlySet<string>): readonly Row[] {
  const required = new Set((schema['required'] ?? []) as readonly string[])
  return Object.entries((schema['properties'] ?? {}) as Readonly<Record<string, JsonObject>>).flatMap(
    ([name, field]) => {
      const path = `${prefix}${name}`
      const items = isObject(field['items']) ? field['items'] : undefined
      const below = isObject(field['properties'])
        ? rows(field, `${path}.`, axisPaths)
        : items && isObject(items['properties'])
          ? rows(items, `${path}[].`, axisPaths)
          : []
      const provider: readonly Row[] = axisPaths.has(path)
        ? [
            {
              field: `${path}.provider`,
              type: 'string',
              preset: axes.find((axis) => axis.path.join('.') === path)?.fallback ?? '',
              description: 'Which of the providers below.',
            },
          ]
        : []
      const row = {
        field: path,
        type: typeOf(field, items),
        preset: required.has(name) ? 'required' : preset(field),
        description: String(field['description'] ?? ''),
      }
      return [row, ...provider, ...below]
    },
  )
}

function typeOf(field: JsonObject, items: JsonObject | undefined): string {
  const allowed = field['enum'] as readonly Json[] | undefined
  if (allowed !== undefined) return allowed.map((value) => `\`${String(value)}\``).join(' ')
  if (field['type'] === 'array') return `list of ${String(items?.['type'] ?? 'any')}`
  return String(field['type'] ?? 'any')
}

function preset(field: JsonObject): string {
  const value = field['default']
  if (typeof field['otherwise'] === 'string') return field['otherwise']
  if (value === undefined || (typeof value === 'object' && value !== null && Object.keys(value).length === 0))
    return ''
  return `\`${typeof value === 'string' ? value : JSON.stringify(value)}\``
}

function table(entries: readonly Row[]): string {
  const cell = (text: string) => text.replaceAll('|', '\\|').replaceAll('\n', ' ')
  return [
    '| field | type | default | what it is |',
    '|---|---|---|---|',
    ...entries.map(
      ({ field, type, preset: value, description }) =>
        `| \`${field}\` | ${cell(type)} | ${cell(value)} | ${cell(description)} |`,
    ),
    '',
  ].join('\n')
}
