/** What gen says of itself, command by command. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Command } from '../generators/cli/command.ts'
import { groups } from '../generators/cli/commands.ts'
import { commandHelp, mainHelp } from '../generators/cli/help.ts'

const folder = join(import.meta.dirname, 'golden/help')
const entries = groups.flatMap(({ commands }) => commands)
const loaded = await Promise.all(entries.map(async (entry) => ({ entry, command: await entry.load() })))

function all(command: Command, path: string): readonly (readonly [string, Command])[] {
  return [
    [path, command],
    ...(command.subcommands ?? []).flatMap((below) => all(below, `${path} ${below.name}`)),
  ]
}

const commands = loaded.flatMap(({ entry, command }) => all(command, entry.name))
const fileOf = (path: string) => `${path.replaceAll(' ', '-')}.txt`

describe('help texts', () => {
  test('gen', async () => {
    await expect(mainHelp(groups)).toMatchFileSnapshot(join(folder, 'gen.txt'))
  })

  test.each(commands)('gen %s', async (path, command) => {
    const text = commandHelp(command, path)
    await expect(text).toMatchFileSnapshot(join(folder, fileOf(path)))
    // A usage line or an example is copied whole; everything else is broken between words.
    for (const line of text.split('\n'))
      expect(line.length, line).toBeLessThanOrEqual(/^(usage: | {2}gen )/.test(line) ? 150 : 101)
  })

  test('no text of a command that is gone is left', () => {
    const expected = ['gen.txt', ...commands.map(([path]) => fileOf(path))]
    for (const name of readdirSync(folder)) expect(expected).toContain(name)
  })
})

test('the list of commands tells of each what the command tells of itself', () => {
  for (const { entry, command } of loaded)
    expect(command).toMatchObject({ name: entry.name, summary: entry.summary })
})

test.each(commands)('gen %s: options are described, and arguments are in the usage line', (_, command) => {
  for (const [name, option] of Object.entries(command.options)) {
    expect(option.description, name).toMatch(/^\S.*[^.]$/)
    if (option.type === 'string') expect(option.value, name).toBeDefined()
  }
  if ((command.positionals ?? 0) > 0) expect(command.usage).not.toBe('')
})
