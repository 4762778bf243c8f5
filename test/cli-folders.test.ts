/** What the built program writes as folders: seeds, ISO images, whole clusters; and what it leaves when it cannot. */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import type { Manifest } from '../generators/render/artifacts.ts'
import { blueprint, clusterPlace } from './support/command-line.ts'
import { isRoot, run, withTools } from './support/tools.ts'

const nodes = ['m1', 'm2', 'm3', 'w1']
const seedFiles = ['meta-data', 'network-config', 'user-data']
const asRoot = test.skipIf(!isRoot())
const asUser = test.skipIf(isRoot())

describe('seed', () => {
  const here = clusterPlace()

  test('makes three files for each node, user-data private', async () => {
    const { code, out } = await here.gen('seed -o seed')
    expect([code, out]).toEqual([0, ''])
    expect(here.list().filter((path) => path.startsWith('seed/'))).toEqual(
      nodes.flatMap((node) => seedFiles.map((file) => `seed/${node}/${file}`)),
    )
    expect([here.mode('seed/m1/user-data'), here.mode('seed/m1')]).toEqual([0o600, 0o700])
    expect(here.read('seed/m2/user-data')).toEqual(here.read('seed/m1/user-data'))
    expect(parse(here.read('seed/w1/meta-data').toString())).toEqual({
      'instance-id': 'prod-w1',
      'local-hostname': 'w1',
    })
    expect(here.read('seed/w1/network-config').toString()).toContain('172.31.253.71/24')
  })

  withTools('xorriso')('--iso makes images that cloud-init takes for NoCloud', async () => {
    const { code, err } = await here.gen('seed --iso --node m1 --node w1 -o iso')
    expect([code, err]).toEqual([0, 'gen: wrote iso/m1.iso\ngen: wrote iso/w1.iso\n'])
    expect(readdirSync(here.path('iso'))).toEqual(['m1.iso', 'w1.iso'])
    expect(here.mode('iso/m1.iso')).toBe(0o600)
    const image = here.path('iso/m1.iso')
    const read = run('xorriso', ['-indev', image, '-pvd_info', '-find', '/', '-type', 'f'])
    expect(read).toMatch(/^Volume Id\s*: cidata$/m)
    expect([...read.matchAll(/^'\/(.+)'$/gm)].map((match) => match[1]).sort()).toEqual(seedFiles)
    execFileSync(
      'xorriso',
      ['-osirrox', 'on', '-indev', image, '-extract', '/user-data', here.path('extracted')],
      { stdio: 'ignore' },
    )
    expect(here.read('extracted')).toEqual(here.read('seed/m1/user-data'))
  })

  test('without xorriso says so and leaves nothing', async () => {
    const bare = clusterPlace()
    const { code, err } = await bare.gen('seed --iso -o iso', { env: { PATH: '/nonexistent' } })
    expect(code).toBe(1)
    expect(err).toMatch(/^gen: xorriso is not installed\n {2}hint: .*install xorriso/)
    expect(bare.list()).toEqual(['cluster.yaml', 'prod.secrets.yaml'])
  })
})

