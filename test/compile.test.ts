/** What holds of every blueprint and every string: properties, checked by the readers that nodes have. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { stringify } from 'yaml'
import type { Json } from '../generators/model/json.ts'
import { renderBody } from '../generators/render/file.ts'
import { quote } from '../generators/render/format/shell.ts'
import { toYaml } from '../generators/render/format/yaml.ts'
import { compileText, compileWithSecrets, filesOf, userDataOf } from './support/compiled.ts'
import { run, withTools } from './support/tools.ts'

/** Strings that some reader takes for another type, another line or the end. */
const traps = [
  ...['yes', 'No', 'on', 'OFF', 'y', 'N', 'true', 'null', 'Null', '~', '', ' ', 'NaN', '.inf', '-.INF'],
  ...[
    '0x1f',
    '0o17',
    '017',
    '0755',
    '08',
    '1_000',
    '1e3',
    '1E+3',
    '.5',
    '5.',
    '+1',
    '-0',
    '1:20',
    '190:20:30',
  ],
  ...[
    '2001-12-14',
    '2001-12-14t21:59:43.10-05:00',
    '=',
    '<<',
    '---',
    '...',
    '- a',
    '? a',
    'a: b',
    'a:',
    ':',
    '#',
  ],
  ...[
    ' #x',
    'a #b',
    '&a',
    '*a',
    '!a',
    '!!str a',
    '|',
    '>-',
    '%a',
    '@a',
    '`a`',
    '"',
    "'",
    "it's",
    '\\',
    '\\n',
    '{}',
  ],
  ...[
    '[',
    ']',
    '{',
    '}',
    ',',
    'a,b',
    '$HOME',
    '$(id)',
    '`id`',
    '${x}',
    '; rm',
    '&&',
    '*',
    '?',
    '!',
    '!!',
    '-n',
    '-e',
  ],
  ...[
    '\n',
    '\n\n',
    'a\n',
    '\na',
    'a\n\nb',
    'a\n b',
    ' a\nb',
    '\ta',
    'a\t',
    'a \n',
    '\r',
    '\r\n',
    'a\rb',
    '\u0085',
  ],
  ...[
    '\u0000',
    '\u0007',
    '\u001b[31m',
    '\u007f',
    '\u009f',
    '\u00a0',
    '\u2028',
    '\u2029',
    '\ufeff',
    '\ufeffa',
  ],
  ...[
    'é',
    'e\u0301',
    '中',
    '\u{1f600}',
    '\u{1f468}\u200d\u{1f469}',
    '\ufffd',
    '\u202e',
    'x'.repeat(10_000),
    'a '.repeat(3000),
  ],
]
const trap = fc.constantFrom(...traps)
/** Well-formed: a lone surrogate has no UTF-8. */
const text = fc.oneof(
  trap,
  fc.string({ unit: 'binary' }),
  fc.tuple(trap, trap).map((pair) => pair.join('')),
)
const anything = fc.letrec<{ value: Json }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    text,
    fc.constantFrom<Json>(null, true, false, 0, -1, 1.5, 1e6),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(text, tie('value'), { maxKeys: 4 }),
  ),
})).value

describe('YAML as PyYAML reads it', () => {
  const read = (texts: readonly string[]) =>
    JSON.parse(
      run(
        'python3',
        ['-c', 'import json,sys,yaml\nprint(json.dumps([yaml.safe_load(t) for t in json.load(sys.stdin)]))'],
        JSON.stringify(texts),
      ),
    ) as Json[]

  withTools('python3')('gives back every trap, as value, as key and in a list', () => {
    const documents = traps.flatMap((value): Json[] => [
      { a: value, b: 1 },
      { [value]: value },
      [value, [value]],
    ])
    expect(read(documents.map((document) => toYaml([document])))).toEqual(documents)
  })

  withTools('python3')('gives back any data', () => {
    const documents = fc.sample(fc.dictionary(text, anything, { minKeys: 1, maxKeys: 5 }), 500)
    read(documents.map((document) => toYaml([document]))).forEach((back, index) => {
      expect(back).toEqual(documents[index])
    })
  })
})

describe('the shell quoter', () => {
  const words = [...traps, ...fc.sample(text, 1000)].filter((word) => !word.includes('\0'))

  // Debian's sh is dash; the others are there when they are.
  test.each(['sh', 'bash'])('%s reads every word as it was', (shell) => {
    const script = `printf '%s\\0' ${words.map(quote).join(' ')}\n`
    expect(run(shell, ['-s'], script).split('\0').slice(0, -1)).toEqual(words)
  })

  test.each(['sh', 'bash'])('%s reads node.env as it was', (shell) => {
    const values = Object.fromEntries(words.map((word, index) => [`V${index}`, word]))
    const script = `set -u\n${renderBody({ kind: 'env', values })}printf '%s\\0' ${Object.keys(values)
      .map((name) => `"$${name}"`)
      .join(' ')}\n`
    expect(run(shell, ['-s'], script).split('\0').slice(0, -1)).toEqual(words)
  })

  test('refuses what no shell word can hold', () => {
    expect(() => quote('a\0b')).toThrow(RangeError)
  })
})

