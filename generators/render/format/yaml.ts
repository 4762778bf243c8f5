/** Data → YAML as YAML 1.1 readers understand it: cloud-init's PyYAML and Kubernetes' own alike. */
import { Document, Scalar, visit } from 'yaml'
import type { Json } from '../../model/json.ts'

/** Documents separated by `---`; long lines stay whole, multi-line strings are literal blocks. */
export function toYaml(documents: readonly Json[]): string {
  return documents.map(write).join('---\n')
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
const unprintable = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028\u2029\ufeff\ufffe\uffff]/g

function write(value: Json): string {
  // PyYAML and yaml.v2 read `yes`, `0644` and `1:20` as other types: version 1.1 quotes them.
  const document = new Document(value, {
    version: '1.1',
    aliasDuplicateObjects: false,
    // A string `<<` is a string.
    customTags: (tags) => tags.filter((tag) => typeof tag === 'string' || !tag.tag.endsWith(':merge')),
  })
  visit(document, {
    Scalar(_, node) {
      if (typeof node.value === 'string' && misread(node.value)) node.type = Scalar.QUOTE_DOUBLE
    },
  })
  return document
    .toString({ lineWidth: 0, blockQuote: 'literal', indentSeq: false })
    .replace(unprintable, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/** What PyYAML does not read back from the form that would be chosen: found by writing and reading all kinds of strings. */
function misread(text: string): boolean {
  const types = /^(=|<<|0o[0-7]+)$/.test(text)
  const blanks = text.includes('\n') ? /^\s/.test(text) : text.includes('\t')
  return types || blanks || text.search(unprintable) >= 0
}
