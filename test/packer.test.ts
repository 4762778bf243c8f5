/** What `gen packer` writes, what installers are told, and what it refuses. Packer itself: packer-validate.test.ts. */
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Ajv } from 'ajv'
import { beforeAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { planOf, scratch, someImages, write } from './support/archives.ts'
import { blueprint, clusterPlace, place } from './support/command-line.ts'
import { bakeBlueprint, publicKey, settings, textsBelow } from './support/machines.ts'
import { run, withTools } from './support/tools.ts'

const templates = textsBelow(join(import.meta.dirname, '../packer'))
const template = (name: string) => templates[name] ?? ''
const golden = join(import.meta.dirname, 'golden/packer')

/** The folder of one machine, as text. */
async function machine(
  text: string,
  builder: string,
  options = '',
): Promise<Readonly<Record<string, string>>> {
  const made = clusterPlace(text)
  const { code, err } = await made.gen(`packer --role worker --builder ${builder} -o out ${options}`)
  expect([code, err]).toEqual([0, expect.stringContaining('gen: wrote out/worker/')])
  const [folder] = made.list().flatMap((path) => /^out\/worker\/[^/]+/.exec(path)?.[0] ?? [])
  return textsBelow(made.path(folder ?? ''))
}

const installers = { qemu: '{ source: installer }', 'vsphere-iso': settings['vsphere-iso'] }
const cases: readonly (readonly [name: string, text: string, builder: string, options: string])[] = [
  ['qemu-ubuntu-24.04-cloud-image-bios', bakeBlueprint(), 'qemu', ''],
  [
    'qemu-debian-13-cloud-image-arm64',
    bakeBlueprint(undefined, { head: 'os: { provider: debian, release: "13" }\n' }),
    'qemu',
    '--arch arm64',
  ],
  ['vsphere-ubuntu-24.04-installer-bios', bakeBlueprint(installers), 'vsphere-iso', ''],
  [
    'qemu-debian-12-installer-uefi',
    bakeBlueprint(installers, {
      head: 'os: { provider: debian, release: "12" }\n',
      bake: '  firmware: uefi\n',
    }),
    'qemu',
    '',
  ],
  [
    'qemu-rocky-9-installer-bios',
    bakeBlueprint(installers, { head: 'os: { provider: rocky, release: "9" }\n' }),
    'qemu',
    '',
  ],
  [
    'amazon-alma-9-arm64',
    bakeBlueprint(undefined, { head: 'os: { provider: alma }\n' }),
    'amazon-ebs',
    '--arch arm64',
  ],
]

describe('a machine\u2019s own files', () => {
  test.each(cases)('%s', async (name, text, builder, options) => {
    const files = await machine(text, builder, options)
    const own = Object.entries(files)
      .filter(([path]) => /^http\/|pkrvars/.test(path))
      .sort()
    const shown = own.map(([path, content]) => `=== ${path}\n${content}`).join('')
    await expect(shown).toMatchFileSnapshot(join(golden, `${name}.txt`))
  })

  test('are the templates as they are, with the builder\u2019s name, beside what is uploaded', async () => {
    const files = await machine(bakeBlueprint(), 'qemu')
    expect(files['variables.pkr.hcl']).toBe(template('variables.pkr.hcl'))
    expect(files['source.pkr.hcl']).toBe(template('qemu/source.pkr.hcl'))
    expect(files['plugins/plugins.pkr.hcl']).toBe(template('qemu/plugins/plugins.pkr.hcl'))
    expect(files['build.pkr.hcl']).toBe(template('build.pkr.hcl').replace('source.BUILDER.', 'source.qemu.'))
    for (const name of ['bake.sh', 'verify.sh', 'generalize.sh', 'contents'])
      expect(files[`provision/${name}`]?.length, name).toBeGreaterThan(100)
  })

  test('hold nothing secret, and no comment of the key', async () => {
    const made = clusterPlace(bakeBlueprint())
    expect((await made.gen('packer -o out')).code).toBe(0)
    const secrets = parse(made.read('prod.secrets.yaml').toString()) as object
    const words = strings(secrets).filter((word) => word.length > 20 && !word.includes('BEGIN CERTIFICATE'))
    expect(words.length).toBeGreaterThan(5)
    for (const [path, text] of Object.entries(textsBelow(made.path('out'))))
      for (const word of [...words, 'somebody@somewhere'])
        expect(text.includes(word), `${word} in ${path}`).toBe(false)
  })

  test('have the checksums of the lock, and wait for a lock that can be read', async () => {
    const old = bakeBlueprint({ '"null"': '{ sshHost: 192.0.2.10 }' }).replace('1.31.4', '1.22.17')
    const made = clusterPlace(`${old}os: { provider: ubuntu, release: "20.04" }\n`)
    const url = 'https://dl.k8s.io/release/v1.22.17/bin/linux/amd64/kubelet'
    const lock = { format: 1, cluster: 'prod', platforms: ['linux/amd64'], images: {} }
    const sha256 = 'a'.repeat(64)
    writeFileSync(made.path('prod.lock.json'), JSON.stringify({ ...lock, downloads: { [url]: { sha256 } } }))
    expect((await made.gen('packer --role worker -o out')).code).toBe(0)
    const tables = made.read('out/worker/null-amd64/provision/root/etc/leaven/tables').toString()
    expect(tables).toContain(`downloads\t${url}\t${sha256}\t/usr/bin/kubelet`)
    expect(tables).toContain('sha256-url:https://dl.k8s.io/release/v1.22.17/bin/linux/amd64/kubeadm.sha256')
    writeFileSync(made.path('prod.lock.json'), '{')
    const before = made.list()
    const { code, err } = await made.gen('packer --role worker -o other')
    expect([code, err]).toEqual([1, expect.stringContaining('prod.lock.json: it is not JSON')])
    expect(made.list()).toEqual(before)
  })

  test('are written again when they change, and only then', async () => {
    const made = clusterPlace(bakeBlueprint())
    await made.gen('packer --builder qemu -o out')
    const before = textsBelow(made.path('out'))
    await made.gen('packer --builder qemu -o out')
    expect(textsBelow(made.path('out'))).toEqual(before)
    writeFileSync(made.path('cluster.yaml'), bakeBlueprint({ qemu: '{ format: raw }' }))
    await made.gen('packer --builder qemu -o out')
    expect(textsBelow(made.path('out'))['worker/qemu-amd64/node.auto.pkrvars.json']).toContain(
      '"format": "raw"',
    )
  })

  test('are all builders of the blueprint for both roles, and of the built-in one a disk image', async () => {
    const made = clusterPlace(bakeBlueprint())
    expect((await made.gen('packer -o out')).err.match(/wrote out/g)).toHaveLength(24)
    const builtIn = place({ 'key.pub': publicKey })
    const { code, err } = await builtIn.gen('packer --role master --ssh-key key.pub')
    expect([code, err]).toEqual([
      0,
      expect.stringMatching(/wrote out\/[a-z]+\/packer\/control-plane\/qemu-amd64/),
    ])
  })
})

function strings(value: unknown): readonly string[] {
  if (typeof value === 'string') return [value]
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(strings) : []
}

describe('installers understand', () => {
  withTools('debconf-set-selections')('the preseed', async () => {
    const files = await machine(bakeBlueprint(installers, { head: 'os: { provider: debian }\n' }), 'qemu')
    const text = files['http/preseed.cfg'] ?? ''
    expect(run('debconf-set-selections', ['-c'], text)).toBe('')
    expect(text).toMatch(/ \/ \} \.$/m)
    // The check itself does notice.
    expect(() => run('debconf-set-selections', ['-c'], `${text}d-i broken\n`)).toThrow()
  })

  test('the kickstart: known commands, sections that end', async () => {
    const files = await machine(
      bakeBlueprint(installers, { head: 'os: { provider: alma, release: "9" }\n' }),
      'qemu',
    )
    const [commands = '', packages = ''] = (files['http/ks.cfg'] ?? '').split('%packages\n')
    expect(packages.endsWith('\n%end\n')).toBe(true)
    // https://pykickstart.readthedocs.io/en/latest/kickstart-docs.html
    const known =
      /^(text|url|repo|cdrom|lang|keyboard|timezone|network|rootpw|sshkey|selinux|firewall|services|firstboot|skipx|zerombr|clearpart|bootloader|reqpart|part|reboot)( (--[a-z]+(=\S+)?|\/|us|en_US\.UTF-8|Etc\/UTC|"ssh-ed25519 [A-Za-z0-9+/=]+"))*$/
    for (const line of commands.trim().split('\n')) expect(line).toMatch(known)
    for (const needed of [
      'zerombr',
      'rootpw --lock',
      'part / ',
      'url --url=https://repo.almalinux.org/almalinux/9/BaseOS/x86_64/os/',
    ])
      expect(commands).toContain(needed)
  })

  test('the autoinstall, as far as its reference goes', async () => {
    const files = await machine(bakeBlueprint(installers), 'qemu')
    const text = files['http/user-data'] ?? ''
    expect(text.startsWith('#cloud-config\n')).toBe(true)
    const check = new Ajv({ strict: false }).compile(autoinstall)
    expect(check(parse(text)), JSON.stringify(check.errors)).toBe(true)
  })

  withTools('cloud-init')('the seeds', async () => {
    for (const [text, builder] of [
      [bakeBlueprint(), 'qemu'],
      [bakeBlueprint(installers), 'vsphere-iso'],
    ] as const) {
      const own = place({ 'user-data': (await machine(text, builder))['http/user-data'] ?? '' })
      expect(run('cloud-init', ['schema', '-c', own.path('user-data')])).toContain('Valid cloud-config')
    }
  })
})

