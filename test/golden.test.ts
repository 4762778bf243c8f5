/** Goldens by axes, and what must hold of every text that the compiler makes. */
import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { afterAll, describe, expect, test } from 'vitest'
import { asset } from '../generators/render/file.ts'
import { planJson } from '../generators/render/plan.ts'
import { encode, renderUserData } from '../generators/render/user-data.ts'
import { type Axes, blueprintOf, caseName, pairwise, values } from './support/axes.ts'
import {
  compileText,
  compileWithSecrets,
  filesOf,
  parseUserData,
  tableOf,
  testSecrets,
  userDataOf,
} from './support/compiled.ts'
import { run, withTools } from './support/tools.ts'

const isPossible = (axes: Axes): boolean =>
  compileText(JSON.stringify(blueprintOf(axes))).groups !== undefined
const cases = pairwise(isPossible)

/** The fewest of the pairwise cases that show every value once: few enough to be read in a diff. */
const shown = (() => {
  const open = new Set(
    Object.entries(values).flatMap(([axis, list]) => list.map((value) => `${axis}=${value}`)),
  )
  const fresh = (axes: Axes) => Object.entries(axes).filter(([axis, value]) => open.has(`${axis}=${value}`))
  const chosen: Axes[] = []
  while (open.size > 0) {
    const best = cases.reduce((one, other) => (fresh(other).length > fresh(one).length ? other : one))
    for (const [axis, value] of fresh(best)) open.delete(`${axis}=${value}`)
    chosen.push(best)
  }
  return chosen
})()

const texts = new Map<string, string>()
for (const axes of cases) {
  const compiled = await compileWithSecrets(blueprintOf(axes))
  for (const group of compiled.groups)
    texts.set(`${caseName(axes)}/${group.name}`, userDataOf(compiled, group))
}
const shownTexts = [...texts].filter(([name]) => shown.some((axes) => name.startsWith(`${caseName(axes)}/`)))

const scratch = mkdtempSync(join(tmpdir(), 'leaven-golden-'))
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

/** Files one after the other, keys as digests and our program by name: what a reviewer wants to see. */
function readable(text: string): string {
  const { write_files: _, ...rest } = parseUserData(text)
  const parts = filesOf(text).map(
    ({ path, mode, content }) =>
      `=== ${path} ${mode}\n${path.startsWith('/usr/local/') ? '(boot/)\n' : content}`,
  )
  return `${JSON.stringify(rest, null, 2)}\n${parts.join('')}`.replaceAll(
    /-----BEGIN ([A-Z ]+)-----[^-]+-----END [A-Z ]+-----|(client-key-data|certificate-data|client-certificate-data|certificate-authority-data|token): \S+/g,
    (whole, kind: string | undefined, field: string | undefined) => {
      const digest = createHash('sha256').update(whole).digest('hex').slice(0, 12)
      return kind === undefined ? `${field}: (${digest})` : `(${kind} ${digest})`
    },
  )
}

describe('goldens', () => {
  test.each(shownTexts)('%s', async (name, text) => {
    await expect(readable(text)).toMatchFileSnapshot(`golden/userdata/${name.replace('/', '_')}.txt`)
  })

  test('no golden is left over', () => {
    const expected = shownTexts.map(([name]) => `${name.replace('/', '_')}.txt`).sort()
    expect(readdirSync(join(import.meta.dirname, 'golden/userdata')).sort()).toEqual(expected)
  })

  test('every value of every axis can be had', () => {
    for (const [axis, list] of Object.entries(values))
      for (const value of list)
        expect(
          cases.some((entry) => entry[axis as keyof Axes] === value),
          `${axis} ${value}`,
        ).toBe(true)
  })
})

