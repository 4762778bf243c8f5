/** YAML text → plain data, with the way back from a path to line and column. Refuses what cannot be one document. */
import {
  type Document,
  isAlias,
  isMap,
  isNode,
  isPair,
  isScalar,
  isSeq,
  type Node,
  type Scalar,
  visit,
  type YAMLError,
} from 'yaml'
import { type Diagnostic, error, type Path } from '../model/diagnostic.ts'
import type { Json } from '../model/json.ts'
import { checkAliases, duplicateKeys, type Refusal, readDocuments } from './document.ts'

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
  const fail = (code: Diagnostic['code'], message: string, hint: string, position?: Position): Loaded => ({
    source: unread,
    failed: [{ ...error(code, [], message, hint), ...(position ? { position } : {}) }],
  })
  if (bytes.length > maxBlueprintBytes)
    return fail(
      'blueprint/too-large',
      `the blueprint has ${bytes.length} bytes, more than ${maxBlueprintBytes}`,
      'a blueprint is a few kilobytes of YAML: is this the right file?',
    )
  const text = new TextDecoder().decode(bytes).replaceAll('\r\n', '\n')
  if (isUtf8(bytes)) return parseText(file, text)
  const before = text.slice(0, text.indexOf('\ufffd')).split('\n')
  const position = { line: before.length, column: (before.at(-1)?.length ?? 0) + 1, length: 1 }
  return fail('blueprint/not-utf8', 'the blueprint is not UTF-8 text', 'save the file as UTF-8', position)
}

function isUtf8(bytes: Uint8Array): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    return true
  } catch {
    return false
  }
}

function parseText(file: string, text: string): Loaded {
  const lines = text.split('\n')
  const at = positions(lines)
  const { document, failed } = onlyDocument(text, at)
  if (document === undefined)
    return { source: { file, lines, locate: () => ({ line: 1, column: 1, length: 1 }) }, failed }
  const root = document.contents as Node
  return {
    source: {
      file,
      lines,
      value: document.toJS({ maxAliasCount: -1 }) as Json,
      locate: (path, atKey) => locate(root, path, atKey ?? false, at),
      written: (path) => {
        const node = document.getIn(path, true)
        return isScalar(node) ? node.source : undefined
      },
    },
    diagnostics: document.warnings.map((problem) => ({
      ...syntaxProblem(problem, at),
      severity: 'warning' as const,
    })),
  }
}

interface Reading {
  readonly document?: Document.Parsed
  /** Why there is none. */
  readonly failed: readonly Diagnostic[]
}

function onlyDocument(text: string, at: At): Reading {
  const refuse = (code: Diagnostic['code'], { message, hint, offset, length }: Refusal): Reading => ({
    failed: [{ ...error(code, [], message, hint), position: at(offset, length) }],
  })
  const nul = { message: 'not YAML: the file holds a NUL byte', hint: 'is this the right file?' }
  if (text.includes('\0')) return refuse('blueprint/syntax', { ...nul, offset: text.indexOf('\0') })
  const read = readDocuments(text)
  if ('refused' in read) return refuse('blueprint/too-large', read.refused)
  const [document, second] = read.documents
  const contents = document?.contents ?? null
  if (document === undefined || contents === null)
    return refuse('blueprint/empty', {
      message: 'the blueprint is empty',
      hint: 'gen init asks what it has to know and writes one; gen example ha-kube-vip prints one',
      offset: 0,
    })
  if (document.errors.length > 0)
    return {
      failed: document.errors.map(
        (problem) => openQuote(problem, contents, at) ?? syntaxProblem(problem, at),
      ),
    }
  if (second !== undefined)
    return refuse('blueprint/many-documents', {
      message: `the file holds ${read.documents.length} YAML documents, but a blueprint is one`,
      hint: 'remove the --- line and what follows it',
      offset: second.range[0],
    })
  const half = halfCharacter(contents)
  if (half !== undefined)
    return refuse('blueprint/syntax', {
      message: 'not YAML: an escape stands for half a character, which no file can hold',
      hint: 'write the character itself, or both halves',
      offset: half,
    })
  const twice = duplicateKeys(contents)
  if (twice.length > 0) return { failed: twice.map((keys) => duplicateKey(keys, at)) }
  const aliases = checkAliases(contents)
  return aliases === undefined ? { document, failed: [] } : refuse('blueprint/aliases', aliases)
}

/** Where an escape such as \ud800 makes a string that is no Unicode text. */
function halfCharacter(contents: Node): number | undefined {
  let found: number | undefined
  visit(contents, {
    Scalar(_, { value, range }) {
      if (typeof value !== 'string' || !/\p{Surrogate}/u.test(value)) return undefined
      found = range?.[0] ?? 0
      return visit.BREAK
    },
  })
  return found
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

function duplicateKey([first, again]: readonly [Scalar, Scalar], at: At): Diagnostic {
  const [here, there] = [spanOf(again, at), spanOf(first, at)]
  return {
    ...error(
      'blueprint/duplicate-key',
      [],
      `the key ${String(again.value)} is given twice`,
      'remove one of them',
    ),
    ...(here ? { position: here } : {}),
    ...(there ? { related: [{ path: [], position: there, message: 'it is first given here' }] } : {}),
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
