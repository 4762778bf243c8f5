/** `gen ami` with the real SDK against EC2 of our own: what is found, and what may go. */
import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { baseImages } from '../generators/aws/images.ts'
import { tagNames } from '../generators/aws/tags.ts'
import { os } from '../generators/registry.ts'
import { type Account, account } from './support/aws/account.ts'
import { clusterPlace } from './support/command-line.ts'
import { bakeBlueprint } from './support/machines.ts'

/** Baked by us: newest last. */
function bake(aws: Account, id: string, created: string, tags: object = {}) {
  aws.state.images.set(id, {
    owner: '111122223333',
    name: `leaven-${id}`,
    arch: 'x86_64',
    created: `${created}T00:00:00.000Z`,
    tags: { 'leaven:cluster': 'prod', 'leaven:role': 'worker', 'leaven:kubernetes': '1.31.4', ...tags },
    snapshots: [`snap-${id}`, `snap-${id}-2`],
  })
  aws.state.snapshots.add(`snap-${id}`).add(`snap-${id}-2`)
}

describe('base images', () => {
  test.each([
    ['ubuntu', '24.04', 'x86_64', '099720109477', 'ubuntu/images/hvm-ssd*/ubuntu-noble-24.04-amd64-server-*'],
    ['debian', '13', 'arm64', '136693071363', 'debian-13-arm64-*'],
    ['rocky', '9', 'arm64', '792107900819', 'Rocky-9-EC2-Base-9.*.aarch64'],
    ['alma', '9', 'x86_64', '764336703387', 'AlmaLinux OS 9.* x86_64*'],
    ['rhel', '9', 'x86_64', '309956199498', 'RHEL-9.*_HVM-*-x86_64-*-Hourly2-GP*'],
    ['centos', '7', 'x86_64', '125523088429', 'CentOS Linux 7 x86_64 - *'],
  ] as const)('of %s %s for %s', (name, release, architecture, owner, pattern) => {
    const provider = os.find((entry) => entry.name === name)
    const request = provider && baseImages(provider, release, architecture)
    expect(request?.Owners).toEqual([owner])
    expect(request?.Filters?.find(({ Name }) => Name === 'name')?.Values).toContain(pattern)
    expect(provider && baseImages(provider, '0.0', architecture)).toBeUndefined()
  })

  test('every distribution says where its owner and names come from', () => {
    for (const name of readdirSync('generators/providers/os').filter((entry) => !entry.includes('.'))) {
      const { sources } = JSON.parse(readFileSync(`generators/providers/os/${name}/facts.json`, 'utf8'))
      expect(
        sources.some(
          ({ what, url }: { what: string; url: string }) => /owner/.test(what) && /^https:/.test(url),
        ),
      ).toBe(true)
    }
  })

  test('the newest of the owner is found, over pages; a namesake of somebody else is not', async () => {
    const aws = await account()
    aws.state.pageSize = 2
    const name = (day: string) => `ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-amd64-server-202611${day}`
    const add = (id: string, day: string, rest: object = {}) =>
      aws.state.images.set(id, {
        owner: '099720109477',
        name: name(day),
        arch: 'x86_64',
        created: `2026-11-${day}T00:00:00.000Z`,
        tags: {},
        snapshots: [],
        ...rest,
      })
    add('ami-3', '03')
    add('ami-5', '05')
    add('ami-4', '04')
    add('ami-evil', '20', { owner: '666666666666' })
    add('ami-arm', '19', { arch: 'arm64' })
    add('ami-hidden', '18', { hidden: true })
    add('ami-minimal', '17', { name: name('17').replace('images/hvm', 'images-minimal/hvm') })
    expect((await aws.gen('ami find --os ubuntu --release 24.04')).out).toMatch(
      /^image .*\nami-5 +x86_64 +2026-11-05 +ubuntu\/\S+\n$/,
    )
    const all = JSON.parse((await aws.gen('ami find --all --json')).out) as { id: string }[]
    expect(all.map(({ id }) => id)).toEqual(['ami-5', 'ami-4', 'ami-3', 'ami-base'])
    expect((await aws.gen('ami find --deprecated')).out).toContain('ami-hidden')
    expect((await aws.gen('ami find --arch arm64')).code).toBe(1)
  })

  test.each([
    ['ami find --os debian', 1, /no image of debian 12 for x86_64\n {2}hint: is it the right --region\?/],
    ['ami find --os ubunut', 2, /no os named ubunut\n {2}hint: did you mean ubuntu\?/],
    ['ami find --release 24.05', 2, /ubuntu has no release 24\.05 that we know/],
    ['ami find --arch mips', 2, /no architecture mips/],
    ['ami', 2, /find, list, deprecate or prune/],
  ])('%s ends with %i', async (command, code, message) => {
    const ran = await (await account()).gen(command)
    expect([ran.code, ran.err]).toEqual([code, expect.stringMatching(message)])
  })
})

