/** What `gen validate` prints and returns as a process: on terminals of several kinds, and into pipes. */
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import stringWidth from 'string-width'
import { afterAll, describe, expect, test } from 'vitest'
import { explanations } from '../generators/explanations.ts'
import { asProcess, inTerminal } from './support/terminal.ts'

const folder = mkdtempSync(join(tmpdir(), 'leaven-report-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const wrong = `kubernetes:
  version: 1.30
endpoint:
  adress: 172.31.253.60 # 集群的地址
nodes:
  - { name: m1, role: mastr, address: 172.31.253.61 }
`
const careful = `kubernetes:
  version: 1.31.4
endpoint:
  address: 172.31.253.60
os: { release: "20.04" }
nodes:
  - { name: m1, role: master, address: 172.31.253.61 }
`
writeFileSync(join(folder, 'wrong.yaml'), wrong)
writeFileSync(join(folder, 'careful.yaml'), careful)
const validate = (file: string, ...more: string[]) => ['validate', '-b', `${file}.yaml`, ...more]

describe('on a terminal', () => {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: colours are control sequences
  const colors = /\u001b\[3[136]m/

  test.each<readonly [title: string, args: readonly string[], env: Record<string, string>, colored: boolean]>(
    [
      ['colours', [], {}, true],
      ['none with NO_COLOR', [], { NO_COLOR: '1' }, false],
      ['an empty NO_COLOR is none', [], { NO_COLOR: '' }, true],
      ['none on a dumb terminal', [], { TERM: 'dumb' }, false],
      ['none with --color never', ['--color', 'never'], {}, false],
      ['--color always beats NO_COLOR', ['--color=always'], { NO_COLOR: '1' }, true],
    ],
  )('%s', (_, args, env, colored) => {
    const { code, raw, screen } = inTerminal(folder, validate('wrong', ...args), [], 100, env)
    expect(code).toBe(1)
    expect(colors.test(raw)).toBe(colored)
    if (!colored) expect(raw.replaceAll('\r\n', '\n')).toBe(screen)
    expect(screen).toContain('did you mean address?')
    expect(screen).toContain('put it in quotes: "1.30"')
    expect(screen).toContain('\n3 errors\n')
  })

  test.each([34, 48, 80, 132])('of %d columns', (columns) => {
    const { screen } = inTerminal(folder, validate('wrong'), [], columns)
    for (const line of screen.split('\n')) expect(stringWidth(line), line).toBeLessThanOrEqual(columns)
    const carets = screen.split('\n').filter((line) => /^ +\| +\^+$/.test(line))
    expect(carets).toHaveLength(3)
  })
})

describe('into a pipe', () => {
  test('plain text on standard error, nothing on standard output', () => {
    const { code, out, err } = asProcess(folder, validate('wrong'))
    expect([code, out]).toEqual([1, ''])
    expect(err).toMatch(
      /^wrong\.yaml:1:1: error: nodes|^wrong\.yaml:2:12: error: kubernetes\.version is the number 1\.3/,
    )
    expect(err).not.toContain('\u001b')
    expect(asProcess(folder, validate('wrong', '--color', 'always')).err).toContain('\u001b[31m')
  })

  test('JSON, annotations and SARIF on standard output', () => {
    const json = asProcess(folder, validate('wrong', '--format', 'json'))
    expect(json.code).toBe(1)
    expect(JSON.parse(json.out)).toHaveLength(3)
    const github = asProcess(folder, validate('wrong', '--format', 'github'))
    expect(
      github.out.match(/^::error file=wrong\.yaml,line=\d+,col=\d+,endColumn=\d+,title=[a-z/-]+::.+$/gm),
    ).toHaveLength(3)
    const sarif = asProcess(folder, validate('careful', '--format', 'sarif'))
    expect(sarif.code).toBe(0)
    expect(JSON.parse(sarif.out).runs[0].results[0]).toMatchObject({
      ruleId: 'os/updates-ended',
      level: 'warning',
    })
    expect(JSON.parse(asProcess(folder, ['validate', '-b', 'ha-kube-vip', '--format', 'json']).out)).toEqual(
      [],
    )
  })

  test('commands with an output of their own keep it clean', () => {
    const { out, err } = asProcess(folder, ['plan', '-b', 'careful.yaml', '--format', 'json'])
    expect(out).toMatch(/^cluster /)
    expect(JSON.parse(err)).toHaveLength(1)
  })

  test('--strict makes warnings fail, and only that', () => {
    expect(asProcess(folder, validate('careful')).code).toBe(0)
    const strict = asProcess(folder, validate('careful', '--strict'))
    expect(strict.code).toBe(1)
    expect(strict.err).toContain('1 warning\n')
    writeFileSync(
      join(folder, 'allowed.yaml'),
      `${careful}lint: { allow: [{ code: os/updates-ended, reason: we pay for Ubuntu Pro }] }\n`,
    )
    expect(asProcess(folder, validate('allowed', '--strict')).code).toBe(0)
    writeFileSync(join(folder, 'noted.yaml'), careful.replace(/os: .*/, 'cloud: { provider: vsphere }'))
    const noted = asProcess(folder, validate('noted', '--strict'))
    expect([noted.code, noted.err.match(/info: .*\[vsphere\/encoding-key\]/g)?.length]).toEqual([0, 1])
  })

  test.each([
    ['--format', 'xml', /--format cannot be xml\n {2}hint: known: text, json, github, sarif/],
    ['--color', 'alwys', /--color cannot be alwys\n {2}hint: did you mean always\?/],
  ])('%s %s is wrong usage', (option, value, message) => {
    const { code, err } = asProcess(folder, validate('wrong', option, value))
    expect(code).toBe(2)
    expect(err).toMatch(message)
  })
})

describe('gen explain', () => {
  test('lists every code', () => {
    const { code, out } = asProcess(folder, ['explain'])
    expect(code).toBe(0)
    expect(
      out
        .trimEnd()
        .split('\n')
        .map((line) => line.split(' ')[0]),
    ).toEqual(Object.keys(explanations).sort())
  })

  test('tells cause, example, fix and source', () => {
    const { out } = asProcess(folder, ['explain', 'kube-vip/lease-order'])
    expect(out).toMatch(/^kube-vip\/lease-order \(error\)\n\nLeader election/)
    expect(out).toContain('\n    lease: { duration: 3, renewDeadline: 5 }\n')
    expect(out).toContain('\nFix: Leave lease out')
    expect(out).toMatch(/\nhttps:\/\/pkg\.go\.dev\/\S+\n$/)
    for (const line of out.split('\n')) expect(line.length).toBeLessThanOrEqual(90)
  })

  test('takes a code with its brackets, or its last part where that is enough', () => {
    const { out } = asProcess(folder, ['explain', 'os/updates-ended'])
    expect(asProcess(folder, ['explain', '[os/updates-ended]']).out).toBe(out)
    expect(asProcess(folder, ['explain', 'updates-ended']).out).toBe(out)
    expect(asProcess(folder, ['explain', 'unknown-version'])).toMatchObject({
      code: 1,
      err: expect.stringContaining('more than one unknown-version'),
    })
    expect(asProcess(folder, ['explain', 'os/updates-endd'])).toMatchObject({
      code: 1,
      err: expect.stringContaining('did you mean os/updates-ended?'),
    })
  })

  test('is the page in docs/, too', () => {
    const page = readFileSync('docs/diagnostics.md', 'utf8')
    for (const [code, { cause, fix }] of Object.entries(explanations)) {
      expect(page).toContain(`### ${code}\n`)
      expect(page).toContain(cause)
      expect(page).toContain(fix)
    }
  })
})

