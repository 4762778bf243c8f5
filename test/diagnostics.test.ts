/** One wrong blueprint for every code, and exactly what is printed of it. */
import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { printReport, summary } from '../generators/blueprint/report.ts'
import type { Io } from '../generators/cli/command.ts'
import { printProblems } from '../generators/cli/inputs.effect.ts'
import { type Compiled, compile, inOrder } from '../generators/compile.ts'
import { readSecretsFile } from '../generators/effects/secrets-file.effect.ts'
import { explanations } from '../generators/explanations.ts'
import type { Diagnostic } from '../generators/model/diagnostic.ts'
import type { ClusterSecrets } from '../generators/model/secrets.ts'
import { limitProblems } from '../generators/render/limits.ts'
import { serialiseSecrets } from '../generators/secrets/file.ts'
import { kubernetes } from './support/compiled.ts'
import { fixedNow, fixedSecrets, scratchFolder } from './support/secrets.ts'

type Code = Diagnostic['code']

const folder = join(import.meta.dirname, 'diagnostics')
const codes = Object.keys(explanations).sort() as Code[]
const fileOf = (code: Code, ending: string) => join(folder, `${code.replace('/', '.')}.${ending}`)

/** Codes that come up before there is a blueprint of the user's to speak of: the secrets file's own. */
const ofSecrets = codes.filter(
  (code) =>
    code.startsWith('secrets/') &&
    !['secrets/no-worker-certificate', 'secrets/ecdsa-service-account'].includes(code),
)

function bytesOf(code: Code): Uint8Array {
  // A megabyte of blanks is better made than kept.
  return code === 'blueprint/too-large'
    ? new Uint8Array(1024 * 1024 + 1).fill(32)
    : readFileSync(fileOf(code, 'yaml'))
}

async function compiled(blueprint: Uint8Array, secrets?: ClusterSecrets): Promise<Compiled> {
  const first = compile({ file: 'cluster.yaml', blueprint, kubernetes, ...(secrets ? { secrets } : {}) })
  if (first.plan === undefined || first.groups === undefined) return first
  const found = [...first.diagnostics, ...(await limitProblems(first.plan, first.groups))]
  return { ...first, diagnostics: inOrder(first.source, found) }
}

/** Sizes of our own files change with every change of them, and are not what is looked at here. */
function printed({ source, diagnostics }: Compiled): string {
  const text = `${printReport(source, diagnostics, { color: false })}\n${summary(diagnostics)}\n`
  return text.replace(/has \d+ bytes as|before encoding: .*?\)/g, (match) =>
    match.replaceAll(/\d+/g, 'N').replace(/: .*\)/, ': …)'),
  )
}

