/** What `gen packer` writes, shown to Packer itself: Debian's 1.6.6 and 1.9.4, and whichever one $LEAVEN_PACKER names. */
import { spawn, spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import * as registry from '../generators/registry.ts'
import { place } from './support/command-line.ts'
import { type Keystone, keystone } from './support/keystone.ts'
import { bakeBlueprint, identity, makeKey, settings } from './support/machines.ts'
import { packer19 } from './support/programs.ts'
import { withTools } from './support/tools.ts'

const withPacker = withTools('packer', 'ssh-keygen')
const templates = join(import.meta.dirname, '../packer')
const builders = registry.builder.map(({ name }) => name)
/** 1.9.4 has these inside; the others' plugins come by `packer init`, from GitHub. */
const inside19 =
  'null qemu amazon-ebs vsphere-iso vsphere-clone googlecompute azure-arm virtualbox-iso'.split(' ')
const packers = [
  ['packer', builders] as const,
  [packer19(), inside19] as const,
  [process.env['LEAVEN_PACKER'], builders] as const,
].flatMap(([path, known]) => (path ? [[path, known] as const] : []))
const roles = ['control-plane', 'worker']

const made = place({ 'cluster.yaml': bakeBlueprint() })
const folderOf = (role: string, builder: string) => made.path(`out/prod/packer/${role}/${builder}-amd64`)
let cloud: Keystone
beforeAll(async () => {
  cloud = await keystone()
  makeKey(made.path('key'))
  const { code, err } = await made.gen('packer')
  expect([code, err]).toEqual([0, expect.stringContaining('wrote out/prod/packer/worker/hyperv-iso-amd64')])
})
afterAll(() => cloud.close())

/** Not waited for in one go: the cloud that it logs in to lives in this process. */
async function validate(
  packer: string,
  folder: string,
  env: Readonly<Record<string, string | undefined>> = {},
) {
  const child = spawn(packer, ['validate', '.'], {
    cwd: folder,
    env: {
      PATH: process.env['PATH'],
      HOME: made.folder,
      CHECKPOINT_DISABLE: '1',
      ...identity,
      OS_AUTH_URL: cloud.url,
      PKR_VAR_ssh_private_key_file: made.path('key'),
      ...env,
    },
  })
  const chunks: Buffer[] = []
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => chunks.push(chunk))
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve))
  return { code, said: Buffer.concat(chunks).toString().replace(bundled, '') }
}

/** 1.9 would rather be told of plugins in the template, where 1.6 does not understand them: they are in plugins/. */
const bundled =
  /Warning: Bundled plugins used[\s\S]*?Then run 'packer init' to manage installation of the plugins\s*/g

