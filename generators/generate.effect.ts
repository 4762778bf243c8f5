/** Writes what is derived from the schema: blueprints/schema.json and the field tables. `--check` fails when stale. */
import { readFileSync, writeFileSync } from 'node:fs'
import { editorSchema } from './blueprint/assemble.ts'
import { fieldTables } from './blueprint/field-tables.ts'

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
    writeFileSync(path, text)
    console.error(`wrote ${path}`)
  }
}
