/** Data → YAML as YAML 1.1 readers understand it: cloud-init's PyYAML and Kubernetes' own alike. */
import { stringify } from 'yaml'
import type { Json } from '../../model/json.ts'

/** Documents separated by `---`; long lines stay whole, multi-line strings are literal blocks. */
export function toYaml(documents: readonly Json[]): string {
  return documents
    .map((document) =>
      // PyYAML and yaml.v2 read `yes`, `0644` and `1:20` as other types: version 1.1 quotes them.
      stringify(document, {
        version: '1.1',
        lineWidth: 0,
        blockQuote: 'literal',
        indentSeq: false,
        aliasDuplicateObjects: false,
      }),
    )
    .join('---\n')
}
