/** Pipelines that `gen ci` writes: read by those who read them for GitHub and GitLab, their steps run here. */
import { execFileSync, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { blueprint, place } from './support/command-line.ts'
import { bakeBlueprint } from './support/machines.ts'
import { actionlint, gitlabCiLocal } from './support/programs.ts'
import { run, withTools } from './support/tools.ts'

const golden = join(import.meta.dirname, 'golden/ci')
const scripts = join(import.meta.dirname, '../packer/ci')
const small = bakeBlueprint({ qemu: '{}', '"null"': '{ sshHost: 192.0.2.10 }' })
const github = '.github/workflows/machine-images.yml'
const gitlab = '.gitlab/machine-images.yml'

async function written(command: string, file: string, text = bakeBlueprint()) {
  const made = place({ 'cluster.yaml': text })
  const { code, err } = await made.gen(command)
  expect([code, err]).toEqual([0, expect.stringContaining(`gen: wrote ${file}\n`)])
  return { made, text: made.read(file).toString() }
}

describe('GitHub', () => {
  test('a workflow', async () => {
    const { text } = await written('ci github --role worker', github, small)
    await expect(text).toMatchFileSnapshot(join(golden, 'github.yml'))
  })

  const program = actionlint()
  test.skipIf(program === undefined)(
    'actionlint finds nothing, with every builder and both processors',
    async () => {
      for (const options of ['', '--builder qemu,amazon-ebs --arch arm64']) {
        const { made } = await written(`ci github ${options}`, github)
        expect(run(program ?? '', ['-no-color', made.path(github)])).toBe('')
      }
      const { made, text } = await written('ci github', github)
      writeFileSync(made.path(github), text.replace('runs-on:', 'run-on:'))
      expect(() => run(program ?? '', [made.path(github)])).toThrow()
    },
  )

  test('a secret reaches the builders that need it', async () => {
    const { text } = await written('ci github', github)
    const { jobs } = parse(text) as {
      jobs: { bake: { steps: { name?: string; env?: Record<string, string> }[] } }
    }
    const env = jobs.bake.steps.find(({ name }) => name === 'Image')?.env ?? {}
    expect(env['ARM_CLIENT_SECRET']).toBe(
      "${{ (matrix.builder == 'azure-arm') && secrets.ARM_CLIENT_SECRET || '' }}",
    )
    expect(env['VSPHERE_PASSWORD']).toContain(
      "matrix.builder == 'vsphere-iso' || matrix.builder == 'vsphere-clone'",
    )
  })
})

describe('GitLab', () => {
  test('a pipeline', async () => {
    const { text } = await written('ci gitlab --role worker', gitlab, small)
    await expect(text).toMatchFileSnapshot(join(golden, 'gitlab.yml'))
  })

  const program = gitlabCiLocal()
  test.skipIf(program === undefined)('GitLab\u2019s schema finds nothing, and one job an image', async () => {
    const { made, text } = await written('ci gitlab', gitlab)
    const check = (content: string) => {
      const repository = place({ '.gitlab-ci.yml': content })
      run('git', ['init', '-q', repository.folder])
      run('git', ['-C', repository.folder, 'remote', 'add', 'origin', 'git@gitlab.example.com:a/b.git'])
      const git = ['-C', repository.folder, '-c', 'user.name=a', '-c', 'user.email=a@example.com']
      run('git', [...git, 'commit', '-q', '--allow-empty', '-m', 'empty'])
      return execFileSync(process.execPath, [program ?? '', '--list-json'], {
        cwd: repository.folder,
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'pipe'],
      })
    }
    expect(made.list()).toContain(gitlab)
    const jobs = JSON.parse(check(text)) as { name: string }[]
    expect(jobs).toHaveLength(24)
    expect(jobs.map(({ name }) => name)).toContain('machine-image: [worker,qemu,amd64,kvm,true,made,28]')
    expect(() => check(text.replace('expire_in', 'expires_in'))).toThrow()
  })
})