describe.each(packers)('%s', (packer, builders) => {
  describe.each(roles)('%s', (role) => {
    withPacker.each(builders)('%s is valid', async (builder) => {
      const { code, said } = await validate(packer, folderOf(role, builder))
      expect(said).not.toMatch(/error|warning/i)
      expect(code).toBe(0)
    })
  })

  if (builders.includes('openstack'))
    withPacker('openstack has logged in', () => expect(cloud.users).toContain('builder'))

  withPacker.each(builders)('%s says which variable is missing', async (builder) => {
    const path = join(folderOf('worker', builder), 'node.auto.pkrvars.json')
    const given = readFileSync(path, 'utf8')
    const values = JSON.parse(given) as Record<string, unknown>
    const needed = declared(builder).filter(({ hasDefault }) => !hasDefault)
    expect(needed.length).toBeGreaterThan(2)
    for (const { name } of needed) {
      writeFileSync(path, JSON.stringify({ ...values, [name]: undefined }))
      const { code, said } = await validate(packer, folderOf('worker', builder))
      expect([code, said], name).toEqual([1, expect.stringContaining(`Unset variable "${name}"`)])
    }
    writeFileSync(path, given)
  })

  const secret = [
    ['vsphere-iso', 'VSPHERE_USER'],
    ['vsphere-iso', 'VSPHERE_PASSWORD'],
    ['vsphere-clone', 'VSPHERE_PASSWORD'],
    ['proxmox-iso', 'PROXMOX_USERNAME'],
    ['proxmox-clone', 'PROXMOX_PASSWORD'],
    ['azure-arm', 'ARM_SUBSCRIPTION_ID'],
  ] as const
  withPacker.each(secret.filter(([builder]) => builders.includes(builder)))(
    '%s says that %s is missing',
    async (builder, name) => {
      const { code, said } = await validate(packer, folderOf('worker', builder), { [name]: undefined })
      expect([code, said]).toEqual([1, expect.stringContaining(`Set ${name}`)])
    },
  )

  withPacker.each([
    ['ubuntu', '"24.04"'],
    ['debian', '"12"'],
    ['rocky', '"9"'],
  ])('installers of %s %s boot by BIOS and UEFI', async (provider, release) => {
    for (const firmware of ['bios', 'uefi']) {
      const own = place({
        'cluster.yaml': bakeBlueprint(
          {
            qemu: '{ source: installer }',
            'vsphere-iso': settings['vsphere-iso'],
            'virtualbox-iso': '{}',
            'hyperv-iso': '{}',
          },
          { head: `os: { provider: ${provider}, release: ${release} }\n`, bake: `  firmware: ${firmware}\n` },
        ),
      })
      expect((await own.gen('packer --role worker -o out')).code).toBe(0)
      for (const name of readdirSync(own.path('out/worker'))) {
        if (!builders.includes(name.replace('-amd64', ''))) continue
        const { code, said } = await validate(packer, own.path(`out/worker/${name}`))
        expect([code, said], `${name} ${firmware}`).toEqual([0, expect.not.stringMatching(/error|warning/i)])
      }
    }
  })

  withPacker('arm64', async () => {
    const arm = {
      qemu: '{}',
      '"null"': '{ sshHost: 192.0.2.10 }',
      'amazon-ebs': '{ region: eu-west-1 }',
      googlecompute: settings.googlecompute,
      'azure-arm': settings['azure-arm'],
    }
    const own = place({ 'cluster.yaml': bakeBlueprint(arm) })
    expect((await own.gen('packer --role worker --arch arm64 -o out')).code).toBe(0)
    for (const name of readdirSync(own.path('out/worker'))) {
      const { code, said } = await validate(packer, own.path(`out/worker/${name}`))
      expect([code, said], name).toEqual([0, expect.not.stringMatching(/error|warning/i)])
    }
  })

  withPacker('every template is formatted', () => {
    const folders = readdirSync(templates, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.name.endsWith('.pkr.hcl'))
      .map((entry) => entry.parentPath)
    expect(new Set(folders).size).toBeGreaterThan(20)
    for (const folder of new Set(folders)) {
      const { status, stdout } = spawnSync(packer, ['fmt', '-check', folder], { encoding: 'utf8' })
      expect([status, stdout], folder).toEqual([0, ''])
    }
  })
})

/** What the HCL declares, shared and of its own. */
function declared(builder: string): readonly { readonly name: string; readonly hasDefault: boolean }[] {
  return ['variables.pkr.hcl', `${builder}/source.pkr.hcl`].flatMap((file) => {
    const text = readFileSync(join(templates, file), 'utf8')
    return [...text.matchAll(/^variable "(\w+)" \{\n([\s\S]*?)^\}/gm)].map(([, name = '', body = '']) => ({
      name,
      hasDefault: /^ {2}default +=/m.test(body),
    }))
  })
}

describe('the variables', () => {
  test.each(builders)('of %s are what its HCL declares, and everything that has no default', (builder) => {
    const known = declared(builder)
    for (const role of roles) {
      const file = join(folderOf(role, builder), 'node.auto.pkrvars.json')
      const given = Object.keys(JSON.parse(readFileSync(file, 'utf8')) as object)
      expect(known.map(({ name }) => name)).toEqual(expect.arrayContaining(given))
      expect(given).toEqual(
        expect.arrayContaining(known.filter(({ hasDefault }) => !hasDefault).map(({ name }) => name)),
      )
    }
  })

  test.each(registry.builder.map((builder) => [builder.name, builder.options] as const))(
    'of %s have the defaults that the blueprint’s fields name',
    (builder, options) => {
      const text = readFileSync(join(templates, builder, 'source.pkr.hcl'), 'utf8')
      for (const [option, field] of Object.entries(options)) {
        const name = option.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
        const body = new RegExp(`^variable "${name}" \\{\\n([\\s\\S]*?)^\\}`, 'm').exec(text)?.[1]
        const preset = (field as { default?: unknown }).default
        if (body === undefined || preset === undefined) continue
        const written = / default +=\s*(.+)/.exec(body)?.[1] ?? 'none'
        expect([option, JSON.parse(written)]).toEqual([option, preset])
      }
    },
  )

  test.each(builders)('of %s that are secret are sensitive, and have no value in any file', (builder) => {
    const text = readFileSync(join(templates, builder, 'source.pkr.hcl'), 'utf8')
    for (const [, name, body] of text.matchAll(
      /^variable "(\w*(?:password|secret)\w*)" \{\n([\s\S]*?)^\}/gm,
    )) {
      expect(body, name).toMatch(/^ {2}sensitive += true$/m)
      expect(body, name).toMatch(/^ {2}default +=( env\("\w+"\)| "")$/m)
      const values = readFileSync(join(folderOf('worker', builder), 'node.auto.pkrvars.json'), 'utf8')
      expect(values).not.toContain(`"${name}"`)
    }
  })
})
