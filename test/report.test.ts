/** Carets under exact tokens, whatever is before them; terminals of every width; what programs read. */
import stringWidth from 'string-width'
import { describe, expect, test } from 'vitest'
import { printReport } from '../generators/blueprint/report.ts'
import { reportGithub, reportJson } from '../generators/blueprint/report-formats.ts'
import { reportSarif } from '../generators/blueprint/report-sarif.ts'
import { parseSource } from '../generators/blueprint/source.ts'
import { type Diagnostic, error, type Path, warning } from '../generators/model/diagnostic.ts'
import { compileText } from './support/compiled.ts'

function sourceOf(text: string) {
  return parseSource('cluster.yaml', new TextEncoder().encode(text)).source
}

/** The line with a caret, and what stands above the carets. */
function pointed(text: string, diagnostic: Diagnostic, width?: number) {
  const lines = printReport(sourceOf(text), [diagnostic], { color: false, width }).split('\n')
  const at = lines.findIndex((line) => /^ *\d* \| *\^+$/.test(line))
  const [shown = '', caret = ''] = [lines[at - 1], lines[at]]
  const from = stringWidth(caret.slice(0, caret.indexOf('^')))
  const length = caret.length - caret.indexOf('^')
  let [token, column] = ['', 0]
  for (const { segment } of new Intl.Segmenter().segment(shown)) {
    if (column >= from && column < from + length) token += segment
    column += stringWidth(segment)
  }
  return token
}

const at = (path: Path, atKey = false): Diagnostic => ({ ...error('a/b', path, 'wrong'), atKey })

describe('the caret is under the token', () => {
  test.each<readonly [title: string, text: string, path: Path, atKey: boolean, token: string]>([
    ['a value', 'name: prod', ['name'], false, 'prod'],
    ['a key', 'name: prod', ['name'], true, 'name'],
    ['a quoted value', 'name: "a b" # c', ['name'], false, '"a b"'],
    ['a quoted key', '"na me": 1', ['na me'], true, '"na me"'],
    ['behind wide characters', 'a: { 集群: 名字, b: x }', ['a', 'b'], false, 'x'],
    ['wide characters', 'a: { b: 集群名 }', ['a', 'b'], false, '集群名'],
    ['behind an emoji of many code points', 'a: { "👩‍👩‍👧‍👦": 1, b: x }', ['a', 'b'], false, 'x'],
    ['behind combining marks', 'a: { "e\u0301e\u0301": 1, b: x }', ['a', 'b'], false, 'x'],
    ['behind tabs', 'a: {\t\t"b":\t x }', ['a', 'b'], false, 'x'],
    ['behind an escape sequence', 'a: { "\u001b[31m": 1, b: x }', ['a', 'b'], false, 'x'],
    ['a flow collection', 'a: { b: [1, 2] }', ['a', 'b'], false, '[1, 2]'],
    ['the key of a block collection', 'a:\n  b: 1', ['a'], false, 'a'],
    ['the key of an empty value', 'a:\nb: 1', ['a'], false, 'a'],
    ['an item of a list', '- x: 1\n- y: 2', [1], false, 'y'],
    ['the nearest that is there', 'a:\n  b: 1', ['a', 'c', 'd'], false, 'a'],
    ['an alias, not its anchor', 'a: &x { b: 1 }\nc: *x', ['c', 'b'], false, '*x'],
    ['a block scalar, as far as its first line', 'a: |\n  x\n  y', ['a'], false, '|'],
    ['CRLF', 'a: 1\r\nb: 22\r\n', ['b'], false, '22'],
  ])('%s', (_, text, path, atKey, token) => {
    expect(pointed(text, at(path, atKey))).toBe(token)
  })

  test('in a line that is longer than the terminal', () => {
    const long = `{ ${Array.from({ length: 200 }, (_, index) => `key${index}: 名`).join(', ')} }`
    for (const width of [40, 80, 160]) {
      expect(pointed(long, at(['key100'], true), width)).toBe('key100')
      expect(pointed(long, at(['key0'], true), width)).toBe('key0')
      expect(pointed(long, at(['key199'], true), width)).toBe('key199')
    }
  })
})