/** The fields that we use: https://canonical-subiquity.readthedocs-hosted.com/en/latest/reference/autoinstall-reference.html */
const closed = (properties: object, required: readonly string[] = []) => ({
  type: 'object',
  properties,
  required,
  additionalProperties: false,
})
const words = { type: 'array', items: { type: 'string' } }
const autoinstall = closed(
  {
    autoinstall: closed(
      {
        version: { const: 1 },
        'early-commands': words,
        locale: { type: 'string' },
        keyboard: closed({ layout: { type: 'string' } }, ['layout']),
        proxy: { type: 'string' },
        storage: closed({
          layout: closed({ name: { enum: ['direct', 'lvm', 'zfs'] } }, ['name']),
          swap: closed({ size: { type: 'integer' } }),
        }),
        ssh: closed({ 'install-server': { type: 'boolean' }, 'allow-pw': { type: 'boolean' } }),
        packages: words,
        updates: { enum: ['security', 'all'] },
        'user-data': { type: 'object' },
      },
      ['version', 'user-data'],
    ),
  },
  ['autoinstall'],
)

describe('known failures are prevented', () => {
  const sources = Object.entries(templates).filter(([path]) => path.endsWith('/source.pkr.hcl'))
  const having = (word: RegExp) => sources.filter(([, text]) => word.test(text))

  test('keys are never RSA: sshd refuses ssh-rsa since OpenSSH 8.8', () => {
    const temporary = sources.filter(([, text]) => !text.includes('ssh_private_key_file'))
    expect(temporary).toHaveLength(4)
    for (const [path, text] of temporary) expect(text, path).toMatch(/temporary_key_pair_type += "ed25519"/)
  })

  test('folders and names of an earlier build are never in the way, and nothing is deregistered', () => {
    expect(template('variables.pkr.hcl')).toContain('name = "${var.image_name}-${local.stamp}"')
    for (const [path, text] of having(/output_directory/))
      expect(text, path).toMatch(/output_directory += .*local\.stamp/)
    for (const [path, text] of sources) {
      expect(text, path).not.toContain('force_deregister =')
      if (!path.startsWith('null/')) expect(text, path).toContain('local.name')
    }
  })

  test('an installer\u2019s own SSH server does not use up the attempts', () => {
    for (const [path, text] of having(/boot_command += var/))
      expect(text, path).toMatch(/ssh_handshake_attempts += 200/)
  })

  test('the accelerator is named, the machine has memory, firmware is one file', () => {
    expect(template('qemu/source.pkr.hcl')).toMatch(/^ {2}accelerator += var\.accelerator$/m)
    expect(template('qemu/source.pkr.hcl')).not.toMatch(/OVMF_(CODE|VARS)|efi_boot|efi_firmware/)
    expect(template('variables.pkr.hcl')).toMatch(/"memory_mib" \{[^}]*default += 4096/)
  })

  test('plugins are exact, and asked for where 1.6 does not look', () => {
    for (const [path, text] of Object.entries(templates)) {
      expect(text.includes('required_plugins'), path).toBe(path.endsWith('/plugins/plugins.pkr.hcl'))
      if (path.endsWith('/plugins/plugins.pkr.hcl')) expect(text, path).toMatch(/version = "(=|~>) \d/)
    }
  })

  test('large snapshots and galleries are waited for', () => {
    expect(template('amazon-ebs/source.pkr.hcl')).toMatch(/max_attempts += 240/)
    expect(template('azure-arm/source.pkr.hcl')).toMatch(/polling_duration_timeout += "60m"/)
  })

  test('Proxmox learns the address: every installer brings the agent', async () => {
    for (const provider of ['ubuntu', 'debian', 'rocky']) {
      const files = await machine(
        bakeBlueprint(
          { 'proxmox-iso': settings['proxmox-iso'] },
          { head: `os: { provider: ${provider} }\n` },
        ),
        'proxmox-iso',
      )
      const answers = files['http/user-data'] ?? files['http/preseed.cfg'] ?? files['http/ks.cfg']
      expect(answers).toContain('qemu-guest-agent')
    }
  })
})

/** As `gen images export` writes them; one is damaged afterwards, one is tar of something else. */
const archive = scratch()
beforeAll(async () => {
  const both = someImages().slice(0, 2)
  await write(both, archive('amd64.tar'))
  await write(both, archive('arm64.tar'), { plan: await planOf(both, { platforms: ['linux/arm64'] }) })
  const bytes = readFileSync(archive('amd64.tar'))
  const middle = Math.floor(bytes.length / 2)
  bytes.writeUInt8(bytes.readUInt8(middle) ^ 1, middle)
  writeFileSync(archive('damaged.tar'), bytes)
  run('tar', ['-cf', archive('other.tar'), '-C', archive('.'), 'damaged.tar'])
})

describe('refused, and nothing is written', () => {
  const cloud = bakeBlueprint({ qemu: '{}' })
  const table: readonly (readonly [
    name: string,
    text: string,
    options: string,
    code: number,
    message: RegExp,
  ])[] = [
    ['an unknown builder', cloud, '--builder quemu', 2, /no builder named quemu[\s\S]*did you mean qemu/],
    ['an unknown role', cloud, '--role etcdd', 2, /no role named etcdd/],
    ['a processor that there is not', cloud, '--arch riscv64', 2, /no machines with riscv64/],
    [
      'mandatory settings that are missing',
      cloud,
      '--builder vsphere-iso',
      1,
      /^cluster\.yaml:\d+:\d+: error: bake\.builders\.vsphere-iso lacks vcenterServer, cluster, datastore, network[\s\S]*such as bake: \{ builders: \{ vsphere-iso/,
    ],
    [
      'one that is missing',
      bakeBlueprint({ 'amazon-ebs': '{ encrypt: true }' }),
      '',
      1,
      /^cluster\.yaml:19:\d+: error: bake\.builders\.amazon-ebs lacks region/,
    ],
    [
      'a field that there is not',
      bakeBlueprint({ qemu: '{ accel: kvm }' }),
      '',
      1,
      /cluster\.yaml:19:\d+: error: bake\.builders\.qemu has no field accel/,
    ],
    [
      'a builder that there is not, in the blueprint',
      bakeBlueprint({ packet: '{}' }),
      '',
      1,
      /cluster\.yaml:19:\d+: error: bake\.builders has no field packet/,
    ],
    [
      'a release without a cloud image',
      `${blueprint}os: { provider: rhel, release: "9" }\n`,
      '--builder qemu',
      1,
      /cluster\.yaml:14:\d+: error: rhel 9 has no cloud image that anybody may fetch for amd64/,
    ],
    [
      'an installer that moves about',
      `${blueprint}bake: { builders: { virtualbox-iso: {} } }\n`,
      '',
      1,
      /cluster\.yaml:14:\d+: error: ubuntu 24\.04 has no installer/,
    ],
    [
      'UEFI where 1.6 has no word for it',
      bakeBlueprint({ 'proxmox-iso': settings['proxmox-iso'] }, { bake: '  firmware: uefi\n' }),
      '',
      1,
      /proxmox-iso boots bios here, not uefi/,
    ],
    [
      'arm64 with a BIOS',
      bakeBlueprint({ qemu: '{}' }, { bake: '  firmware: bios\n' }),
      '--arch arm64',
      1,
      /arm64 has no BIOS/,
    ],
    [
      'a processor that the builder has not',
      bakeBlueprint({ 'hyperv-iso': '{}' }),
      '--arch arm64',
      1,
      /hyperv-iso makes no machines with arm64/,
    ],
    [
      'no key',
      `${blueprint}bake: { builders: { qemu: {} } }\n`,
      '',
      1,
      /qemu needs a public key[\s\S]*ssh-keygen/,
    ],
    ['a private key', cloud, '--ssh-key private', 1, /private is no public SSH key[\s\S]*ends in \.pub/],
    ['a key that is not there', cloud, '--ssh-key none.pub', 1, /none\.pub/],
    [
      'a key that is none',
      cloud.replace(publicKey, 'secret'),
      '',
      1,
      /cluster\.yaml:15:\d+: error: bake\.sshPublicKey/,
    ],
    [
      'something unpinned, when warnings fail',
      `${blueprint}bake: { builders: { qemu: {} }, sshPublicKey: ${publicKey} }\n`,
      '--strict',
      1,
      /nothing pins https:\/\/cloud-images/,
    ],
    [
      'an archive for another processor',
      cloud,
      '--images arm64.tar',
      1,
      /arm64\.tar: registry\.test\/kube\/one:v1 is for linux\/arm64, and qemu makes a machine for linux\/amd64/,
    ],
    ['an archive with a flipped bit', cloud, '--images damaged.tar', 1, /damaged\.tar: .*sha256/],
    ['an archive of something else', cloud, '--images other.tar', 1, /holds no images/],
    ['no archive', cloud, '--images private', 1, /not a tar archive/],
    ['an archive that is not there', cloud, '--images none.tar', 1, /none\.tar does not exist/],
    [
      'archives of one name',
      cloud,
      '--images amd64.tar --images ./amd64.tar',
      1,
      /two archives are named amd64\.tar/,
    ],
  ]

  test.each(table)('%s', async (_, text, options, code, message) => {
    const made = clusterPlace(text)
    writeFileSync(made.path('private'), '-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n')
    for (const name of ['amd64.tar', 'arm64.tar', 'damaged.tar', 'other.tar'])
      copyFileSync(archive(name), made.path(name))
    const before = made.list()
    const ran = await made.gen(`packer ${options}`)
    expect(ran.err).toMatch(message)
    expect([ran.code, ran.out]).toEqual([code, ''])
    expect(made.list()).toEqual(before)
  })

  test('but an archive for the machine lies beside what is uploaded, with its digest, and goes when it is not named', async () => {
    const made = clusterPlace(cloud)
    copyFileSync(archive('amd64.tar'), made.path('amd64.tar'))
    const bytes = readFileSync(archive('amd64.tar'))
    const images = 'out/worker/qemu-amd64/provision/images/amd64.tar'
    expect((await made.gen('packer --role worker --images amd64.tar -o out')).code).toBe(0)
    expect(readFileSync(made.path(images)).equals(bytes)).toBe(true)
    expect(
      run('sh', ['-c', 'cd "$(dirname "$1")" && sha256sum -c "$1.sha256"', '-', made.path(images)]),
    ).toContain('OK')
    expect((await made.gen('packer --role worker -o out')).code).toBe(0)
    expect(made.list().filter((path) => path.includes('provision/images'))).toEqual([])
  })
})