describe('the same inputs give the same bytes', () => {
  test.each(shown.map((axes) => [caseName(axes), axes] as const))('%s', async (_, axes) => {
    const blueprint = blueprintOf(axes)
    const bytes = async (text: string) => {
      const compiled = await compileWithSecrets(text)
      return compiled.groups.map((group) => userDataOf(compiled, group))
    }
    const reference = await bytes(JSON.stringify(blueprint))
    expect(await bytes(JSON.stringify(blueprint))).toEqual(reference)
    expect(await bytes(JSON.stringify(shuffled(blueprint)))).toEqual(reference)
    expect(await bytes(JSON.stringify(blueprint, null, 2).replaceAll('\n', '\r\n'))).toEqual(reference)
  })

  function shuffled(value: unknown): unknown {
    if (Array.isArray(value)) return value.map(shuffled)
    if (typeof value !== 'object' || value === null) return value
    return Object.fromEntries(
      Object.entries(value)
        .reverse()
        .map(([key, entry]) => [key, shuffled(entry)]),
    )
  }
})

describe('every text', () => {
  withTools('python3')('reads back identically under PyYAML, which is what cloud-init reads with', () => {
    const script =
      'import json,sys,yaml\nprint(json.dumps([yaml.safe_load(t) for t in json.load(sys.stdin)]))'
    const read = JSON.parse(run('python3', ['-c', script], JSON.stringify([...texts.values()]))) as unknown[]
    ;[...texts.values()].forEach((text, index) => {
      expect(read[index]).toEqual(parseUserData(text))
    })
    const documents = [...texts.values()].flatMap((text) =>
      filesOf(text).filter(({ path }) => path.endsWith('.yaml')),
    )
    const all = JSON.parse(
      run(
        'python3',
        [
          '-c',
          'import json,sys,yaml\nprint(json.dumps([len(list(yaml.safe_load_all(t))) for t in json.load(sys.stdin)]))',
        ],
        JSON.stringify(documents.map(({ content }) => content)),
      ),
    ) as number[]
    expect(all.every((count) => count > 0)).toBe(true)
  })

  withTools('cloud-init').each(shownTexts)("%s passes Debian's cloud-init schema", (name, text) => {
    const file = join(scratch, `${name.replace('/', '_')}.yaml`)
    writeFileSync(file, text)
    expect(run('cloud-init', ['schema', '--config-file', file])).toContain('Valid')
  })

  test('starts as cloud-config and ends with a newline', () => {
    for (const text of texts.values()) expect(text).toMatch(/^#cloud-config\n[\s\S]*\n$/)
  })

  test('keeps lines short enough for a console', () => {
    for (const [name, text] of texts)
      expect(Math.max(...text.split('\n').map((line) => line.length)), name).toBeLessThan(4096)
  })

  test('lays every secret down for root alone, and gives a worker no CA key', async () => {
    for (const [name, text] of texts) {
      const files = filesOf(text)
      for (const { path, mode, content } of files)
        if (/PRIVATE KEY|client-key-data|^ *token: /m.test(content))
          expect(`${name} ${path} ${mode}`).toMatch(/ 0600$/)
      if (!name.endsWith('/control-plane')) {
        expect(
          files.filter(({ content }) => content.includes('PRIVATE KEY')),
          name,
        ).toEqual([])
        expect(
          files.filter(({ content }) => content.includes('client-key-data')),
          name,
        ).toEqual([])
      }
    }
  })

  test('lays no file down twice', () => {
    for (const [name, text] of texts) {
      const paths = filesOf(text).map(({ path }) => path)
      expect(new Set(paths).size, name).toBe(paths.length)
    }
  })

  test('fills only what is declared, and leaves no placeholder that nobody fills', () => {
    for (const [name, text] of texts) {
      const files = filesOf(text)
      const sources = tableOf(text, 'fill').map((row) => row[1] ?? '')
      for (const source of sources) {
        const pattern = new RegExp(`^${source.replaceAll('.', '\\.').replace('@NODE_NAME@', '[^/]+')}$`)
        expect(
          files.some(({ path }) => pattern.test(path)),
          `${name} ${source}`,
        ).toBe(true)
      }
      const filled = (path: string) =>
        path.startsWith('/etc/leaven/kubeadm/') ||
        sources.some((source) =>
          new RegExp(`^${source.replaceAll('.', '\\.').replace('@NODE_NAME@', '[^/]+')}$`).test(path),
        )
      for (const { path, content } of files)
        if (!filled(path) && path !== '/usr/local/sbin/leaven' && path !== '/etc/leaven/tables')
          expect(
            content.match(/@(NODE_NAME|NODE_IPS?|NODE_INTERFACE|NODE_PREFIX|POD_CIDR2?)@/),
            `${name} ${path}`,
          ).toBeNull()
    }
  })
})

describe('first boot as it is shipped', () => {
  const programs = ['leaven', 'control-plane', 'imds'].map(
    (name) => [name, asset(`boot/${name}`).text] as const,
  )

  withTools('shellcheck')('passes shellcheck and bash -n, as source and as shipped', () => {
    for (const [name, shipped] of programs) {
      const file = join(scratch, name)
      writeFileSync(file, shipped)
      run('bash', ['-n', file])
      run('shellcheck', [`boot/${name}`])
    }
  })

  withTools('shellcheck')('and so does every other script in the texts', () => {
    const scripts = new Map(
      [...texts.values()]
        .flatMap(filesOf)
        .filter(({ path, content }) => content.startsWith('#!') && path !== '/usr/local/sbin/leaven')
        .map(({ content }) => [content, true]),
    )
    for (const content of scripts.keys()) {
      const file = join(scratch, 'script')
      writeFileSync(file, content)
      run('shellcheck', [file])
    }
  })

  test('what is shipped lacks comments, indentation and nothing else', () => {
    for (const [name, shipped] of programs) {
      const source = readFileSync(`boot/${name}`, 'utf8').split('\n')
      const code = source.filter(
        (line, index) => line !== '' && (line.startsWith('#!') ? index === 0 : !/^\s*#/.test(line)),
      )
      expect(shipped.trimEnd().split('\n')).toEqual(
        code.map((line) => line.trimStart().replace(/^(\w+\(\) \{) # .*/, '$1')),
      )
      expect(gunzipSync(Buffer.from(asset(`boot/${name}`).gzip, 'base64')).toString()).toBe(shipped)
    }
  })
})

describe('sizes', () => {
  const blueprint = {
    name: 'prod',
    kubernetes: { version: '1.31.4' },
    endpoint: { address: '172.31.253.60' },
    nodes: [
      ...[1, 2, 3].map((n) => ({ name: `m${n}`, role: 'master', address: `172.31.253.6${n}` })),
      { name: 'w1', role: 'worker', address: '172.31.253.71' },
    ],
  }

  test("a master with its whole PKI fits AWS's 16,384 bytes gzipped, and a worker as plain text", async () => {
    const compiled = await compileWithSecrets(blueprint)
    const size = async (name: string, encoding: 'gzip' | 'plain') => {
      const group = compiled.groups.find((entry) => entry.name === name)
      if (group === undefined) throw new Error(name)
      return (await encode(renderUserData(group, 'prod', encoding).text, encoding)).length
    }
    expect(await size('control-plane', 'gzip')).toBeLessThanOrEqual(16_384)
    expect(await size('workers', 'plain')).toBeLessThanOrEqual(16_384)
  })
})

test('nothing secret is in the plan', async () => {
  const compiled = await compileWithSecrets(blueprintOf(shown[0] as Axes))
  const secrets = await testSecrets('prod', true)
  const printed = JSON.stringify(compiled.plan) + JSON.stringify(compiled.groups)
  for (const secret of [
    secrets.bootstrapToken,
    secrets.encryptionKey,
    secrets.authorities.kubernetes.key,
    secrets.clients.controlPlane.key,
  ])
    expect(printed).not.toContain(secret.reveal().trim())
  expect(printed).not.toContain('PRIVATE KEY')
})

test('nor is what the schema says nobody should read back', async () => {
  const blueprint = blueprintOf({
    ...(shown[0] as Axes),
    endpoint: 'kube-vip-bgp',
    kubernetes: '1.31.4',
    cloud: 'metal',
  })
  const text = JSON.stringify(blueprint).replace('"as":65001', '"as":65001,"password":"MARKER"')
  expect(text).toContain('MARKER')
  const compiled = await compileWithSecrets(text)
  expect(planJson(compiled)).not.toContain('MARKER')
  const [master] = compiled.groups
  if (master === undefined) throw new Error('no group')
  expect(userDataOf(compiled, master)).toContain('MARKER')
})
