/** The house's rules, read from the sources themselves: who imports whom, what may touch the world, how large things are. */
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { describe, expect, test } from 'vitest'
import { axes } from '../generators/blueprint/assemble.ts'
import type { Json, JsonObject } from '../generators/model/json.ts'
import type { Axis, Provider } from '../generators/providers/provider.ts'
import * as registry from '../generators/registry.ts'

const root = join(import.meta.dirname, '..')
const read = (path: string) => readFileSync(join(root, path), 'utf8')
const tracked = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
  cwd: root,
  encoding: 'utf8',
})
  .split('\0')
  .filter((path) => path !== '' && existsSync(join(root, path)) && statSync(join(root, path)).isFile())
const sources = tracked.filter((path) => path.startsWith('generators/') && path.endsWith('.ts'))

interface Import {
  readonly from: string
  /** A path below generators/, or a package's name. */
  readonly to: string
  readonly typesOnly: boolean
}

function importsOf(path: string): readonly Import[] {
  const pattern =
    /^(?:import|export)\b( type\b)?[^'"]*?from '([^']+)'|\bimport\('([^']+)'\)|^import '([^']+)'/gm
  return [...read(path).matchAll(pattern)].map(([, type, from, dynamic, bare]) => {
    const name = from ?? dynamic ?? bare ?? ''
    const to = name.startsWith('.') ? relative('generators', join(dirname(path), name)) : name
    return { from: path.slice('generators/'.length), to, typesOnly: type !== undefined }
  })
}
const imports = sources.flatMap(importsOf)

/** What touches the world may import anything; so may what is written by hand for one program. */
const mayTouchTheWorld = (path: string) => /^(cli|effects)\/|\.effect\.ts$|^gen\.ts$/.test(path)
const pure = imports.filter(({ from }) => !mayTouchTheWorld(from))

/** Beside its own folder; `type` before a path allows its types alone. generators/README.md says why. */
const allowed: Readonly<Record<string, readonly string[]>> = {
  model: ['type facts/'],
  facts: ['model/'],
  secrets: ['model/'],
  lock: ['model/', 'images/'],
  bundle: ['model/', 'render/file.ts'],
  providers: ['model/', 'facts/', 'secrets/kubeconfig.ts'],
  // The field tables list the variables that a user's templates may name.
  blueprint: ['model/', 'registry.ts', 'type providers/provider.ts', 'plan/texts.ts'],
  plan: [
    'model/',
    'facts/',
    'blueprint/',
    'images/found.ts',
    'images/reference.ts',
    'registry.ts',
    'render/kubeadm/',
    'render/format/',
    'secrets/kubeconfig.ts',
    'lock/pin.ts',
    'type providers/provider.ts',
  ],
  // Types of AWS's requests come from its SDK; what is sent is decided here and sent by effects/aws/.
  aws: ['model/', 'plan/sizing.ts', 'type providers/provider.ts'],
  // Limits and names of providers, which are data.
  render: ['model/', 'type facts/', 'type providers/provider.ts', 'registry.ts'],
  images: ['model/'],
}
const isAllowed = (rules: readonly string[], { to, typesOnly }: Import) =>
  rules.some((rule) =>
    rule.startsWith('type ') ? typesOnly && to.startsWith(rule.slice(5)) : to.startsWith(rule),
  )
const isOurs = (to: string) => existsSync(join(root, 'generators', to))

describe('who imports whom', () => {
  test('the imports were found', () => {
    expect(sources.length).toBeGreaterThan(100)
    expect(imports.length).toBeGreaterThan(400)
    expect(imports.some(({ from, to }) => from === 'compile.ts' && to === 'plan/cluster.ts')).toBe(true)
  })

  test.each(Object.entries(allowed))('%s/', (folder, rules) => {
    const wrong = pure.filter(
      (entry) =>
        entry.from.startsWith(`${folder}/`) &&
        isOurs(entry.to) &&
        !isAllowed([`${folder}/`, ...rules], entry),
    )
    expect(wrong).toEqual([])
  })

  test('every folder has its rule', () => {
    const folders = readdirSync(join(root, 'generators'), { withFileTypes: true })
    const named = folders.filter((entry) => entry.isDirectory()).map(({ name }) => name)
    expect(named.sort()).toEqual([...Object.keys(allowed), 'cli', 'effects'].sort())
  })

  test('no provider knows another', () => {
    const home = (path: string) => /^providers\/[^/]+\/[^/]+(?=\/)/.exec(path)?.[0]
    const axis = (path: string) => /^providers\/[^/]+(?=\/)/.exec(path)?.[0]
    const wrong = imports.filter(({ from, to }) => {
      if (home(from) === undefined || !to.startsWith('providers/')) return false
      // What variants of one axis share lies beside their folders.
      return home(to) === undefined
        ? axis(to) !== undefined && axis(to) !== axis(from)
        : home(to) !== home(from)
    })
    expect(wrong).toEqual([])
  })

  test('what is pure imports nothing that touches the world, and no effect', () => {
    const wrong = pure.filter(
      ({ to }) => (/^node:/.test(to) && to !== 'node:crypto') || to === 'zx' || mayTouchTheWorld(to),
    )
    expect(wrong).toEqual([])
  })
})

describe('what is pure', () => {
  const code = (path: string) => read(path).replaceAll(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '')
  const world =
    /\bDate\.now\b|\bnew Date\(\)|\bMath\.random\b|\bprocess\.|\bperformance\.|\bfetch\(|\bcrypto\.(random|getRandom)|\b(randomBytes|randomUUID|generateKeyPair)\w*\(/

  test('has no clock, no randomness and no process', () => {
    const wrong = sources
      .filter((path) => !mayTouchTheWorld(path.slice('generators/'.length)))
      .filter((path) => world.test(code(path)))
    expect(wrong).toEqual([])
  })

  test('this test would notice', () => {
    expect(world.test('const now = new Date()')).toBe(true)
    expect(world.test('new Date(text)')).toBe(false)
  })

  test('nothing reads from out/ but the build, which asks what it wrote last', () => {
    const readers = sources.filter(
      (path) => /readFile|readdir/.test(code(path)) && /['"`/]out\b/.test(code(path)),
    )
    expect(readers).toEqual([])
    expect(sources.filter((path) => code(path).includes("'manifest.json'")).sort()).toEqual([
      'generators/cli/output.effect.ts',
      // Not ours: Docker calls its list of images so.
      'generators/effects/archive/docker.effect.ts',
      // What Packer was given, hashed for the image's provenance.
      'generators/effects/built-folder.effect.ts',
      'generators/render/artifacts.ts',
    ])
  })
})

describe('providers', () => {
  const all: Readonly<Record<Axis, readonly Provider[]>> = registry
  const names = Object.keys(all) as Axis[]

  test('the registry names every folder, and nothing else', () => {
    const below = (folder: string) =>
      readdirSync(join(root, folder), { withFileTypes: true })
        .filter((entry) => entry.isDirectory())
        .map(({ name }) => name)
        .sort()
    expect([...names].sort()).toEqual(below('generators/providers'))
    for (const axis of names)
      expect([axis, ...all[axis].map(({ name }) => name).sort()]).toEqual([
        axis,
        ...below(`generators/providers/${axis}`),
      ])
  })

  test('every axis falls back to a provider that is there', () => {
    for (const { axis, fallback } of axes) expect(all[axis].map(({ name }) => name)).toContain(fallback)
  })

  const provided = names.flatMap((axis) =>
    all[axis].map((provider) => [`${axis}/${provider.name}`, provider] as const),
  )
  test.each(provided)('%s says what it is and what its options are', (_, provider) => {
    expect(provider.summary).toMatch(/\S{3}/)
    expect(provider.summary).not.toContain('\n')
    for (const [name, option] of Object.entries(provider.options)) {
      const { description, default: preset, examples } = option as JsonObject
      expect(description, name).toMatch(/\S{3}/)
      const told = preset !== undefined || examples !== undefined || provider.required?.includes(name)
      expect(
        told || hasValues(option),
        `${name} has neither default nor example, and need not be given`,
      ).toBe(true)
    }
  })

  /** What can be had is seen from the schema itself. */
  function hasValues(option: Json | undefined): boolean {
    const { enum: values, type, items, properties } = option as JsonObject
    return (
      values !== undefined ||
      type === 'boolean' ||
      properties !== undefined ||
      (items !== undefined && hasValues(items))
    )
  }
})

describe('sizes and names', () => {
  test('no source has more than 300 lines', () => {
    const long = [...sources, 'build.mjs'].filter((path) => read(path).split('\n').length > 301)
    expect(long).toEqual([])
  })

  test('no function has more than 50', () => {
    const long = sources.flatMap((path) => {
      const lines = read(path).split('\n')
      return lines.flatMap((line, start) => {
        const indent =
          /^( *)(?:export )?(?:async )?(?:function\*? \w+|(?:readonly )?(?:run|rules|contribute)\()/.exec(
            line,
          )?.[1]
        if (indent === undefined || !line.includes('(')) return []
        const end = lines.findIndex(
          (other, index) =>
            index > start &&
            other.startsWith(`${indent}}`) &&
            !other.startsWith(`${indent}})`) &&
            !/^\s*\}[^,]*\{$/.test(other),
        )
        return end - start + 1 > 50 ? [`${path}:${start + 1} ${end - start + 1} lines`] : []
      })
    })
    expect(long).toEqual([])
  })

  test('no folder is a drawer for everything', () => {
    expect(tracked.filter((path) => /(^|\/)(utils?|helpers?|common|lib|core|misc)\//.test(path))).toEqual([])
  })

  test('file names are kebab-case', () => {
    expect(sources.filter((path) => !/^[a-z0-9/-]+(\.effect|\.gen\.d)?\.ts$/.test(path))).toEqual([])
  })
})

describe('what is published', () => {
  test('no file names a place on the machine where it was written', () => {
    const places = [
      ['', 'work', 'shared'],
      ['', 'work', 'main'],
      ['', 'root', ''],
      ['', 'home', 'runner'],
    ].map((parts) => parts.join('/'))
    const text = tracked.filter((path) => !/\.(png|pem|gz)$/.test(path))
    // A home of root is also where kubeadm's users keep their kubeconfig: only what we ourselves would have written.
    const wrong = text.filter((path) => places.slice(0, 2).some((place) => read(path).includes(place)))
    expect(wrong).toEqual([])
  })

  test('packages come from the public registry', () => {
    const resolved = [...read('package-lock.json').matchAll(/"resolved": "([^"]+)"/g)].map(
      (match) => match[1] ?? '',
    )
    expect(resolved.filter((url) => !url.startsWith('https://registry.npmjs.org/'))).toEqual([])
  })

  test('the package holds what the program reads', () => {
    const listed = execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
      cwd: root,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    const [{ files }] = JSON.parse(listed) as [{ files: { path: string }[] }]
    const packed = new Set(files.map(({ path }) => path))
    const needed = tracked.filter((path) =>
      /^(blueprints\/[^/]+\.yaml|generators\/facts\/kubernetes\/.+\.json)$/.test(path),
    )
    expect(needed.length).toBeGreaterThan(20)
    expect(
      [...needed, 'dist/gen.js', 'dist/leaven.js', 'package.json'].filter((path) => !packed.has(path)),
    ).toEqual([])
  })
})