describe('the steps', () => {
  const here = { PATH: process.env['PATH'] ?? '' }
  const step = (name: string, env: Record<string, string>, cwd = '/') =>
    new Promise<{ code: number | null; said: string }>((resolve) => {
      const child = spawn('bash', [join(scripts, `${name}.sh`)], { cwd, env: { ...here, ...env } })
      const chunks: Buffer[] = []
      for (const stream of [child.stdout, child.stderr])
        stream.on('data', (chunk: Buffer) => chunks.push(chunk))
      child.on('close', (code) => resolve({ code, said: Buffer.concat(chunks).toString() }))
    })

  test('no /dev/kvm, or one that nobody may write to: said at once, with the way out', async () => {
    const made = place({ kvm: '' })
    const missing = await step('kvm', { KVM_DEVICE: made.path('none') })
    expect([missing.code, missing.said]).toEqual([
      1,
      expect.stringMatching(/none is missing or not writable.*tcg/),
    ])
    expect((await step('kvm', { KVM_DEVICE: made.path('kvm') })).code).toBe(0)
  })

  test('too little disk space: said before anything is built', async () => {
    const full = await step('disk-space', { NEEDED_GIB: '1000000' })
    expect([full.code, full.said]).toEqual([1, expect.stringMatching(/1000000 GiB needed[\s\S]*too little/)])
    expect((await step('disk-space', { NEEDED_GIB: '0' })).code).toBe(0)
  })

  let server: Server | undefined
  afterAll(() => void server?.close())
  withTools('unzip', 'curl')('Packer is what its publisher lists, or is not installed', async () => {
    const made = place({ packer: '#!/bin/sh\necho Packer v1.9.4\n' })
    const machine = process.arch === 'arm64' ? 'arm64' : 'amd64'
    const name = `packer_1.9.4_linux_${machine}.zip`
    const zip =
      "import zipfile, sys\nz = zipfile.ZipFile(sys.argv[1], 'w')\ni = zipfile.ZipInfo('packer'); i.external_attr = 0o755 << 16\nz.writestr(i, open(sys.argv[2]).read())"
    execFileSync('python3', ['-c', zip, made.path(name), made.path('packer')])
    const bytes = made.read(name)
    const digest = createHash('sha256').update(bytes).digest('hex')
    let broken = true
    server = createServer((request, response) => {
      const sums = `${'0'.repeat(64)}  packer_1.9.4_darwin_amd64.zip\n${digest}  ${name}\n`
      response.end(
        request.url?.endsWith('SHA256SUMS') ? sums : broken ? Buffer.concat([bytes, Buffer.of(0)]) : bytes,
      )
    })
    await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve))
    const env = {
      PACKER_VERSION: '1.9.4',
      PACKER_HOME: made.path('home'),
      PACKER_RELEASES: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    }
    expect((await step('packer', env)).code).not.toBe(0)
    expect(made.list().filter((path) => path.startsWith('home'))).toEqual([])
    broken = false
    expect(await step('packer', env)).toEqual({ code: 0, said: expect.stringContaining('Packer v1.9.4') })
  })

  test('a machine of yours needs your key, and the step says so', async () => {
    const made = place()
    mkdirSync(made.path('bin'))
    // What npm installs is not the matter here.
    writeFileSync(made.path('bin/npm'), '#!/bin/sh\n', { mode: 0o755 })
    const env = {
      SSH_KEY: 'secret',
      PKR_VAR_ssh_private_key_file: made.path('key'),
      PATH: `${made.path('bin')}:${here.PATH}`,
    }
    const { code, said } = await step('generate', { ...env, BAKE_SSH_PRIVATE_KEY: '' })
    expect([code, said]).toEqual([1, expect.stringContaining('set the secret BAKE_SSH_PRIVATE_KEY')])
  })

  test('are the ones in the pipelines, whole', async () => {
    const { text } = await written('ci github --role worker', github, small)
    const { jobs } = parse(text) as { jobs: { bake: { steps: { run?: string }[] } } }
    for (const name of ['tools', 'packer', 'kvm', 'disk-space', 'generate', 'build'])
      expect(jobs.bake.steps.map((one) => one.run)).toContain(
        readFileSync(join(scripts, `${name}.sh`), 'utf8').replace(/^#!.*\n/, ''),
      )
  })
})

describe('refused, and nothing is written', () => {
  const table: readonly (readonly [name: string, command: string, code: number, message: RegExp])[] = [
    ['no make', 'ci', 2, /gen ci needs/],
    ['a make that there is not', 'ci jenkins', 2, /jenkins/],
    ['an unknown builder', 'ci github --builder quemu', 2, /did you mean qemu/],
    ['a kind of runner that there is not', 'ci gitlab --runner gpu=x', 2, /KIND is one of: any, kvm, own/],
    [
      'settings that are missing',
      'ci github --builder vsphere-iso',
      1,
      /^cluster\.yaml:\d+:\d+: error: .*lacks vcenterServer/,
    ],
    ['a blueprint of ours', 'ci github -b ha-kube-vip', 1, /reads its blueprint from the repository/],
    ['a file that is there', 'ci github -o cluster.yaml', 1, /cluster\.yaml exists already/],
  ]
  test.each(table)('%s', async (_, command, code, message) => {
    const made = place({ 'cluster.yaml': blueprint })
    const before = made.list()
    const ran = await made.gen(command)
    expect(ran.err).toMatch(message)
    expect([ran.code, ran.out]).toEqual([code, ''])
    expect(made.list()).toEqual(before)
  })
})
