/** Whatever is put into it, the program says what is wrong and where, soon, and writes nothing. */
import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { blueprint, clusterPlace, place, type Ran } from './support/command-line.ts'
import { isRoot } from './support/tools.ts'

/**
 * One bad file costs at most this, in milliseconds of processor time and mebibytes: three times what the worst one takes
 * here (5,000 nodes of one name), for a busy machine's processors are slower. What is quadratic takes minutes.
 */
const most = { cpu: 5000, memory: 150 }

function refused(ran: Ran, message: RegExp): void {
  expect(ran.err).toMatch(message)
  expect([ran.code, ran.out]).toEqual([1, ''])
  expect(ran.cpu).toBeLessThan(most.cpu)
  expect(ran.memory).toBeLessThan(most.memory)
}

const swap = (from: string, to: string) => {
  if (!blueprint.includes(from)) throw new Error(`the blueprint has no ${from}`)
  return blueprint.replace(from, to)
}
const lines = (count: number, line: (index: number) => string) => [...Array(count).keys()].map(line).join('')

/** What the file holds, and what is said of it: `line:column` and words of the message. */
const table: readonly (readonly [string, string | Uint8Array, string, RegExp])[] = [
  // Not a blueprint at all.
  ['an empty file', '', '1:1', /is empty/],
  ['blanks', '  \n\n', '1:1', /is empty/],
  ['a comment', '# later\n', '1:1', /is empty/],
  ['null', '~\n', '1:1', /mapping, but this is empty/],
  ['a word', 'hello\n', '1:1', /mapping, but this is the string "hello"/],
  ['a list', '- a\n- b\n', '1:3', /mapping, but this is a list/],
  ['two documents', `${blueprint}---\n${blueprint}`, '14:1', /2 YAML documents/],
  ['an open bracket', `${blueprint}x: [ {a: 1\n`, '15:1', /not YAML/],
  ['an open quote', 'name: "prod\n', '1:7', /quote is never closed/],
  ['a tab', 'a:\n\tb: 1\n', '2:1', /tabs/],
  ['a key given twice', `${blueprint}name: other\n`, '14:1', /key name is given twice/],
  // Not text.
  ['Latin-1', Buffer.from(`${blueprint}# caf\xe9\n`, 'latin1'), '14:6', /not UTF-8/],
  ['UTF-16', Buffer.from(`\ufeff${blueprint}`, 'utf16le'), '1:1', /not UTF-8/],
  ['a NUL byte', `${blueprint}# \0\n`, '14:3', /NUL byte/],
  ['a program', Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0, 0, 0]), '1:8', /NUL byte/],
  // Made to take long.
  ['brackets without end', '['.repeat(1_000_000), '1:101', /more than 100 deep/],
  ['mappings in mappings', '{a: '.repeat(200_000), '1:', /more than 100 deep/],
  ['dashes', `${'- '.repeat(100_000)}a\n`, '1:', /more than 100 deep/],
  ['stairs', lines(1300, (n) => `${' '.repeat(n)}a:\n`), '100:', /more than 100 deep/],
  ['60,000 keys', lines(60_000, (n) => `k${n}: 1\n`), '35715:', /more values than/],
  ['20,000 wrong keys', blueprint + lines(20_000, (n) => `k${n}: 1\n`), '14:1', /no field k0/],
  [
    '20,000 wrong values',
    `${blueprint}packages:\n${lines(20_000, () => '- 1\n')}`,
    '15:3',
    /packages\[0\] is the number 1/,
  ],
  [
    '5,000 nodes of one name',
    `${blueprint.slice(0, blueprint.indexOf('pools'))}${lines(5000, () => '  - { name: w1, role: worker }\n')}`,
    '12:13',
    /name w1 is given twice/,
  ],
  ['a line of a megabyte', swap('prod', 'p'.repeat(1_000_000)), '3:7', /name cannot be "p+…/],
  [
    'aliases of aliases',
    `a: &a [x, x, x, x, x, x, x, x, x]\n${lines(9, (n) => `${'bcdefghij'[n]}: &${'bcdefghij'[n]} [${Array(9).fill(`*${'abcdefghi'[n]}`).join(', ')}]\n`)}`,
    '6:',
    /aliases stand for more/,
  ],
  ['an alias of itself', 'a: &a [*a]\n', '1:8', /\*a stands for itself/],
  ['an alias of nothing', 'a: *b\n', '1:4', /\*b stands for nothing/],
  // Wrong fields.
  ['an unknown field', `${blueprint}nodez: []\n`, '14:1', /no field nodez[\s\S]*did you mean nodes/],
  ['an unknown field below', swap('version:', 'vershun:'), '4:15', /kubernetes has no field vershun/],
  ['a field of the prototype', `${blueprint}__proto__: { a: 1 }\n`, '14:1', /no field __proto__/],
  ['a list for a name', swap('name: prod', 'name: [a]'), '3:7', /name is a list/],
  ['a number for a version', swap('1.31.4', '1.30'), '4:24', /put it in quotes/],
  ['no nodes', blueprint.slice(0, blueprint.indexOf('nodes:')), '1:1', /lacks nodes/],
  [
    'an empty list of nodes',
    `${blueprint.slice(0, blueprint.indexOf('nodes:'))}nodes: []\n`,
    '7:8',
    /nodes cannot be \[\]/,
  ],
  ['an escape sequence', swap('name: prod', 'name: "\\e[31mred"'), '3:7', /name cannot be "\\u001b/],
  // Wrong networks.
  [
    'a bad CIDR',
    `${blueprint}`.replace('gateway: 172.31.253.1', 'podSubnet: 10.244.0.0/33'),
    '6:23',
    /not a subnet/,
  ],
  ['no prefix length', swap('gateway: 172.31.253.1', 'podSubnet: 10.244.0.0'), '6:23', /not a subnet/],
  ['subnets that overlap', swap('gateway: 172.31.253.1', 'podSubnet: 10.96.0.0/16'), '6:23', /overlap/],
  ['a bad address', swap('172.31.253.62', '172.31.253.300'), '9:47', /not an IP address/],
  ['an endpoint that is a node', swap('253.60', '253.61'), '5:22', /is the address of node m1/],
  ['an endpoint among the pods', swap('172.31.253.60', '10.244.0.9'), '5:22', /inside the pod subnet/],
  // Wrong nodes.
  ['a name given twice', swap('name: m2', 'name: m1'), '9:13', /name m1 is given twice/],
  ['an address given twice', swap('253.62', '253.61'), '9:47', /address 172\.31\.253\.61 is given twice/],
  ['an unknown role', swap('role: worker', 'role: workr'), '11:23', /did you mean worker/],
  ['an etcd of two', blueprint.replace(/.*m3.*\n/, ''), '7:1', /two control planes/],
  ['an unknown minor', swap('1.31.4', '1.99.0'), '4:24', /newer than what we know[\s\S]*known: 1\.18, /],
  ['an old minor', swap('1.31.4', '1.12.0'), '4:24', /older than what we know/],
  ['an unknown provider', `${blueprint}os: { provider: ubunto }\n`, '14:17', /did you mean ubuntu/],
]

describe('a blueprint', () => {
  test.each(table)('%s', async (_, content, at, message) => {
    const here = clusterPlace()
    writeFileSync(here.path('cluster.yaml'), content)
    const ran = await here.gen('build')
    refused(ran, message)
    expect(ran.err).toMatch(new RegExp(`^cluster\\.yaml:${at.replace(/:$/, ':\\d+')}: error: `, 'm'))
    expect(ran.err.length).toBeLessThan(60_000)
    expect(here.list()).toEqual(['cluster.yaml', 'prod.secrets.yaml'])
  })

  test('of 50 MB, as a file and through a pipe', async () => {
    const here = clusterPlace()
    const large = `# ${'x'.repeat(50 * 1024 * 1024)}`
    writeFileSync(here.path('cluster.yaml'), large)
    refused(await here.gen('build'), /^gen: cluster\.yaml is larger than 1048576 bytes\n {2}hint: /)
    refused(await here.gen('build -b -', { input: large }), /more than 1048576/)
  })

  test.each(['validate', 'plan', 'userdata --role master', 'seed', 'secrets create', 'diff cluster.yaml'])(
    'that is wrong stops gen %s',
    async (command) => {
      const here = place({ 'cluster.yaml': swap('name: m2', 'name: m1') })
      refused(await here.gen(command), /name m1 is given twice/)
      expect(here.list()).toEqual(['cluster.yaml'])
    },
  )

  test('that is a folder, a device or may not be read', async () => {
    const here = clusterPlace()
    mkdirSync(here.path('folder'))
    refused(await here.gen('build -b folder'), /^gen: folder is a directory\n/)
    refused(await here.gen('build -b /dev/zero'), /^gen: \/dev\/zero is larger than/)
    refused(await here.gen('build -b /dev/null'), /is empty/)
    if (isRoot()) return
    chmodSync(here.path('cluster.yaml'), 0)
    refused(await here.gen('build'), /no permission for cluster\.yaml/)
  })

  test('with a byte order mark and CRLF is read all the same', async () => {
    const [plain, windows] = [clusterPlace(), clusterPlace(`\ufeff${blueprint.replaceAll('\n', '\r\n')}`)]
    const texts = await Promise.all([plain, windows].map((here) => here.gen('plan --json')))
    expect(texts.map(({ code, err }) => [code, err])).toEqual([
      [0, ''],
      [0, ''],
    ])
    expect(texts[1]?.out).toBe(texts[0]?.out)
  })

  test('may use one anchor for all of 1,000 nodes', async () => {
    const nodes = lines(1000, (n) => `  - { name: w${n}, role: worker, labels: *disk }\n`)
    const here = place({
      'cluster.yaml': swap('name: w1,', 'labels: &disk { disk: ssd, rack: "7" }, name: wx,'),
    })
    const text = here.read('cluster.yaml').toString().replace('pools:', `${nodes}pools:`)
    const { code, err } = await here.gen('validate -b -', { input: text })
    expect(err).toMatch(/^<stdin>: ok: prod, Kubernetes 1\.31\.4, 1004 nodes/)
    expect(code).toBe(0)
  })
})

describe('a secrets file', () => {
  const lacking = (name: string, change: (path: string) => void, message: RegExp) =>
    test(name, async () => {
      const here = clusterPlace()
      change(here.path('prod.secrets.yaml'))
      for (const command of ['build', 'userdata --role master -o x', 'seed -o seed'])
        refused(await here.gen(command), message)
      expect(here.list().filter((path) => path !== 'prod.secrets.yaml')).toEqual(['cluster.yaml'])
    })
  lacking('missing', rmSync, /prod\.secrets\.yaml does not exist .*\n {2}hint: gen secrets create/)
  lacking(
    'readable by all',
    (path) => chmodSync(path, 0o644),
    /others may read .*0644.*\n {2}hint: chmod 600/,
  )
  lacking('readable by the group', (path) => chmodSync(path, 0o640), /others may read .*0640/)
  lacking('empty', (path) => writeFileSync(path, ''), /prod\.secrets\.yaml/)
  lacking('not YAML', (path) => writeFileSync(path, 'a: [\n'), /prod\.secrets\.yaml:\d+:\d+: /)
  lacking('binary', (path) => writeFileSync(path, Buffer.from([0xff, 0xfe, 0])), /not UTF-8/)
  lacking('of 50 MB', (path) => writeFileSync(path, Buffer.alloc(50 * 1024 * 1024, 'x')), /is larger than/)
  lacking(
    'a folder',
    (path) => {
      rmSync(path)
      mkdirSync(path)
    },
    /is a directory/,
  )
  lacking('brackets without end', (path) => writeFileSync(path, '['.repeat(60_000)), /prod\.secrets\.yaml/)
})
