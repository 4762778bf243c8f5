/** The blueprints that come with us: each is right, fits where it says it runs, and is explained. */
import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { compile } from '../generators/compile.ts'
import { builtInBlueprints, loadKubernetesTable } from '../generators/effects/assets.effect.ts'
import { limitProblems } from '../generators/render/limits.ts'
import { fileAt, parseUserData, userDataOf } from './support/compiled.ts'
import { fixedSecrets } from './support/secrets.ts'
import { run, withTools } from './support/tools.ts'

const guide = readFileSync('blueprints/README.md', 'utf8')
const kubernetes = loadKubernetesTable()

/** As PyYAML reads them, which is what cloud-init reads with. */
function readByPython(texts: readonly string[]): unknown {
  const script = 'import json,sys,yaml\nprint(json.dumps([yaml.safe_load(t) for t in json.load(sys.stdin)]))'
  return JSON.parse(run('python3', ['-c', script], JSON.stringify(texts)))
}

const read = new Map<string, readonly string[]>()

describe.each(builtInBlueprints())('%s', (name) => {
  const bytes = readFileSync(`blueprints/${name}.yaml`)
  const text = bytes.toString()

  test('compiles without an error or a warning, and its texts fit', async () => {
    const { name: cluster = 'kubernetes' } = parse(text) as { name?: string }
    const planned = compile({ file: name, blueprint: bytes, kubernetes })
    const ecdsa = planned.plan?.kubernetes.facts.supports.ecdsaServiceAccountKey ?? true
    const secrets = await fixedSecrets('ecdsa-p256', cluster, ecdsa)
    const compiled = compile({ file: name, blueprint: bytes, kubernetes, secrets })
    expect(compiled.diagnostics.filter(({ severity }) => severity !== 'info')).toEqual([])
    if (compiled.plan === undefined || compiled.groups === undefined) throw new Error('no groups')
    expect(await limitProblems(compiled.plan, compiled.groups)).toEqual([])
    const texts: string[] = []
    for (const group of compiled.groups) {
      const userData = userDataOf({ ...compiled, plan: compiled.plan, groups: compiled.groups }, group)
      texts.push(userData)
      expect(fileAt(userData, '/etc/leaven/kubeadm/join.yaml')).toContain('JoinConfiguration')
    }
    read.set(name, texts)
  })

  test('can be completed by an editor, and says at its top what it is', () => {
    expect(text).toMatch(/^# yaml-language-server: \$schema=\.\/schema\.json\n# [A-Z].*\.\n/)
  })

  test('is explained in a paragraph of the guide', () => {
    const paragraph = guide.split('\n').find((line) => line.startsWith(`**[${name}](${name}.yaml)**`))
    expect(paragraph?.length).toBeGreaterThan(150)
  })
})

test('the guide explains no example that is not there', () => {
  const explained = [...guide.matchAll(/^\*\*\[([^\]]+)\]\(([^)]+)\)\*\*/gm)].map(([, , file]) => file)
  expect(explained.sort()).toEqual(
    readdirSync('blueprints')
      .filter((file) => file.endsWith('.yaml'))
      .sort(),
  )
})

withTools('python3')('PyYAML reads what we read', () => {
  expect(read.size).toBe(builtInBlueprints().length)
  for (const texts of read.values()) expect(readByPython(texts)).toEqual(texts.map(parseUserData))
})
