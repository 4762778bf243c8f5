/** The package as it is published: what is in it, that it works without our sources, and that its types do. */
import { cpSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { scratchFolder } from './support/secrets.ts'
import { run } from './support/tools.ts'

const project = mkdtempSync(join(scratchFolder(), 'project-'))
const installed = join(project, 'node_modules/leaven')
const root = join(import.meta.dirname, '..')
const gen = (...args: readonly string[]) =>
  run('sh', [
    '-c',
    `cd '${project}' && exec '${process.execPath}' node_modules/leaven/dist/gen.js "$@"`,
    'gen',
    ...args,
  ])

beforeAll(() => {
  run(process.execPath, [
    join(root, 'node_modules/typescript/bin/tsc'),
    '-p',
    join(root, 'tsconfig.types.json'),
  ])
  // Scripts would build anew; the test looks at the build that is there.
  run('npm', ['pack', '--silent', '--ignore-scripts', '--pack-destination', project, root])
  mkdirSync(installed, { recursive: true })
  run('sh', ['-c', `tar -xzf '${project}'/leaven-*.tgz -C '${installed}' --strip-components 1`])
  writeFileSync(join(project, 'package.json'), '{ "type": "module" }')
  gen(
    'init',
    '--yes',
    '--name=shop',
    '--endpoint=10.1.2.10',
    '--masters=10.1.2.11,10.1.2.12,10.1.2.13',
    '--workers=10.1.2.21',
  )
  gen('secrets', 'create')
})

/** Runs a program that imports the package, and returns what it prints. */
function program(text: string): string {
  writeFileSync(join(project, 'program.js'), text)
  return run('sh', ['-c', `cd '${project}' && exec '${process.execPath}' program.js`])
}

describe('as a dependency', () => {
  test('gives the bytes that gen gives', () => {
    const printed = program(`import { loadCluster } from 'leaven'
const cluster = await loadCluster('cluster.yaml')
const { base64, encoding } = await cluster.userData({ role: 'master' })
const node = await cluster.userData({ node: 'w1' })
console.log(JSON.stringify({ base64, encoding, node: node.base64, nodes: cluster.plan.nodes.map((node) => node.name) }))`)
    const found = JSON.parse(printed) as { base64: string; encoding: string; node: string; nodes: string[] }
    expect(Buffer.from(found.base64, 'base64').toString()).toBe(gen('userdata', '--role', 'master'))
    expect(Buffer.from(found.node, 'base64').toString()).toBe(gen('userdata', '--role', 'worker'))
    expect(found).toMatchObject({ encoding: 'plain', nodes: ['m1', 'm2', 'm3', 'w1'] })
  })

  test('throws every problem at once, and names a pool that is not there', () => {
    writeFileSync(
      join(project, 'wrong.yaml'),
      'kubernetes: { version: 1.31.4 }\nendpoint: { adress: 1.2.3.4 }\nnode: []\n',
    )
    const printed = program(`import { BlueprintError, loadCluster } from 'leaven'
const wrong = await loadCluster('wrong.yaml').catch((problem) => problem)
const cluster = await loadCluster('cluster.yaml')
const pool = await (async () => cluster.userData({ pool: 'x' }))().catch((problem) => problem)
const missing = await loadCluster('cluster.yaml', { secrets: 'nowhere.yaml' }).catch((problem) => problem)
console.log(JSON.stringify({ is: wrong instanceof BlueprintError, message: wrong.message, pool: String(pool), missing: String(missing) }))`)
    const found = JSON.parse(printed) as Record<string, string | boolean>
    expect(found['is']).toBe(true)
    expect(found['message']).toMatch(/wrong\.yaml:2:\d+: error: .*adress[\s\S]*wrong\.yaml:3:1: error/)
    expect(found['pool']).toBe('RangeError: the blueprint has no pool x')
    expect(found['missing']).toMatch(/BlueprintError: .*nowhere\.yaml does not exist/)
  })

  test('compiles bytes without touching a file, secrets withheld', () => {
    const printed = program(`import { compile, loadFacts } from 'leaven'
const blueprint = new TextEncoder().encode('kubernetes: {version: 1.31.4}\\nendpoint: {address: 10.0.0.10}\\nnodes: [{name: m1, role: master, address: 10.0.0.11}]')
const { plan, groups, diagnostics } = compile({ file: 'inline', blueprint, kubernetes: loadFacts() })
console.log(JSON.stringify({ name: plan.name, files: groups[0].files.length, diagnostics }))`)
    expect(JSON.parse(printed)).toMatchObject({ name: 'kubernetes', diagnostics: [] })
  })

  test('holds no source, no test and no secret', () => {
    const listed = run('sh', ['-c', `cd '${installed}' && find . -type f`]).split('\n')
    expect(
      listed.filter((file) => /\.secrets\.yaml$|^\.\/test|^\.\/generators\/(?!facts\/kubernetes)/.test(file)),
    ).toEqual([])
    expect(listed).toContain('./dist/types/library.effect.d.ts')
  })
})

describe('examples', () => {
  test('their types are right against the published ones', () => {
    for (const name of ['pulumi', 'cdk'])
      cpSync(join(root, `examples/${name}.ts`), join(project, `${name}.ts`))
    cpSync(join(root, 'test/support/clouds'), join(project, 'clouds'), { recursive: true })
    writeFileSync(
      join(project, 'tsconfig.json'),
      JSON.stringify({
        compilerOptions: {
          module: 'nodenext',
          target: 'es2023',
          strict: true,
          noEmit: true,
          skipLibCheck: true,
          exactOptionalPropertyTypes: true,
          typeRoots: [join(root, 'node_modules/@types')],
          types: ['node'],
        },
        include: ['*.ts', 'clouds/*.d.ts'],
      }),
    )
    const check = () => run(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', project])
    expect(check()).toBe('')
    // Wrong use has to be seen, or the check above would prove nothing.
    const text = readFileSync(join(project, 'cdk.ts'), 'utf8')
    writeFileSync(
      join(project, 'cdk.ts'),
      text.replace("{ pool: 'autoscaling' }", "{ pools: 'autoscaling' }"),
    )
    expect(check).toThrow()
  })
})
