/** YAML text → one document whose size, depth and growth by aliases are bounded, so that no input takes long. */
import {
  type Alias,
  Composer,
  type Document,
  isAlias,
  isCollection,
  isMap,
  isPair,
  isScalar,
  Lexer,
  type Node,
  Parser,
  type Scalar,
} from 'yaml'

/** A blueprint of 5,000 nodes, the most that Kubernetes supports, has two thirds of that. */
const mostTokens = 250_000
const deepest = 100
/** That aliases stand for, all together: ten labels on each of 5,000 nodes are half as many. */
const mostValues = 100_000

/** What is wrong with a text as a whole, and where in it. */
export interface Refusal {
  readonly message: string
  readonly hint: string
  readonly offset: number
  readonly length?: number
}

export function readDocuments(
  text: string,
): { readonly documents: readonly Document.Parsed[] } | { readonly refused: Refusal } {
  const parser = new Parser()
  const composer = new Composer({
    prettyErrors: false,
    // Its own check compares every key with every other; duplicateKeys does not.
    uniqueKeys: false,
    // Its warnings are diagnostics of ours; by itself it would print some of them.
    logLevel: 'error',
  })
  let tokens = 0
  const documents: Document.Parsed[] = []
  // Composing is what takes long on a hostile text, and begins when its whole document has been parsed.
  for (const lexeme of new Lexer().lex(text)) {
    tokens += 1
    if (tokens > mostTokens || parser.stack.length > deepest)
      return { refused: tokens > mostTokens ? tooMuch(parser.offset) : tooDeep(parser.offset) }
    for (const token of parser.next(lexeme)) documents.push(...composer.next(token))
  }
  for (const token of parser.end()) documents.push(...composer.next(token))
  documents.push(...composer.end())
  return { documents }
}

function tooMuch(offset: number): Refusal {
  return {
    message: 'the blueprint has more values than a cluster of 5,000 nodes needs',
    hint: 'is this the right file?',
    offset,
  }
}

function tooDeep(offset: number): Refusal {
  return {
    message: `the blueprint is nested more than ${deepest} deep`,
    hint: 'no field of a blueprint is that deep: is a bracket missing?',
    offset,
  }
}

/** Keys that a mapping has twice, each with the first of its kind. */
export function duplicateKeys(root: Node | null): readonly (readonly [first: Scalar, again: Scalar])[] {
  if (isMap(root)) {
    const seen = new Map<unknown, Scalar>()
    const own = root.items.flatMap(({ key }) => {
      if (!isScalar(key)) return []
      const first = seen.get(key.value)
      if (first === undefined) seen.set(key.value, key)
      return first === undefined ? [] : [[first, key] as const]
    })
    return [...own, ...root.items.flatMap(({ value }) => duplicateKeys(value as Node | null))]
  }
  return isCollection(root) ? root.items.flatMap((item) => duplicateKeys(item as Node | null)) : []
}

/** Refuses aliases that stand for themselves, for nothing, or for more than anybody wrote. */
export function checkAliases(root: Node | null): Refusal | undefined {
  // Values below each anchor; 'open' while it is being counted, which is when an alias to it has no end.
  const sizes = new Map<string, number | 'open'>()
  let [values, refused] = [0, undefined as Refusal | undefined]
  const count = (node: unknown): number => {
    if (refused !== undefined) return 0
    if (isAlias(node)) {
      const size = sizes.get(node.source)
      if (typeof size === 'number') {
        values += size
        if (values > mostValues)
          refused = { message: 'the aliases stand for more than a blueprint can need', ...aliasAt(node) }
        return size
      }
      refused = {
        message:
          size === 'open'
            ? `the alias *${node.source} stands for itself`
            : `the alias *${node.source} stands for nothing: no anchor before it has its name`,
        ...aliasAt(node),
      }
      return 0
    }
    if (isPair(node)) return count(node.key) + count(node.value)
    const anchor = (isScalar(node) || isCollection(node)) && node.anchor
    if (anchor) sizes.set(anchor, 'open')
    const size = isCollection(node) ? node.items.reduce((sum: number, item) => sum + count(item), 1) : 1
    if (anchor) sizes.set(anchor, size)
    return size
  }
  count(root)
  return refused
}

function aliasAt({ range }: Alias): Omit<Refusal, 'message'> {
  const [start = 0, end = start + 1] = range ?? []
  return { hint: 'write the values out where they are needed', offset: start, length: end - start }
}
