/** What hands and tools do to a blueprint: delete, repeat, retype, rename, reorder, paste, and damage to the text. */
import fc from 'fast-check'

type Value = null | boolean | number | string | bigint | Value[] | { [key: string]: Value }

interface Mutation {
  readonly kind: 'delete' | 'repeat' | 'replace' | 'rename' | 'reorder' | 'move' | 'edit' | 'adjust'
  /** Which place, counted over all places of the document. */
  readonly at: number
  readonly to: number
  readonly value: Value
  readonly word: string
}

export interface Damage {
  readonly kind: 'delete-line' | 'repeat-line' | 'insert' | 'delete' | 'cut' | 'indent'
  readonly at: number
  readonly length: number
  readonly text: string
}

const oddStrings = [
  '',
  ' ',
  '~',
  'null',
  'yes',
  '0x1f',
  '1e400',
  '2026-11-21',
  '集群',
  '🦊👩‍👩‍👧‍👦',
  'e\u0301',
  '\u202eabc',
  '\ufeff',
  '\u0000',
  '\u001b[31m',
  '\ud800',
  'a\nb',
  '__proto__',
  'constructor',
  'toString',
  '../../../etc/passwd',
  "'; rm -rf / #",
  '{{x}}',
  '{{#nodes}}',
  '@NODE_NAME@',
  '${x}',
  '%',
  'localhost',
  '0.0.0.0',
  '255.255.255.255',
  '172.31.253.60',
  '172.31.253.61',
  '::',
  '::ffff:10.0.0.1',
  'fd00::1%eth0',
  '0.0.0.0/0',
  '::/0',
  '10.0.0.0/33',
  'a'.repeat(300),
  '9'.repeat(400),
]

/** What somebody might really write: gets past the shape, to the rules and the plan. */
const likely = [
  '1.18.20',
  '1.22',
  '1.28.9',
  '1.35.0',
  '1.37',
  '1.6.36',
  '2.1.4',
  '0.8.9',
  '3.29.1',
  '10.0.0.0/8',
  '10.244.0.0/24',
  'fd00::/64',
  '172.31.253.64',
  '172.31.254.1',
  'fd00::7',
  'calico',
  'flannel',
  'bridge',
  'none',
  'external',
  'keepalived-haproxy',
  'kube-vip',
  'aws',
  'azure',
  'proxmox',
  'vsphere',
  'openstack',
  'debian',
  'rocky',
  'centos',
  '12',
  '8',
  '22.04',
  'control-plane',
  'master',
  'worker',
  'm1',
  'w9',
  'iptables',
  'nftables',
  'keep',
  'certificate',
  'rsa-2048',
  '5m',
  '0s',
]

const scalar: fc.Arbitrary<Value> = fc.oneof(
  fc.constantFrom<Value>(null, true, false, ...oddStrings),
  fc.constantFrom<Value>(
    0,
    -1,
    -0,
    0.5,
    2 ** 31,
    2 ** 53,
    1e308,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    10n ** 40n,
  ),
  fc.string({ unit: 'binary', maxLength: 12 }),
  fc.integer(),
)

const value: fc.Arbitrary<Value> = fc.oneof(
  { weight: 4, arbitrary: scalar },
  fc.array(scalar, { maxLength: 3 }),
  fc.dictionary(
    fc.oneof(fc.constantFrom('name', 'provider', '__proto__', '0'), fc.string({ maxLength: 4 })),
    scalar,
    {
      maxKeys: 3,
      noNullPrototype: true,
    },
  ) as fc.Arbitrary<Value>,
)

export const mutation: fc.Arbitrary<Mutation> = fc.record({
  kind: fc.oneof(
    fc.constantFrom<Mutation['kind']>('delete', 'repeat', 'replace', 'rename', 'reorder', 'move', 'edit'),
    fc.constantFrom<Mutation['kind']>('adjust', 'delete', 'reorder'),
  ),
  at: fc.nat(10_000),
  to: fc.nat(10_000),
  value,
  word: fc.constantFrom(...oddStrings, 'adress', 'Nodes', 'providers'),
})