describe('build', () => {
  const here = clusterPlace()
  const manifest = () => JSON.parse(here.read('out/prod/manifest.json').toString()) as Manifest
  const written = () => here.list().filter((path) => path.startsWith('out/prod/'))
  const times = () => written().map((path) => `${path} ${statSync(here.path(path)).mtimeMs}`)

  test('writes every node and pool, and a manifest of just that', async () => {
    const { code, out, err } = await here.gen('build')
    expect([code, out]).toEqual([0, ''])
    expect(err).toBe('gen: out/prod: 15 written, 0 unchanged, 0 deleted\n')
    expect(written().map((path) => path.slice('out/prod/'.length))).toEqual(
      [
        ...nodes.flatMap((node) => seedFiles.map((file) => `nodes/${node}/${file}`)),
        'pools/gpu/user-data',
        'plan.json',
        'manifest.json',
      ].sort(),
    )
    for (const { path, sha256, bytes, mode } of manifest().files) {
      const content = here.read(`out/prod/${path}`)
      expect([createHash('sha256').update(content).digest('hex'), content.length]).toEqual([sha256, bytes])
      expect(here.mode(`out/prod/${path}`)).toBe(Number.parseInt(mode, 8))
      expect(mode).toBe(path.endsWith('user-data') ? '0600' : '0644')
    }
    expect(manifest().files).toHaveLength(written().length - 1)
    expect(here.mode('out/prod/nodes/m1')).toBe(0o700)
  })

  test('a second build writes nothing', async () => {
    const before = times()
    expect((await here.gen('build')).err).toBe('gen: out/prod: 0 written, 15 unchanged, 0 deleted\n')
    expect(times()).toEqual(before)
  })

  test('deletes what it no longer writes, and nothing else', async () => {
    writeFileSync(here.path('out/prod/notes.txt'), 'mine')
    writeFileSync(here.path('out/prod/nodes/w1/notes.txt'), 'mine')
    writeFileSync(here.path('cluster.yaml'), blueprint.replace('name: w1', 'name: w9').replace('.71', '.79'))
    expect((await here.gen('build')).err).toMatch(/3 deleted\n$/)
    expect(written().filter((path) => path.includes('/w1/'))).toEqual(['out/prod/nodes/w1/notes.txt'])
    expect(existsSync(here.path('out/prod/nodes/w9/user-data'))).toBe(true)
    expect(existsSync(here.path('out/prod/notes.txt'))).toBe(true)
  })

  test('reads nothing from out/ but the list of its own files, which cannot lead it outside', async () => {
    const list = manifest()
    const stranger = here.path('stranger')
    writeFileSync(stranger, 'mine')
    const files = [...list.files, ...['../../stranger', stranger].map((path) => ({ ...list.files[0], path }))]
    writeFileSync(here.path('out/prod/manifest.json'), JSON.stringify({ ...list, files }))
    expect((await here.gen('build')).code).toBe(0)
    expect(existsSync(stranger)).toBe(true)
    writeFileSync(here.path('out/prod/manifest.json'), 'not JSON')
    writeFileSync(here.path('out/prod/nodes/m1/user-data'), 'tampered with')
    expect((await here.gen('build')).err).toMatch(/^gen: out\/prod: 2 written, /)
    expect(here.read('out/prod/nodes/m1/user-data').toString()).toMatch(/^#cloud-config\n/)
    expect(manifest().files).toEqual(list.files)
  })

  test('the same cluster elsewhere is the same bytes', async () => {
    const other = clusterPlace(here.read('cluster.yaml').toString())
    writeFileSync(other.path('prod.secrets.yaml'), here.read('prod.secrets.yaml'))
    await other.gen('build -o elsewhere')
    expect(other.read('elsewhere/manifest.json')).toEqual(here.read('out/prod/manifest.json'))
  })
})

describe('where it cannot write', () => {
  const left = ['cluster.yaml', 'prod.secrets.yaml']

  test.each(['build -o taken', 'seed -o taken', 'seed --iso -o taken', 'userdata --role worker -o taken/x'])(
    'gen %s names the path',
    async (command) => {
      const here = clusterPlace()
      writeFileSync(here.path('taken'), 'a file')
      const { code, err } = await here.gen(command)
      expect(code).toBe(1)
      expect(err).toMatch(/^gen: .*taken/)
      expect(err.trimEnd().split('\n').length).toBeLessThanOrEqual(2)
      expect(here.list()).toEqual([...left, 'taken'])
    },
  )

  const refused = async (here: ReturnType<typeof clusterPlace>) => {
    const { code, err } = await here.gen('build -o closed/out')
    expect(code).toBe(1)
    expect(err).toMatch(/^gen: .*closed\/out.*\n {2}hint: choose another folder with -o\n$/)
    expect(here.list()).toEqual(left)
  }

  asUser('a folder that is closed', async () => {
    const here = clusterPlace()
    mkdirSync(here.path('closed'), { mode: 0o500 })
    await refused(here)
  })

  // Root may write everywhere else.
  asRoot('a read-only disk', async () => {
    const here = clusterPlace()
    mkdirSync(here.path('closed'))
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'ro', 'tmpfs', here.path('closed')])
    try {
      await refused(here)
    } finally {
      execFileSync('umount', [here.path('closed')])
    }
  })

  test('a link that leads nowhere', async () => {
    const here = clusterPlace()
    symlinkSync('/nonexistent/target', here.path('out'))
    const { code, err } = await here.gen('build')
    expect(code).toBe(1)
    expect(err).toMatch(/^gen: .*out/)
  })

  asRoot('a full disk leaves whole files and no manifest', async () => {
    const here = clusterPlace()
    const disk = here.path('disk')
    mkdirSync(disk)
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', disk])
    try {
      const { code, err } = await here.gen(`build -o ${disk}/out`)
      expect(code).toBe(1)
      expect(err).toMatch(
        /^gen: no space left on the disk for .*\n {2}hint: choose another folder with -o\n$/,
      )
      expect(unfinished(disk)).toEqual([])
    } finally {
      execFileSync('umount', [disk])
    }
  })
})

describe('Ctrl-C', () => {
  const many = [...Array(1000).keys()].map(
    (n) =>
      `  - { name: n${n}, role: ${n < 3 ? 'master' : 'worker'}, address: 10.20.${n >> 7}.${(n % 128) + 1} }`,
  )
  const large = `kubernetes: { version: 1.31.4 }
name: prod
endpoint: { address: 10.20.255.250 }
network: { prefix: 16 }
nodes:
${many.join('\n')}
`
  const here = clusterPlace(large)

  test.each(['SIGINT', 'SIGTERM'] as const)(
    '%s in a build of 1,000 nodes leaves whole files only',
    async (name) => {
      const out = here.path(name)
      const ran = await here.gen(`build -o ${out}`, {
        started: (child) => {
          const poll = setInterval(() => {
            // In the middle: some nodes have their files, most do not.
            if (!existsSync(join(out, 'nodes/n40/user-data'))) return
            clearInterval(poll)
            child.kill(name)
          }, 1)
          child.on('exit', () => clearInterval(poll))
        },
      })
      expect(ran.signal).toBe(name)
      expect(existsSync(join(out, 'manifest.json'))).toBe(false)
      expect(unfinished(out)).toEqual([])
      const again = await here.gen(`build -o ${out}`)
      expect(again.err).toMatch(/: \d+ written, [1-9]\d* unchanged, 0 deleted\n$/)
    },
  )
})

/** Files that are not what a whole build would have there. */
function unfinished(folder: string): readonly string[] {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  )
  return files
    .filter(
      ({ name, parentPath }) => !seedFiles.includes(name) || statSync(join(parentPath, name)).size === 0,
    )
    .map(({ name, parentPath }) => join(parentPath, name))
    .filter((path) => !path.endsWith('/plan.json'))
}