describe('our own', () => {
  async function used() {
    const aws = await account()
    aws.state.pageSize = 2
    bake(aws, 'ami-1', '2026-01-01')
    bake(aws, 'ami-2', '2026-02-01')
    bake(aws, 'ami-3', '2026-03-01')
    bake(aws, 'ami-4', '2026-04-01')
    bake(aws, 'ami-5', '2026-05-01')
    bake(aws, 'ami-old-kubernetes', '2026-01-01', { 'leaven:kubernetes': '1.30.14' })
    bake(aws, 'ami-master', '2026-01-01', { 'leaven:role': 'control-plane' })
    aws.state.templates.set('lt-0', ['ami-base']).set('lt-1', ['ami-base', 'ami-base', 'ami-2'])
    await aws.gen('launch --pool general --subnet subnet-a --create-security-groups --image ami-1')
    return aws
  }

  test('are listed with who uses them', async () => {
    const aws = await used()
    const { out } = await aws.gen('ami list')
    expect(out).toMatch(/ami-1 +prod +worker +1\.31\.4 +x86_64 +2026-01-01 +- +i-\d+\n/)
    expect(out).toMatch(/ami-2 .*lt-1 version 3\n/)
    expect(out).not.toContain('ami-base')
    const roles = JSON.parse((await aws.gen('ami list --role master --json')).out) as { id: string }[]
    expect(roles.map(({ id }) => id)).toEqual(['ami-master'])
  })

  test('are those of the template of amazon-ebs, by its own tags', async () => {
    const made = clusterPlace(bakeBlueprint({ 'amazon-ebs': '{ region: eu-central-1 }' }))
    expect((await made.gen('packer --role worker -o out')).code).toBe(0)
    const folder = 'out/worker/amazon-ebs-amd64'
    const { facts } = JSON.parse(made.read(`${folder}/node.auto.pkrvars.json`).toString()) as {
      facts: Record<string, string>
    }
    // tags = { for name, value in var.facts : "leaven:${name}" => value }
    const hcl = made.read(`${folder}/source.pkr.hcl`).toString()
    const [, prefix] =
      /^ {2}tags += \{ for name, value in var\.facts : "(.*)\$\{name\}" => value \}$/m.exec(hcl) ?? []
    const tags = Object.fromEntries(Object.entries(facts).map(([name, value]) => [`${prefix}${name}`, value]))
    expect(Object.keys(tags)).toEqual(
      expect.arrayContaining([tagNames.cluster, tagNames.role, tagNames.kubernetes]),
    )
    const aws = await account()
    aws.state.images.set('ami-ours', {
      owner: '111122223333',
      name: 'ours',
      arch: 'x86_64',
      created: '2026-11-01T00:00:00.000Z',
      tags,
      snapshots: [],
    })
    const { out } = await aws.gen('ami list --cluster prod --role worker --json')
    expect(JSON.parse(out)).toMatchObject([{ id: 'ami-ours', cluster: 'prod', kubernetes: '1.31.4' }])
  })

  test('prune shows first, then removes what nobody needs, and its snapshots', async () => {
    const aws = await used()
    const dry = await aws.gen('ami prune --dry-run')
    expect(dry.code).toBe(0)
    expect(dry.out).toMatch(/ami-5 .*the newest of its kind\n/)
    expect(dry.out).toMatch(/ami-4 .*REMOVE\n/)
    expect(dry.out).toMatch(/ami-2 .*used by lt-1 version 3\n/)
    expect(aws.state.images.size).toBe(8)
    expect((await aws.gen('ami prune')).err).toMatch(/hint: say --yes/)
    expect((await aws.gen('ami prune', 'no')).code).toBe(1)
    expect(aws.state.images.size).toBe(8)
    const ran = await aws.gen('ami prune --yes')
    expect(ran.code).toBe(0)
    expect([...aws.state.images.keys()].sort()).toEqual(
      ['ami-1', 'ami-2', 'ami-5', 'ami-base', 'ami-master', 'ami-old-kubernetes'].sort(),
    )
    expect(aws.state.snapshots.has('snap-ami-3')).toBe(false)
    expect(aws.state.snapshots.has('snap-ami-4-2')).toBe(false)
    expect(aws.state.snapshots.has('snap-ami-1')).toBe(true)
    expect((await aws.gen('ami prune --yes')).err).toMatch(/nothing to remove/)
  })

  test('limits of prune: --keep and --older-than', async () => {
    const aws = await used()
    await aws.gen('ami prune --keep 2 --yes')
    expect(aws.state.images.has('ami-4')).toBe(true)
    expect(aws.state.images.has('ami-3')).toBe(false)
    expect((await aws.gen('ami prune --older-than 999d --dry-run')).err).toMatch(/nothing to remove/)
    expect((await aws.gen('ami prune --keep 0')).code).toBe(2)
  })

  test('a lost answer is fine, and a snapshot that EC2 keeps is told', async () => {
    const aws = await used()
    aws.fail({ action: 'DeregisterImage', times: 1, with: 'drop' })
    aws.state.locked.add('snap-ami-3')
    const ran = await aws.gen('ami prune --yes')
    expect(ran.code).toBe(1)
    expect(ran.err).toMatch(
      /EC2 kept snapshots: snap-ami-3 \(missing-permissions\)\n {2}hint: skipped: another/,
    )
    expect(aws.state.images.has('ami-4')).toBe(false)
    expect(aws.state.snapshots.has('snap-ami-4')).toBe(false)
  })

  test('what may not be removed is said by the dry run', async () => {
    const aws = await used()
    const forbidden = { code: 'UnauthorizedOperation', message: 'You are not authorized', status: 403 }
    aws.fail({ action: 'DeregisterImage', times: 9, with: forbidden })
    const ran = await aws.gen('ami prune --dry-run')
    expect(ran.code).toBe(1)
    expect(ran.err).toMatch(/deregistering ami-4: You are not authorized \(UnauthorizedOperation\)/)
  })

  test('an image that is launched while the question stands stays', async () => {
    const aws = await used()
    const ran = await aws.gen('ami prune', () => {
      aws.state.templates.set('lt-late', ['ami-4'])
      return 'y'
    })
    expect(ran.err).toMatch(/ami-4 stays: it is used by now/)
    expect(aws.state.images.has('ami-4')).toBe(true)
    expect(aws.state.images.has('ami-3')).toBe(false)
  })

  test('deprecate hides what is ours', async () => {
    const aws = await used()
    const dry = await aws.gen('ami deprecate ami-3 ami-4 --in 30d --dry-run')
    expect([dry.code, dry.err]).toEqual([0, expect.stringMatching(/ami-3 would be deprecated/)])
    expect(aws.state.images.get('ami-3')?.deprecated).toBeUndefined()
    expect((await aws.gen('ami deprecate ami-3 ami-4 --in 30d')).code).toBe(0)
    expect(Date.parse(aws.state.images.get('ami-4')?.deprecated ?? '')).toBeGreaterThan(
      Date.now() + 29 * 86_400_000,
    )
    const foreign = await aws.gen('ami deprecate ami-base')
    expect([foreign.code, foreign.err]).toEqual([
      1,
      expect.stringMatching(/ami-base is not an image that we baked/),
    ])
    expect((await aws.gen('ami deprecate')).code).toBe(2)
  })
})