describe('terminals', () => {
  const text = `nodes:\n  - { name: m1, role: worker, address: 10.0.0.1, labels: { a: b, c: d, e: f } }\n`
  const diagnostic: Diagnostic = {
    ...warning(
      'blueprint/some-long-code',
      ['nodes', 0, 'role'],
      'a sentence that is so long that no narrow terminal has room for it, with 集群 in it',
      'and a hint that goes on and on as well, for one has to see where it goes',
    ),
    related: [{ path: ['nodes', 0, 'name'], message: 'another place that takes part in it, too' }],
  }
  const report = (width?: number, color = false) =>
    printReport(sourceOf(text), [diagnostic], { color, width })

  test.each([30, 40, 60, 80, 120])('of %d columns are not overrun', (width) => {
    for (const line of report(width).split('\n')) expect(stringWidth(line), line).toBeLessThanOrEqual(width)
    // Nothing is lost on the way.
    expect(report(width).replace(/\s+/g, ' ')).toContain('so long that no narrow terminal has room')
  })

  test('do not fold what nobody looks at', () => {
    expect(report().split('\n')[0]).toBe(
      'cluster.yaml:2:23: warning: a sentence that is so long that no narrow terminal has room for it, with 集群 in it [blueprint/some-long-code]',
    )
  })

  test('show the same text in colours', () => {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: colours are control sequences
    const plain = report(60, true).replace(/\u001b\[\d+m/g, '')
    expect(report(60, true)).not.toBe(plain)
    expect(plain).toBe(report(60))
  })

  test('are not steered by a blueprint', () => {
    const evil = '\u001b]0;owned\u0007\u202e\u0000\r'
    const printed = printReport(
      sourceOf('a: 1 # \u001b[2J\u009b31m\u202eb'),
      [error('a/b', ['a'], `there is ${evil}\nerror: forged`, evil)],
      { color: false },
    )
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
    expect(printed).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e]/)
    expect(printed).not.toMatch(/^error: forged/m)
  })

  test('get long values shortened', () => {
    const printed = printReport(sourceOf('a: 1'), [error('a/b', ['a'], 'x'.repeat(100_000))], {
      color: false,
    })
    expect(printed.length).toBeLessThan(600)
  })
})

describe('for programs', () => {
  const source = sourceOf('a: 1\nb: 2\n')
  const diagnostics: readonly Diagnostic[] = [
    {
      ...error('a/b', ['b'], '100%, a: b\nc', 'do, this: now'),
      related: [{ path: ['a'], message: 'first' }],
    },
    { ...warning('a/c', ['a'], 'careful'), severity: 'info' },
  ]

  test('JSON', () => {
    expect(JSON.parse(reportJson(source, diagnostics))).toEqual([
      {
        code: 'a/b',
        severity: 'error',
        message: '100%, a: b\nc',
        file: 'cluster.yaml',
        line: 2,
        column: 4,
        endColumn: 5,
        path: 'b',
        hint: 'do, this: now',
        related: [{ message: 'first', line: 1, column: 4, path: 'a' }],
      },
      expect.objectContaining({ code: 'a/c', severity: 'info', line: 1, column: 4, related: [] }),
    ])
    expect(reportJson(source, [])).toBe('[]\n')
  })

  test('GitHub: one line each, with its escapes', () => {
    const named = { ...source, file: 'a,b:c%.yaml' }
    expect(reportGithub(named, diagnostics)).toBe(
      '::error file=a%2Cb%3Ac%25.yaml,line=2,col=4,endColumn=5,title=a/b::100%25, a: b%0Ac%0Ahint: do, this: now\n' +
        '::notice file=a%2Cb%3Ac%25.yaml,line=1,col=4,endColumn=5,title=a/c::careful\n',
    )
    expect(reportGithub(source, [])).toBe('')
  })

  test('SARIF 2.1.0', () => {
    const log = JSON.parse(reportSarif({ ...source, file: 'dir/a b.yaml' }, diagnostics, '1.2.3'))
    expect(log).toMatchObject({ version: '2.1.0', runs: [{ columnKind: 'utf16CodeUnits' }] })
    const [run] = log.runs
    expect(run.tool.driver).toMatchObject({
      name: 'gen',
      version: '1.2.3',
      rules: [{ id: 'a/b' }, { id: 'a/c' }],
    })
    const [first, second] = run.results
    expect(first).toMatchObject({ ruleId: 'a/b', ruleIndex: 0, level: 'error' })
    expect(first.locations[0].physicalLocation).toMatchObject({
      artifactLocation: { uri: 'dir/a%20b.yaml' },
      region: { startLine: 2, startColumn: 4, endLine: 2, endColumn: 5 },
    })
    expect(first.relatedLocations[0]).toMatchObject({
      message: { text: 'first' },
      physicalLocation: { region: { startLine: 1, startColumn: 4 } },
    })
    expect(second).toMatchObject({ ruleId: 'a/c', level: 'note' })
    expect(JSON.parse(reportSarif(source, [], '1.2.3')).runs[0].results).toEqual([])
  })
})

describe('a field that is not there', () => {
  const hintFor = (patch: object) =>
    compileText(
      JSON.stringify({
        kubernetes: { version: '1.31.4' },
        endpoint: { address: '172.31.253.60' },
        nodes: [{ name: 'm1', role: 'control-plane', address: '172.31.253.61' }],
        ...patch,
      }),
    ).diagnostics.map(({ message, hint }) => `${message}: ${hint}`)

  test.each<readonly [patch: object, said: string]>([
    [{ podSubnet: 'x' }, 'the blueprint has no field podSubnet: there is network.podSubnet'],
    [{ network: { podsubnet: '10.0.0.0/8' } }, 'network has no field podsubnet: did you mean podSubnet?'],
    [
      { endpoint: { address: '172.31.253.60', virtualRouterId: 3 } },
      'endpoint has no field virtualRouterId: there is endpoint.virtualRouterId with keepalived-haproxy',
    ],
    [{ mac: 'x' }, 'the blueprint has no field mac: there is nodes[].mac'],
    [{ proxy: { constructor: 1 } }, 'proxy has no field constructor: known: http, https, noProxy'],
  ])('%j', (patch, said) => expect(hintFor(patch)).toContain(said))
})
