/** YAML text → plain data, with the way back from a path to line and column. Refuses what cannot be one document. */
import {
  isAlias,
  isMap,
  isNode,
  isPair,
  isScalar,
  isSeq,
  type Node,
  parseAllDocuments,
  visit,
  type YAMLError,
} from 'yaml'
import type { Diagnostic, Path } from '../model/diagnostic.ts'
import type { Json } from '../model/json.ts'

export const maxBlueprintBytes = 1024 * 1024

/** A span in the text; lines and columns count from 1, columns and `length` in UTF-16 units, as editors and SARIF do. */
export interface Position {
  readonly line: number
  readonly column: number
  readonly length: number
}

export interface Source {
  /** As the user named it; printed in front of line and column. */
  readonly file: string
  readonly lines: readonly string[]
  readonly value: Json
  /** Where a path is; the nearest existing ancestor when it is absent. */
  readonly locate: (path: Path, atKey?: boolean) => Position
  /** A scalar as it was written, `1.30` where the value is 1.3. */
  readonly written: (path: Path) => string | undefined
}

export type Loaded =
  | { readonly source: Source; readonly diagnostics: readonly Diagnostic[] }
  | { readonly source: Pick<Source, 'file' | 'lines' | 'locate'>; readonly failed: readonly Diagnostic[] }

/**
 * Reads one blueprint.
 * @param bytes UTF-8, at most 1 MiB
 */
export function parseSource(file: string, bytes: Uint8Array): Loaded {
  const unread = { file, lines: [] as readonly string[], locate: () => ({ line: 1, column: 1, length: 1 }) }
  const fail = (code: Diagnostic['code'], message: string, hint?: string): Loaded => ({
    source: unread,
    failed: [{ code, severity: 'error', path: [], message, ...(hint ? { hint } : {}) }],
  })
  if (bytes.length > maxBlueprintBytes)
    return fail(
      'blueprint/too-large',
      `the blueprint has ${bytes.length} bytes, more than ${maxBlueprintBytes}`,
      'a blueprint is a few kilobytes of YAML: is this the right file?',
    )
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return fail('blueprint/not-utf8', 'the blueprint is not UTF-8 text', 'save the file as UTF-8')
  }
  return parseText(file, text.replaceAll('\r\n', '\n'))
}

function parseText(file: string, text: string): Loaded {
  const documents = parseAllDocuments(text, {
    prettyErrors: false,
    uniqueKeys: true,
    // Its warnings are diagnostics of ours; by itself it would print some of them.
    logLevel: 'error',
  })
  const lines = text.split('\n')
  const at = positions(lines)
  const nowhere = { file, lines, locate: () => ({ line: 1, column: 1, length: 1 }) }
  const first = Array.isArray(documents) ? documents[0] : undefined
  if (first === undefined || first.contents === null)
    return {
      source: nowhere,
      failed: [
        {
          code: 'blueprint/empty',
          severity: 'error',
          path: [],
          message: 'the blueprint is empty',
          hint: 'gen init asks what it has to know and writes one; gen example ha-kube-vip prints one',
        },
      ],
    }
  const second = documents[1]
  const problems = first.errors.map((problem) =>
    problem.code === 'DUPLICATE_KEY'
      ? duplicateKey(problem, first.contents, at)
      : (openQuote(problem, first.contents, at) ?? syntaxProblem(problem, at)),
  )
  if (second !== undefined && problems.length === 0)
    problems.push({
      code: 'blueprint/many-documents',
      severity: 'error',
      path: [],
      position: at(second.range?.[0] ?? 0),
      message: `the file holds ${documents.length} YAML documents, but a blueprint is one`,
      hint: 'remove the --- line and what follows it',
    })
  if (problems.length > 0) return { source: nowhere, failed: problems }
  let value: Json
  try {
    value = first.toJS({ maxAliasCount: 50 }) as Json
  } catch (cause) {
    return { source: nowhere, failed: [wrongAlias(cause, first.contents, at)] }
  }
  const root = first.contents as Node
  return {
    source: {
      file,
      lines,
      value,
      locate: (path, atKey) => locate(root, path, atKey ?? false, at),
      written: (path) => {
        const node = first.getIn(path, true)
        return isScalar(node) ? node.source : undefined
      },
    },
    diagnostics: first.warnings.map((problem) => ({
      ...syntaxProblem(problem, at),
      severity: 'warning' as const,
    })),
  }
}

/** The parser's own counter misses lines of scalars that it gives up on. */
function positions(lines: readonly string[]): At {
  const starts: number[] = []
  let start = 0
  for (const line of lines) {
    starts.push(start)
    start += line.length + 1
  }
  return (offset, length = 1) => {
    let [low, high] = [0, starts.length - 1]
    while (low < high) {
      const middle = Math.ceil((low + high) / 2)
      if ((starts[middle] ?? 0) <= offset) low = middle
      else high = middle - 1
    }
    const width = lines[low]?.length ?? 0
    const column = Math.min(offset - (starts[low] ?? 0), width) + 1
    return { line: low + 1, column, length: Math.max(1, Math.min(length, width - column + 1)) }
  }
}