const labelValue = fc.constantFrom(
  'yes',
  'no',
  'on',
  'null',
  '0x1f',
  '0755',
  '1e3',
  '1_000',
  '2001-12-14',
  '1.20',
  '',
  'Y',
)
const labels = fc.dictionary(fc.stringMatching(/^example\.com\/[a-z]{1,8}$/), labelValue, { maxKeys: 4 })
const taints = fc.uniqueArray(
  fc.record({
    key: fc.stringMatching(/^[a-z]{1,6}$/),
    value: labelValue,
    effect: fc.constantFrom('NoSchedule', 'PreferNoSchedule'),
  }),
  { maxLength: 2, selector: ({ key, effect }) => `${key} ${effect}` },
)
const files = fc
  .uniqueArray(fc.tuple(fc.stringMatching(/^[a-z]{1,9}$/), text, fc.constantFrom('0600', '0644', '0755')), {
    maxLength: 4,
    selector: ([name]) => name,
  })
  .map((list) => list.map(([name, content, mode]) => ({ path: `/opt/site/${name}`, content, mode })))

/** Blueprints without a mistake in them. */
const blueprints = fc
  .record({
    version: fc.constantFrom('1.22.17', '1.27.16', '1.29.15', '1.31.4', '1.33.5', '1.34.2'),
    masters: fc.constantFrom(1, 3, 5),
    workers: fc.array(fc.record({ labels, taints, dhcp: fc.boolean() }), { maxLength: 12 }),
    endpoint: fc.constantFrom('kube-vip', 'keepalived-haproxy', 'external'),
    cni: fc.constantFrom('calico', 'flannel', 'none'),
    os: fc.constantFrom('ubuntu 22.04', 'ubuntu 24.04', 'debian 12', 'rocky 9'),
    cloud: fc.constantFrom('nocloud', 'metal', 'vsphere', 'proxmox'),
    encryptionAtRest: fc.boolean(),
    takeover: fc.boolean(),
    extraArgs: fc.dictionary(
      fc.constantFrom('v', 'audit-log-path', 'oidc-issuer-url', 'event-ttl'),
      trap.filter((word) => /^[\x21-\x7e]+$/.test(word)),
    ),
    files,
    pools: fc.uniqueArray(fc.stringMatching(/^pool-[a-z]{1,5}$/), { maxLength: 3 }),
  })
  .map(
    ({
      version,
      masters,
      workers,
      endpoint,
      os,
      cni,
      cloud,
      encryptionAtRest,
      takeover,
      extraArgs,
      files: own,
      pools,
    }) => ({
      name: 'prod',
      kubernetes: { version, proxyMode: 'iptables', encryptionAtRest, apiServer: { extraArgs } },
      endpoint: { provider: endpoint, address: '172.31.253.250' },
      network: { cni: { provider: cni } },
      os: { provider: os.split(' ')[0], release: os.split(' ')[1] },
      cloud: { provider: cloud },
      bootstrap: { takeover },
      nodes: [
        ...Array.from({ length: masters }, (_, n) => ({
          name: `m${n}`,
          role: 'master',
          address: `172.31.253.${n + 1}`,
        })),
        ...workers.map(({ dhcp, ...rest }, n) => ({
          name: `w${n}`,
          role: 'worker',
          ...(dhcp ? {} : { address: `172.31.253.${n + 100}` }),
          ...rest,
        })),
      ],
      pools: pools.map((name) => ({ name })),
      files: own,
    }),
  )

describe('any right blueprint', () => {
  test('compiles to the same bytes every time, with every file of the user as it was', async () => {
    let compiledOnce = 0
    await fc.assert(
      fc.asyncProperty(blueprints, async (blueprint) => {
        const bytes = JSON.stringify(blueprint)
        const [one, other] = [await compileWithSecrets(bytes), await compileWithSecrets(bytes)]
        const names = one.groups.map(({ name }) => name)
        expect(new Set(names).size).toBe(names.length)
        expect(one.groups.flatMap((group) => group.nodes).sort()).toEqual(
          blueprint.nodes.map(({ name }) => name).sort(),
        )
        for (const [index, group] of one.groups.entries()) {
          const userData = userDataOf(one, group)
          expect(userDataOf(other, other.groups[index] ?? group)).toBe(userData)
          const laid = new Map(filesOf(userData).map(({ path, content, mode }) => [path, { content, mode }]))
          for (const { path, content, mode } of blueprint.files)
            expect(laid.get(path)).toEqual({ content, mode })
        }
        compiledOnce += 1
      }),
      { numRuns: 60 },
    )
    expect(compiledOnce).toBe(60)
  })

  test('says the same in JSON, in YAML and with its keys turned round', () => {
    fc.assert(
      fc.property(blueprints, (blueprint) => {
        const { groups, diagnostics } = compileText(JSON.stringify(blueprint))
        expect(diagnostics.filter(({ severity }) => severity === 'error')).toEqual([])
        const turned = Object.fromEntries(Object.entries(blueprint).reverse())
        for (const text of [stringify(blueprint), JSON.stringify(turned, null, 2)])
          expect(compileText(text).groups).toEqual(groups)
      }),
      { numRuns: 40 },
    )
  })
})
