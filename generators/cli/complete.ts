/** Candidates for the word that is being typed, for the scripts of `gen completion`. */
import { builtInBlueprints, loadKubernetesTable } from '../effects/assets.effect.ts'
import { explanations } from '../explanations.ts'
import { knownMinors } from '../facts/facts.ts'
import { roleSpellings } from '../model/role.ts'
import { type Command, helpOption, type Io, type OptionSpec } from './command.ts'
import { groups } from './commands.ts'
import { checkQuietly } from './inputs.effect.ts'

type Candidates = readonly (readonly [word: string, what: string])[]

/** @param words what follows `gen`; the last one is unfinished */
export async function complete(words: readonly string[], io: Io): Promise<string> {
  const current = words.at(-1) ?? ''
  const found = await candidates(words.slice(0, -1), current, io)
  return found
    .filter(([word]) => word.startsWith(':') || word.startsWith(current))
    .map(([word, what]) => `${word}${what === '' ? '' : `\t${what}`}\n`)
    .join('')
}

async function candidates(before: readonly string[], current: string, io: Io): Promise<Candidates> {
  const entries = groups.flatMap(({ commands }) => commands)
  const [name, ...rest] = before
  if (name === undefined) return entries.map((entry) => [entry.name, entry.summary])
  if (name === 'help') return rest.length === 0 ? entries.map((entry) => [entry.name, entry.summary]) : []
  const entry = entries.find((candidate) => candidate.name === name)
  if (entry === undefined) return []
  const { command, words } = descend(await entry.load(), rest)
  const options = { ...command.options, help: helpOption }
  const [, given] = /^(--[a-z-]+)=/.exec(current) ?? []
  const open = given === undefined ? optionOf(words.at(-1), options) : undefined
  if (open?.[1].type === 'string') return values(open[0], open[1], before, io)
  if (current.startsWith('-'))
    return Object.entries(options).map(([option, { description }]) => [`--${option}`, description])
  if (command.subcommands !== undefined)
    return command.subcommands.map((below) => [below.name, below.summary])
  if (command.name === 'explain') return codes()
  return positionals(command.name, words.filter((word) => !word.startsWith('-')).length)
}

function descend(command: Command, words: readonly string[]): { command: Command; words: readonly string[] } {
  const below = command.subcommands?.find(({ name }) => name === words[0])
  return below === undefined ? { command, words } : descend(below, words.slice(1))
}

function optionOf(
  word: string | undefined,
  options: Readonly<Record<string, OptionSpec>>,
): readonly [string, OptionSpec] | undefined {
  return Object.entries(options).find(
    ([name, { short }]) => word === `--${name}` || (short && word === `-${short}`),
  )
}

/** By the option's name where values come from somewhere, else by how its value is described. */
async function values(
  name: string,
  { value = '', description }: OptionSpec,
  before: readonly string[],
  io: Io,
): Promise<Candidates> {
  switch (name) {
    case 'role':
      return Object.keys(roleSpellings).map((word) => [word, ''])
    case 'node':
    case 'pool':
      return inReach(name, before, io)
    case 'target':
    case 'cloud':
      return (await import('../registry.ts')).cloud.map((entry) => [entry.name, entry.summary])
    case 'os':
      return (await import('../registry.ts')).os.map((entry) => [entry.name, entry.summary])
    case 'kubernetes':
      return versions()
    case 'blueprint':
      return [...builtIn(), [':file', '']]
  }
  if (value.includes('DIR')) return [[':folder', '']]
  if (value.includes('FILE')) return [[':file', '']]
  return /^[a-z0-9+-]+(\|[a-z0-9+-]+)+$/.test(value)
    ? value.split('|').map((word) => [word, description])
    : []
}

/** Names in the blueprint that the command line names, or would take by itself. */
async function inReach(kind: 'node' | 'pool', before: readonly string[], io: Io): Promise<Candidates> {
  const at = before.findIndex((word) => word === '--blueprint' || word === '-b')
  const named = before[at + 1]
  const checked = await checkQuietly(
    at < 0 || named === undefined || named === '-' ? {} : { blueprint: named },
    io,
  )
  if (kind === 'pool') return (checked.blueprint?.pools ?? []).map(({ name }) => [name, 'pool'])
  return (checked.blueprint?.nodes ?? []).map(({ name, role, address = '' }) => [
    name,
    `${role} ${address}`.trim(),
  ])
}

function positionals(command: string, earlier: number): Candidates {
  if (command === 'diff') return [...builtIn(), [':file', '']]
  if (earlier > 0) return []
  switch (command) {
    case 'example':
      return builtIn()
    case 'explain':
      return Object.entries(explanations).map(([code, { severity }]) => [code, severity])
    case 'facts':
      return versions()
    case 'completion':
      return ['bash', 'zsh', 'fish'].map((shell) => [shell, ''])
    case 'init':
      return [[':file', '']]
    default:
      return []
  }
}

async function codes(): Promise<Candidates> {
  const { explanations } = await import('../explanations.ts')
  return Object.entries(explanations).map(([code, { severity }]) => [code, severity])
}

function builtIn(): Candidates {
  return builtInBlueprints().map((name) => [name, 'built-in blueprint'])
}

function versions(): Candidates {
  return knownMinors(loadKubernetesTable())
    .toReversed()
    .map((minor) => [minor, ''])
}