export const damage: fc.Arbitrary<Damage> = fc.record({
  kind: fc.constantFrom<Damage['kind']>('delete-line', 'repeat-line', 'insert', 'delete', 'cut', 'indent'),
  at: fc.nat(100_000),
  length: fc.integer({ min: 1, max: 12 }),
  text: fc.oneof(
    fc.constantFrom(
      '\t',
      '"',
      "'",
      '{',
      '}',
      '[',
      ']',
      ':',
      '- ',
      '&a ',
      '*a',
      '!!set ',
      '!!binary ',
      '|',
      '>',
      '? ',
      '#',
      '---\n',
    ),
    fc.constantFrom(
      '%YAML 1.1\n',
      '<<: ',
      '\r',
      '\u0000',
      '\ufeff',
      '\u2028',
      '\ud83e',
      '...\n',
      '!<tag:x> ',
      '@',
      '`',
    ),
    fc.string({ unit: 'binary', maxLength: 5 }),
  ),
})

type Holder = Value[] | { [key: string]: Value }
type Slot = { readonly holder: Holder; readonly key: string | number }

function slots(node: Value): Slot[] {
  if (typeof node !== 'object' || node === null) return []
  const keys = Array.isArray(node) ? node.map((_, index) => index) : Object.keys(node)
  return keys.flatMap((key) => [
    { holder: node, key },
    ...slots((node as { [key: string]: Value })[key] as Value),
  ])
}

/** Changes `document` in place. */
export function mutate(document: Value, { kind, at, to, value, word }: Mutation): void {
  const places = slots(document)
  const slot = places[at % Math.max(1, places.length)]
  const other = places[to % Math.max(1, places.length)]
  if (slot === undefined || other === undefined) return
  const holder = slot.holder as { [key: string]: Value }
  const current = holder[slot.key] as Value
  switch (kind) {
    case 'delete':
      if (Array.isArray(slot.holder)) slot.holder.splice(Number(slot.key), 1)
      else delete holder[slot.key]
      break
    case 'repeat':
      if (Array.isArray(slot.holder)) slot.holder.push(structuredClone(current))
      else holder[`${slot.key}2`] = structuredClone(current)
      break
    case 'replace':
      holder[slot.key] = value
      break
    case 'rename':
      if (Array.isArray(slot.holder)) break
      delete holder[slot.key]
      Object.defineProperty(holder, word, {
        value: current,
        enumerable: true,
        configurable: true,
        writable: true,
      })
      break
    case 'reorder':
      if (Array.isArray(slot.holder)) slot.holder.reverse()
      else
        for (const key of Object.keys(holder)) {
          const kept = holder[key] as Value
          delete holder[key]
          if (key !== slot.key) holder[key] = kept
        }
      break
    case 'move': {
      const source = (other.holder as { [key: string]: Value })[other.key] as Value
      holder[slot.key] = structuredClone(source)
      break
    }
    case 'adjust':
      if (typeof current === 'string') holder[slot.key] = likely[to % likely.length] ?? ''
      else if (typeof current === 'number') holder[slot.key] = (current + to) % 100
      else if (typeof current === 'boolean') holder[slot.key] = !current
      break
    case 'edit':
      if (typeof current === 'string') holder[slot.key] = current.slice(0, to % (current.length + 1)) + word
      else if (typeof current === 'number') holder[slot.key] = current * (to % 2 === 0 ? -1 : 1e6)
      break
  }
}

export function damaged(text: string, { kind, at, length, text: inserted }: Damage): string {
  const lines = text.split('\n')
  const line = at % lines.length
  const offset = at % (text.length + 1)
  switch (kind) {
    case 'delete-line':
      return lines.toSpliced(line, 1).join('\n')
    case 'repeat-line':
      return lines.toSpliced(line, 0, lines[line] ?? '').join('\n')
    case 'indent':
      return lines.with(line, ' '.repeat(length) + lines[line]).join('\n')
    case 'insert':
      return text.slice(0, offset) + inserted + text.slice(offset)
    case 'delete':
      return text.slice(0, offset) + text.slice(offset + length)
    case 'cut':
      return text.slice(0, offset)
  }
}
