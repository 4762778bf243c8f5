/** Writes what is derived: the editors' schema, the field tables, the page of codes. `--check` fails when stale. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { editorSchema } from './blueprint/assemble.ts'
import { explanationPage } from './blueprint/explain.ts'
import { fieldTables } from './blueprint/field-tables.ts'
import { explanations } from './explanations.ts'

const begin = '<!-- fields: begin (generated, do not edit) -->'
const end = '<!-- fields: end -->'

function targets(): readonly (readonly [string, string])[] {
  const guide = readFileSync('blueprints/README.md', 'utf8')
  const [before, rest] = guide.split(begin)
  const after = rest?.split(end)[1]
  if (before === undefined || after === undefined) throw new Error('blueprints/README.md lacks the markers')
  return [
    ['blueprints/schema.json', `${JSON.stringify(editorSchema(), null, 2)}\n`],
    ['blueprints/README.md', `${before}${begin}\n\n${fieldTables()}\n${end}${after}`],
    ['docs/diagnostics.md', explanationPage(explanations)],
  ]
}

const check = process.argv.includes('--check')
for (const [path, text] of targets()) {
  const current = (() => {
    try {
      return readFileSync(path, 'utf8')
    } catch {
      return undefined
    }
  })()
  if (current === text) continue
  if (check) {
    console.error(`${path} is stale: run npm run generate`)
    process.exitCode = 1
  } else {
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, text)
    console.error(`wrote ${path}`)
  }
}