describe('every code has a wrong blueprint and its report', () => {
  test.each(codes.filter((code) => !ofSecrets.includes(code)))('%s', async (code) => {
    const needsSecrets = code.startsWith('secrets/')
    const result = await compiled(bytesOf(code), needsSecrets ? await fixedSecrets() : undefined)
    const own = result.diagnostics.filter((diagnostic) => diagnostic.code === code)
    expect(own.map(({ severity }) => severity)).toContain(explanations[code]?.severity)
    for (const { message, hint } of result.diagnostics) {
      expect(message).not.toMatch(/^[A-Z][a-z]+ [a-z]+ .*\.$|undefined|\[object|\n/)
      expect(hint ?? '').not.toMatch(/undefined|\[object|\n/)
    }
    await expect(printed(result)).toMatchFileSnapshot(fileOf(code, 'txt'))
  })

  test('no report and no blueprint is left over', () => {
    const expected = codes.flatMap((code) => [
      ...(ofSecrets.includes(code) || code === 'blueprint/too-large' ? [] : [basename(fileOf(code, 'yaml'))]),
      basename(fileOf(code, 'txt')),
    ])
    expect(readdirSync(folder).sort()).toEqual(expected.sort())
  })
})

describe('explanations', () => {
  test.each(codes)('%s: its example raises it', (code) => {
    const { example } = explanations[code] ?? {}
    if (example === undefined) return
    const lines = readFileSync(fileOf(code, 'yaml'), 'utf8').split('\n')
    for (const line of example.split('\n')) expect(lines, `in ${fileOf(code, 'yaml')}`).toContain(line)
  })

  test('are sentences, and name public pages', () => {
    for (const [code, { cause, fix, source }] of Object.entries(explanations)) {
      expect(cause, code).toMatch(/^[^\n]{20,300}\.$/)
      expect(fix, code).toMatch(/^[^\n]{10,200}\.$/)
      if (source !== undefined) expect(source, code).toMatch(/^https:\/\/[^\s]+$/)
    }
  })

  test('are there for every code in the sources, and for no other', () => {
    const sources = readdirSync(join(import.meta.dirname, '../generators'), {
      recursive: true,
      encoding: 'utf8',
    })
      .filter((name) => name.endsWith('.ts') && !name.endsWith('explanations.ts'))
      .map((name) => readFileSync(join(import.meta.dirname, '../generators', name), 'utf8'))
      .join('\n')
    const owners = new Set(codes.map((code) => code.split('/')[0]))
    // Not codes: commands of ours, and names of files that begin like an owner.
    const others = ['secrets/import']
    const found = [...sources.matchAll(/'([a-z0-9-]+)\/([a-z0-9-]+)'/g)]
      .filter(([, owner]) => owners.has(owner ?? ''))
      .map(([, owner, slug]) => `${owner}/${slug}`)
      .filter((code) => !others.includes(code))
    expect([...new Set(found)].sort()).toEqual(codes)
    expect(sources, 'a code that is put together cannot be found').not.toMatch(
      /`\$\{\w+\}\/[a-z-]+`,?\s*\n?\s*(path|\[)/,
    )
  })
})

describe('secrets files', async () => {
  const scratch = scratchFolder()
  const secrets = await fixedSecrets()
  const text = serialiseSecrets(secrets)
  const other = serialiseSecrets(await fixedSecrets('ecdsa-p256', 'other'))
  const years = (count: number) => new Date(fixedNow.getTime() + count * 365.25 * 24 * 3600 * 1000)

  const wrong: Readonly<Record<string, { content?: string | Uint8Array; mode?: number; now?: Date }>> = {
    'secrets/missing': {},
    'secrets/unreadable': { mode: 0 },
    'secrets/open-to-others': { content: text, mode: 0o644 },
    'secrets/not-utf8': { content: new Uint8Array([0xff, 0xfe, 0x41]) },
    'secrets/not-yaml': { content: text.replace('cluster: prod', 'cluster: "prod') },
    'secrets/not-secrets': { content: '- a list\n' },
    'secrets/unknown-field': { content: `${text}extra: 1\n` },
    'secrets/missing-field': { content: text.replace(/bootstrapToken: .*\n/, '') },
    'secrets/wrong-type': { content: text.replace(/bootstrapToken: .*/, 'bootstrapToken: 1.5') },
    'secrets/wrong-value': { content: text.replace(/bootstrapToken: .*/, 'bootstrapToken: ABC') },
    'secrets/damaged-pair': { content: text.replace(/MII.{20}/, 'MIIAAAAAAAAAAAAAAAAAAAA') },
    'secrets/other-cluster': { content: other },
    'secrets/expired': { content: text, now: years(11) },
    'secrets/expires-soon': { content: text, now: years(9.8) },
    'secrets/not-yet-valid': { content: text, now: years(-1) },
  }

  test('all are here', () => expect(Object.keys(wrong).sort()).toEqual(ofSecrets))

  test.each(Object.entries(wrong))('%s', async (code, { content, mode = 0o600, now = fixedNow }) => {
    const path = join(scratch, `${code.replace('/', '.')}.yaml`)
    // The tests may run as root, who can read everything but a folder.
    if (content !== undefined) writeFileSync(path, content)
    else if (mode === 0) mkdirSync(path)
    if (content !== undefined) chmodSync(path, mode)
    const { diagnostics } = await readSecretsFile(path, { cluster: 'prod', now })
    expect(diagnostics.map((diagnostic) => diagnostic.code)).toContain(code)
    const lines: string[] = []
    printProblems(diagnostics, { stderr: (line: string) => void lines.push(line) } as unknown as Io)
    const shown = lines.join('')
    expect(shown).not.toContain(secrets.bootstrapToken.reveal())
    await expect(shown.replaceAll(path, 'prod.secrets.yaml')).toMatchFileSnapshot(fileOf(code as Code, 'txt'))
  })
})
