/** What the documents say, done: blueprints are compiled, commands are run, links lead somewhere. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { compile } from '../generators/compile.ts'
import { builtInBlueprint, loadKubernetesTable } from '../generators/effects/assets.effect.ts'
import { hasErrors } from '../generators/model/diagnostic.ts'
import { scratchFolder } from './support/secrets.ts'
import { asProcess } from './support/terminal.ts'
import { run } from './support/tools.ts'

const documents = [
  ...[
    'README.md',
    'CONTRIBUTING.md',
    'blueprints/README.md',
    'examples/README.md',
    'generators/README.md',
    'boot/README.md',
  ],
  ...readdirSync('docs')
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
].filter(existsSync)

interface Block {
  readonly file: string
  readonly line: number
  readonly language: string
  readonly text: string
}

function blocksOf(file: string): readonly Block[] {
  const text = readFileSync(file, 'utf8')
  return [...text.matchAll(/^```(\S*)\n([\s\S]*?)^```$/gm)].map(
    ({ 1: language = '', 2: body = '', index }) => ({
      file,
      line: text.slice(0, index).split('\n').length,
      language,
      text: body,
    }),
  )
}

const blocks = documents.flatMap(blocksOf)
const kubernetes = loadKubernetesTable()
const base = parse(Buffer.from(builtInBlueprint('ha-kube-vip')).toString()) as Record<string, unknown>

/** A fragment in place of the same fields of the example; as text, for some of them are no YAML. */
function around(fragment: string): Uint8Array {
  const own = new Set([...fragment.matchAll(/^([a-zA-Z]+):/gm)].map(([, key]) => key))
  const rest = Object.entries(base).filter(([key]) => !own.has(key))
  const lines = rest.map(([key, value]) => `${key}: ${JSON.stringify(value)}\n`)
  return new TextEncoder().encode(`${lines.join('')}${fragment}`)
}

const isWrongOnPurpose = ({ file }: Block) => file === 'docs/diagnostics.md'

describe('YAML', () => {
  const shown = blocks.filter((block) => block.language === 'yaml' && !isWrongOnPurpose(block))

  test.each(shown.map((block) => [`${block.file}:${block.line}`, block.text]))('%s compiles', (_, text) => {
    const { diagnostics } = compile({ file: 'fragment', blueprint: around(text), kubernetes })
    expect(diagnostics.filter(({ severity }) => severity !== 'info')).toEqual([])
  })

  test('there is some', () => expect(shown.length).toBeGreaterThan(1))
})

