// Builds dist/gen.js. First it writes what is derived from data: precompiled templates and schema validators.

import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join, relative, resolve, sep } from 'node:path'
import { pathToFileURL } from 'node:url'
import { gzipAsync } from '@gfx/zopfli'
import Ajv from 'ajv'
import standaloneCode from 'ajv/dist/standalone/index.js'
import { build } from 'esbuild'
import Handlebars from 'handlebars'

const node20 = {
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  logLevel: 'warning',
  // Modules rather than CommonJS where a package has both: of these, only what is used gets into the bundle.
  mainFields: ['module', 'main'],
}
// Some CommonJS dependencies call require() for node's own modules.
const banner = {
  js: "import { dirname as __dirnameOf } from 'node:path'; import { fileURLToPath as __toPath } from 'node:url'; const __filename = __toPath(import.meta.url), __dirname = __dirnameOf(__filename); import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
}

function find(folder, suffix) {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(suffix))
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .sort()
}

/** generators/providers/<axis>/<provider>/templates/<name>.hbs → `<axis>/<provider>/<name>` */
function templates() {
  const lines = find('generators/providers', '.hbs').map((file) => {
    const name = relative('generators/providers', file)
      .split(sep)
      .filter((part) => part !== 'templates')
      .join('/')
      .replace(/\.hbs$/, '')
    const code = Handlebars.precompile(readFileSync(file, 'utf8'), {
      strict: true,
      noEscape: true,
      knownHelpersOnly: true,
    })
    return `  ${JSON.stringify(name)}: engine.template(${code}),`
  })
  const header = "import Handlebars from 'handlebars/runtime.js'\nconst engine = Handlebars.create()\n"
  writeFileSync(
    'generators/render/format/templates.gen.js',
    `${header}export const templates = {\n${lines.join('\n')}\n}\n`,
  )
}

async function validators() {
  const scratch = 'dist/.assemble.mjs'
  await build({ ...node20, banner, entryPoints: ['generators/blueprint/assemble.ts'], outfile: scratch })
  const { validatorSchemas } = await import(`${pathToFileURL(scratch)}?${Date.now()}`)
  const schemas = validatorSchemas()
  const ajv = new Ajv({
    allErrors: true,
    verbose: true,
    strict: true,
    strictRequired: false,
    allowUnionTypes: true,
    code: { source: true, esm: true },
  })
  // What a value has to look like, and what holds where there is none: for messages and tables.
  for (const keyword of ['expect', 'otherwise']) ajv.addKeyword({ keyword, schemaType: 'string' })
  const names = Object.keys(schemas)
  for (const [index, name] of names.entries()) ajv.addSchema({ ...schemas[name], $id: `v${index}` })
  const code = standaloneCode(ajv, Object.fromEntries(names.map((_, index) => [`v${index}`, `v${index}`])))
  const table = names.map((name, index) => `${JSON.stringify(name)}: v${index}`).join(', ')
  // Bundled once more because ajv leaves require() calls to its own runtime in the code.
  await build({
    ...node20,
    stdin: {
      contents: `${code}\nexport const validators = { ${table} }\n`,
      resolveDir: process.cwd(),
      loader: 'js',
    },
    minify: true,
    outfile: 'generators/blueprint/validators.gen.js',
  })
  rmSync(scratch)
}

const images = ['bake', 'verify', 'generalize', 'inventory'].map((name) => `image/${name}.sh`)
/** Each is sourced by `leaven` where it is there. */
const parts = ['control-plane', 'imds', 'archives', 'bundle', 'bake']

/** What runs on nodes, as it is shipped: without comments and indentation, and compressed once and for all. */
async function programs() {
  const entries = []
  for (const name of ['leaven', ...parts, 'leaven.service', ...images]) {
    const text = readFileSync(join('boot', name), 'utf8').replaceAll(
      /^[ \t]*#(?!!).*\n|^\n|^[ \t]+|(?<=\(\) \{) # .*$/gm,
      '',
    )
    const gzip = Buffer.from(await gzipAsync(Buffer.from(text), { numiterations: 15 })).toString('base64')
    entries.push(`  ${JSON.stringify(`boot/${name}`)}: ${JSON.stringify({ text, gzip })},`)
  }
  writeFileSync('generators/render/assets.gen.js', `export const assets = {\n${entries.join('\n')}\n}\n`)
}

mkdirSync('dist', { recursive: true })
templates()
await programs()
await validators()
// Parsing is half of what starting costs, so whitespace goes; names stay for the reader of a bug report.
const { outputFiles } = await build({
  ...node20,
  banner,
  entryPoints: {
    gen: 'generators/gen.ts',
    generate: 'generators/generate.effect.ts',
    leaven: 'generators/library.effect.ts',
  },
  outdir: 'dist',
  splitting: true,
  chunkNames: 'chunk-[hash]',
  minifyWhitespace: true,
  minifySyntax: true,
  write: false,
})
// Chunks first and old ones last, so that a `gen` that starts in between finds all of its own.
const isChunk = ({ path }) => basename(path).startsWith('chunk-')
for (const file of [...outputFiles.filter(isChunk), ...outputFiles.filter((file) => !isChunk(file))]) {
  writeFileSync(`${file.path}.tmp`, file.contents, { mode: isChunk(file) ? 0o644 : 0o755 })
  renameSync(`${file.path}.tmp`, file.path)
}
const current = new Set(outputFiles.map(({ path }) => path))
for (const file of find('dist', '.js')) if (!current.has(resolve(file))) rmSync(file)