test('gen schema prints what is in blueprints/', () => {
  expect(asProcess(folder, ['schema']).out).toBe(readFileSync('blueprints/schema.json', 'utf8'))
})

test('gen validate finds what the cloud will not take, with the cluster’s own secrets where they are', () => {
  const workplace = mkdtempSync(join(folder, 'aws-'))
  const noise = (count: number) =>
    Array.from({ length: count }, (_, index) => createHash('sha512').update(String(index)).digest('hex'))
  const fits = (count: number): boolean => {
    const blueprint = {
      name: 'prod',
      kubernetes: { version: '1.31.4' },
      endpoint: { provider: 'external', name: 'api.prod.example.com' },
      cloud: { provider: 'aws' },
      nodes: [{ name: 'm1', role: 'control-plane', address: '10.0.0.61' }],
      files: [{ path: '/etc/noise', content: noise(count).join('\n') }],
    }
    writeFileSync(join(workplace, 'cluster.yaml'), JSON.stringify(blueprint))
    const { code, err } = asProcess(workplace, ['validate'])
    if (code !== 0)
      expect(err).toMatch(/control-plane: the user-data has \d+ bytes as gzip, and aws takes 16384/)
    return code === 0
  }
  let [low, high] = [0, 300]
  while (high - low > 4) {
    const middle = Math.floor((low + high) / 2)
    if (fits(middle)) low = middle
    else high = middle
  }
  expect(fits(low)).toBe(true)
  expect(asProcess(workplace, ['secrets', 'create']).code).toBe(0)
  expect(fits(low)).toBe(false)
})