describe('the examples of gen explain are wrong in the way that they say', () => {
  const page = readFileSync('docs/diagnostics.md', 'utf8')
  const examples = page
    .split(/^### /m)
    .slice(1)
    .flatMap((section) => {
      const code = section.split('\n')[0] ?? ''
      const fragment = /^```yaml\n([\s\S]*?)^```$/m.exec(section)?.[1]
      return fragment === undefined || code.startsWith('secrets/') ? [] : [[code, fragment] as const]
    })

  test.each(examples)('%s', (code, fragment) => {
    const { diagnostics } = compile({ file: 'fragment', blueprint: around(fragment), kubernetes })
    expect(diagnostics.map((diagnostic) => diagnostic.code)).toContain(code)
  })
})

describe('commands', () => {
  const scripts = blocks.filter(({ language }) => language === 'sh')
  const { scripts: known } = JSON.parse(readFileSync('package.json', 'utf8')) as {
    scripts: Record<string, string>
  }
  const scratch = scratchFolder()

  test.each(documents.filter((file) => scripts.some((block) => block.file === file)))(
    'of %s work, one after the other',
    (file) => {
      const folder = mkdtempSync(join(scratch, 'docs-'))
      for (const { text, line } of scripts.filter((block) => block.file === file))
        for (const command of text
          .split('\n')
          .map((entry) => entry.replace(/#.*/, '').trim())
          .filter(Boolean))
          for (const part of command.split(' && ')) runs(part, folder, `${file}:${line}: ${part}`)
    },
  )

  /** `gen …` is run; npm's own words and our scripts only have to exist, for they run these tests. */
  function runs(command: string, folder: string, where: string): void {
    const [, script] = /^npm (?:run )?([\w:]+)(?: -- .*)?$/.exec(command) ?? []
    if (script !== undefined) {
      expect(['ci', ...Object.keys(known)], where).toContain(script)
      return
    }
    if (command.startsWith('ssh-keygen ')) {
      run('sh', ['-c', `cd "$1" && ${command}`, '-', folder])
      return
    }
    // Packer has tests of its own.
    if (/^(cd|packer|PKR_VAR_\w+=\S+ packer) /.test(command)) return
    const [, args = '', target] = /^(?:npx )?gen ([^>]*?)(?:> *(\S+))?$/.exec(command) ?? []
    expect(args, `${where} is not a command that this test knows`).not.toBe('')
    const { code, out, err } = asProcess(folder, args.trim().split(/ +/))
    expect(code, `${where}\n${err}`).toBe(0)
    if (target !== undefined) writeFileSync(join(folder, target), out)
  }
})

describe('links', () => {
  test.each(documents)('of %s lead to files that are there', (file) => {
    const links = [...readFileSync(file, 'utf8').matchAll(/\]\((?!https?:|#)([^)#]+)[^)]*\)/g)].map(
      ([, link = '']) => link,
    )
    expect(links.filter((link) => !existsSync(join(dirname(file), link)))).toEqual([])
  })
})

describe('a fresh user', () => {
  test('starts, mistypes, is told, mends it, and has texts to paste', async () => {
    const folder = mkdtempSync(join(scratchFolder(), 'fresh-'))
    const steps: string[] = []
    const gen = (...args: readonly string[]) => {
      const { code, out, err } = asProcess(folder, args)
      const shown = args[0] === 'userdata' ? `(${out.split('\n')[0]} …)\n` : out
      steps.push(`$ gen ${args.join(' ')}\n${shown}${err.replaceAll(folder, '.')}(exit ${code})\n`)
      return { code, out }
    }
    gen(
      'init',
      '--yes',
      '--name=prod',
      '--kubernetes=1.35',
      '--endpoint=10.1.2.10',
      '--masters=10.1.2.11,10.1.2.12,10.1.2.13',
      '--workers=10.1.2.21,10.1.2.22',
    )
    const path = join(folder, 'cluster.yaml')
    const right = readFileSync(path, 'utf8')
    const wrong = right
      .replace('address: 10.1.2.10', 'adress: 10.1.2.10')
      .replace('role: worker', 'role: wroker')
      .replace('10.1.2.13', '10.1.2.12')
    writeFileSync(path, wrong)
    steps.push('(the user mistypes)\n')
    expect(gen('validate').code).toBe(1)
    writeFileSync(path, right.replace('10.1.2.13', '10.1.2.12'))
    steps.push('(the user mends what was shown)\n')
    expect(gen('validate').code).toBe(1)
    writeFileSync(path, right)
    steps.push('(and the rest)\n')
    expect(gen('validate', '--strict').code).toBe(0)
    expect(gen('userdata', '--role', 'master').code).toBe(1)
    expect(gen('secrets', 'create').code).toBe(0)
    const [master, worker] = [gen('userdata', '--role', 'master'), gen('userdata', '--role', 'worker')]
    expect([master.code, worker.code]).toEqual([0, 0])
    expect(hasErrors(compile({ file: 'x', blueprint: Buffer.from(right), kubernetes }).diagnostics)).toBe(
      false,
    )
    expect(master.out).toMatch(/^#cloud-config\n/)
    await expect(steps.join('\n')).toMatchFileSnapshot('golden/fresh-user.txt')
  })
})
