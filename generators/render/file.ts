/** What a file holds → its text. */
import { stringify as toToml } from 'smol-toml'
import type { Body, SecretJson } from '../model/contribution.ts'
import type { Json } from '../model/json.ts'
import { Secret } from '../model/secret.ts'
import { type Asset, assets } from './assets.gen.js'
import { quote } from './format/shell.ts'
import { renderTemplate } from './format/template.ts'
import { toYaml } from './format/yaml.ts'

export function renderBody(body: Body): string {
  switch (body.kind) {
    case 'yaml':
      return toYaml(body.documents)
    case 'secret-yaml':
      return toYaml(body.documents.map(reveal))
    case 'json':
      return `${JSON.stringify(body.value, null, 2)}\n`
    case 'toml':
      return `${toToml(body.value).trimEnd()}\n`
    case 'lines':
      return body.lines.map((line) => `${line}\n`).join('')
    case 'env':
      return Object.entries(body.values)
        .map(([name, value]) => `${name}=${quote(value)}\n`)
        .join('')
    case 'template':
      return renderTemplate(body.name, body.view)
    case 'text':
      return body.text
    case 'secret':
      return body.text.reveal()
    case 'asset':
      return asset(body.name).text
  }
}

/** Whether a file may be read by its owner only. */
export function isSecret(body: Body): boolean {
  return body.kind === 'secret' || (body.kind === 'secret-yaml' && body.documents.some(holdsSecret))
}

/** A program of ours, as it is shipped. */
export function asset(name: string): Asset {
  const found = assets[name]
  if (found === undefined) throw new Error(`no asset ${name}: run npm run build`)
  return found
}

function reveal(value: SecretJson): Json {
  if (value instanceof Secret) return value.reveal()
  if (Array.isArray(value)) return value.map(reveal)
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, reveal(entry as SecretJson)]))
  return value as Json
}

function holdsSecret(value: SecretJson): boolean {
  if (value instanceof Secret) return true
  return (
    typeof value === 'object' &&
    value !== null &&
    Object.values(value).some((entry) => holdsSecret(entry as SecretJson))
  )
}