function syntaxProblem({ pos: [start, end], message }: YAMLError, at: At): Diagnostic {
  return {
    code: 'blueprint/syntax',
    severity: 'error',
    path: [],
    position: at(start, end - start),
    message: `not YAML: ${lowerFirst(message)}`,
  }
}

/** An open quote takes the rest of the file, and the parser tells where that ends. */
function openQuote({ message }: YAMLError, contents: Node | null, at: At): Diagnostic | undefined {
  if (!/^Missing closing .quote/.test(message)) return undefined
  let quoted: Node | undefined
  visit(contents, {
    Scalar(_, node) {
      if (node.type?.startsWith('QUOTE')) quoted = node
    },
  })
  const position = quoted === undefined ? undefined : spanOf(quoted, at)
  if (position === undefined) return undefined
  return {
    code: 'blueprint/syntax',
    severity: 'error',
    path: [],
    position: { ...position, length: 1 },
    message: 'not YAML: this quote is never closed',
  }
}

function wrongAlias(cause: unknown, contents: Node | null, at: At): Diagnostic {
  const [, unresolved] =
    /^Unresolved alias.*: (\S+)$/s.exec(cause instanceof Error ? cause.message : '') ?? []
  let found: Node | undefined
  visit(contents, {
    Alias(_, node) {
      if (unresolved !== undefined && node.source !== unresolved) return undefined
      found = node
      return visit.BREAK
    },
  })
  const position = found === undefined ? undefined : spanOf(found, at)
  return {
    code: 'blueprint/aliases',
    severity: 'error',
    path: [],
    ...(position === undefined ? {} : { position }),
    message:
      unresolved === undefined
        ? 'the aliases stand for more than a blueprint can need'
        : `the alias *${unresolved} stands for nothing: no anchor before it has its name`,
    hint: 'write the values out where they are needed',
  }
}

/** The parser tells where the second key is; the first is the same key in the same mapping. */
function duplicateKey({ pos: [start] }: YAMLError, contents: Node | null, at: At): Diagnostic {
  let key: unknown = ''
  let [second, first] = [at(start), undefined as Position | undefined]
  visit(contents, {
    Map(_, { items }) {
      const found = items.find((pair) => isScalar(pair.key) && pair.key.range?.[0] === start)
      if (found === undefined || !isScalar(found.key)) return undefined
      key = found.key.value
      second = spanOf(found.key, at) ?? second
      const earlier = items.find((pair) => isScalar(pair.key) && pair.key.value === key)
      first = isScalar(earlier?.key) ? spanOf(earlier.key, at) : undefined
      return visit.BREAK
    },
  })
  return {
    code: 'blueprint/duplicate-key',
    severity: 'error',
    path: [],
    position: second,
    message: `the key ${String(key)} is given twice`,
    hint: 'remove one of them',
    ...(first ? { related: [{ path: [], position: first, message: 'it is first given here' }] } : {}),
  }
}

function lowerFirst(message: string): string {
  return message.charAt(0).toLowerCase() + message.slice(1).split('\n')[0]
}

type At = (offset: number, length?: number) => Position

function locate(root: Node, path: Path, atKey: boolean, at: At): Position {
  let node: unknown = root
  let key: Node | undefined
  for (const step of path) {
    const next = child(node, step)
    // Absent: the nearest that is there. What an alias stands for is elsewhere; the alias is what the user sees.
    if (next === undefined) return span(isAlias(node) ? node : (key ?? node), at)
    node = next.value
    key = next.key
  }
  // A block collection has no one line of its own, and an empty value no character: their key has.
  return span(key !== undefined && (atKey || isBlock(node) || isEmpty(node)) ? key : (node ?? key), at)
}

function child(node: unknown, step: string | number): { key: Node | undefined; value: unknown } | undefined {
  if (isMap(node)) {
    const pair = node.items.find((item) => isPair(item) && String(item.key) === String(step))
    return pair === undefined
      ? undefined
      : { key: isNode(pair.key) ? pair.key : undefined, value: pair.value ?? pair.key }
  }
  if (isSeq(node) && typeof step === 'number') {
    const item = node.items[step]
    return item === undefined ? undefined : { key: undefined, value: item }
  }
  return undefined
}

function isBlock(node: unknown): boolean {
  return (isMap(node) || isSeq(node)) && node.flow !== true && node.items.length > 0
}

function isEmpty(node: unknown): boolean {
  return isScalar(node) && node.range !== undefined && node.range?.[0] === node.range?.[1]
}

/** The token itself, as far as its first line goes; for a block collection its first key. */
function span(node: unknown, at: At): Position {
  let token = node
  while ((isMap(token) || isSeq(token)) && isBlock(token)) {
    const first: unknown = token.items[0]
    token = isPair(first) ? first.key : first
  }
  return (isNode(token) ? spanOf(token, at) : undefined) ?? at(0)
}

function spanOf({ range }: Node, at: At): Position | undefined {
  return range ? at(range[0], range[1] - range[0]) : undefined
}
