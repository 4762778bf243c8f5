/** What builders share: how a setting of the blueprint becomes a variable of Packer's. */
import type { Json, JsonObject } from '../../model/json.ts'
import type { Base } from '../provider.ts'

/** `subnetId` → `subnet_id`, for the settings that are given; Packer has the defaults of the others. */
export function variablesOf(options: JsonObject, names: readonly string[]): JsonObject {
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = options[name]
      return value === undefined ? [] : [[snakeCase(name), value]]
    }),
  )
}

function snakeCase(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}

/** What is fetched: a cloud image, or an installer with the keys that start it. */
export function isoVariables(base: Base): JsonObject {
  if (base.kind !== 'cloud-image' && base.kind !== 'installer') throw new Error(`${base.kind} is no file`)
  return {
    iso_url: base.url,
    iso_checksum: base.checksum,
    boot_command: base.kind === 'installer' ? [...base.bootCommand] : [],
  }
}

/** A setting that has to be given. */
export function text(description: string, example: string): Json {
  return { description, type: 'string', minLength: 1, expect: 'a text', examples: [example] }
}

/** A setting that may be left out, and what holds then. */
export function optional(description: string, example: string, otherwise: string): Json {
  return { description, type: 'string', otherwise, examples: [example] }
}

export function choice(description: string, values: readonly string[], preset: string): Json {
  return { description, type: 'string', enum: [...values], default: preset, examples: [...values.slice(-1)] }
}

export function switchedOff(description: string): Json {
  return { description, type: 'boolean', default: false, examples: [true] }
}

/** The user of a machine or a template that is there. */
export const user: Json = {
  description: 'Who logs in: root, or somebody whom sudo asks no password.',
  type: 'string',
  default: 'root',
  examples: ['ubuntu'],
}
