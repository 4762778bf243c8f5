/**
 * Whatever is done to a blueprint, it compiles to sound user-data or yields problems with their places: never an
 * exception, never a second of waiting. Texts that once failed are kept in `mutations/`.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parse, stringify } from 'yaml'
import { printReport } from '../generators/blueprint/report.ts'
import { reportGithub, reportJson } from '../generators/blueprint/report-formats.ts'
import { builtInBlueprint, builtInBlueprints } from '../generators/effects/assets.effect.ts'
import { explanations } from '../generators/explanations.ts'
import { hasErrors } from '../generators/model/diagnostic.ts'
import { compileText, filesOf, testSecrets, userDataOf } from './support/compiled.ts'
import { everything } from './support/everything.ts'
import { damage, damaged, mutate, mutation } from './support/mutations.ts'

const runs = process.env['CI'] ? 10_000 : 600
const secrets = await testSecrets('prod', true)
const decoder = new TextDecoder()
const originals = [
  ...builtInBlueprints().map((name) => decoder.decode(builtInBlueprint(name))),
  stringify(everything()),
]

/** How many cases ended how, so that neither end goes untested. */
const ended = { compiled: 0, refused: 0 }

/** Everything that has to hold of any text at all. */
function check(text: string): void {
  const began = process.cpuUsage()
  const compiled = compileText(text, secrets)
  const { source, diagnostics, groups } = compiled
  for (const { code, message, hint, path, position, atKey } of diagnostics) {
    expect(explanations).toHaveProperty([code])
    expect(`${message} ${hint}`).not.toContain('[object ')
    expect(message).not.toMatch(/\bundefined\b/)
    const { line, column, length } = position ?? source.locate(path, atKey)
    expect(line).toBeGreaterThanOrEqual(1)
    expect(line).toBeLessThanOrEqual(Math.max(1, source.lines.length))
    expect(column).toBeGreaterThanOrEqual(1)
    expect(column + length - 1).toBeLessThanOrEqual((source.lines[line - 1]?.length ?? 0) + 1)
  }
  const report = printReport(source, diagnostics, { color: false, width: 60 })
  expect(report.length).toBeLessThan(4000 * Math.max(1, diagnostics.length))
  JSON.parse(reportJson(source, diagnostics))
  expect(reportGithub(source, diagnostics).split('\n').length).toBe(diagnostics.length + 1)
  expect(groups === undefined).toBe(hasErrors(diagnostics))
  if (groups === undefined || compiled.plan === undefined) {
    ended.refused++
    return
  }
  ended.compiled++
  for (const group of groups) {
    const userData = userDataOf({ ...compiled, plan: compiled.plan, groups }, group)
    expect(userData).toMatch(/^#cloud-config\n[\s\S]*\n$/)
    const files = filesOf(userData)
    for (const { path, mode, content } of files)
      if (/PRIVATE KEY|^ *token: /m.test(content)) expect(`${path} ${mode}`).toMatch(/ 0600$/)
    if (group.role === 'worker')
      expect(userData).not.toContain(secrets.authorities.kubernetes.key.reveal().slice(40, 90))
  }
  // Of this process: another one may well have the core.
  const { user, system } = process.cpuUsage(began)
  expect((user + system) / 1000).toBeLessThan(1000)
}

test('everything and the examples are sound as they are', () => {
  for (const text of originals) {
    expect(compileText(text).diagnostics.filter(({ severity }) => severity === 'error')).toEqual([])
    check(text)
  }
})

const original = fc.nat(originals.length - 1)

test('a blueprint changed as data', { timeout: 600_000 }, () => {
  fc.assert(
    fc.property(
      original,
      fc.array(mutation, { minLength: 1, maxLength: 4, size: 'xsmall' }),
      (index, mutations) => {
        const document = parse(originals[index] ?? '')
        for (const each of mutations) mutate(document, each)
        check(stringify(document))
      },
    ),
    { numRuns: Math.ceil(runs * 0.6) },
  )
})

test('a blueprint changed as text', { timeout: 600_000 }, () => {
  fc.assert(
    fc.property(
      original,
      fc.array(damage, { minLength: 1, maxLength: 4, size: 'xsmall' }),
      (index, damages) => {
        check(damages.reduce(damaged, originals[index] ?? ''))
      },
    ),
    { numRuns: Math.ceil(runs * 0.4) },
  )
})

test('enough of both compiled and were refused', () => {
  expect(ended.compiled).toBeGreaterThan(runs / 50)
  expect(ended.refused).toBeGreaterThan(runs / 50)
})

const kept = join(import.meta.dirname, 'mutations')

test.each(readdirSync(kept))('%s, which failed once', (name) => check(readFileSync(join(kept, name), 'utf8')))
