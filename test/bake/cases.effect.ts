import { cpSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { eventually, type Outcome } from '../lab/exec.effect.ts'
import { type Machine, pathOn, powerOn, run } from '../lab/machine.effect.ts'
import * as breaks from './breaks.effect.ts'
import { unseen, upload, verify } from './breaks.effect.ts'
import {
  blankMachine,
  clone,
  differences,
  macs,
  packerBuild,
  powerOff,
  reachable,
  tree,
} from './builder.effect.ts'
import { builderAddress, type Site } from './site.effect.ts'
import { blueprint, nodeSeed, referencesOf, template, workerBundle } from './template.effect.ts'

export interface Case {
  readonly name: string
  /** The image that the others are about. */
  readonly makes?: true
  /** @throws what it saw instead */
  readonly run: (site: Site) => Promise<void>
}

/** @param archive where the packages of an image come from, `http://HOST/debian` */
const unbaked = (archive: string) => (text: string) =>
  text
    .replace('prebaked: true', 'prebaked: false')
    .replace('repositories: {', `repositories: { distribution: "${archive.replace(/\/debian$/, '')}",`)

export const cases: readonly Case[] = [
  { name: 'packer build bakes, verifies and generalises a machine over SSH', run: bakes, makes: true },
  { name: 'what stays behind when it is off is an image', run: isImage },
  { name: 'a second build changes nothing', run: changesNothing },
  { name: 'whatever is broken, verification names it', run: seesEverything },
  {
    name: 'a node from the image is one, and ends as one that installed everything from a bundle',
    run: endsTheSame,
  },
  { name: 'an image that does not fit is refused, by what was expected and what is there', run: refuses },
  { name: 'a module that the kernel has not fails the build', run: missingModule },
  { name: 'a truncated archive fails the build', run: truncatedArchive },
  { name: 'a wrong checksum fails the build', run: wrongChecksum },
]

async function bakes(site: Site): Promise<void> {
  await reachable(site.builder, builderAddress)
  const outcome = await packerBuild(site, site.template)
  writeFileSync(join(site.folder, 'first-build.log'), outcome.stdout)
  succeeded(outcome)
  const verdicts = [...outcome.stdout.matchAll(/verify: (\d+) passed, (\d+) failed/g)]
  expect(
    verdicts.length === 2 && verdicts.every((match) => match[2] === '0'),
    'two verdicts without a failure',
    outcome.stdout,
  )
  expect(
    Number(verdicts[0]?.[1]) > 60 && Number(verdicts[1]?.[1]) > 10,
    'checks that checked something',
    verdicts.join(),
  )
  const baked = JSON.parse(readFileSync(join(site.template, 'baked.json'), 'utf8')) as Baked
  expect(baked.role === 'worker' && baked.kubernetes === '1.20.2', 'worker, 1.20.2', baked)
  const missing = referencesOf(site.template).filter(
    (name) => !/^sha256:[0-9a-f]{64}$/.test(baked.images[name] ?? ''),
  )
  expect(missing.length === 0, 'a digest of every image', missing)
  expect(
    Object.keys(baked.images).length === referencesOf(site.template).length,
    "the role's images alone",
    baked.images,
  )
  await powerOff(site.builder)
}

interface Baked {
  readonly role: string
  readonly kubernetes: string
  readonly images: Readonly<Record<string, string>>
}

/** From outside, on the disk: what a check inside could not see, because it happens on the way down. */
async function isImage({ builder, folder }: Site): Promise<void> {
  const files = await tree(builder)
  const present = (pattern: RegExp) => [...files.keys()].filter((path) => pattern.test(path))
  const unwanted =
    /^\/(etc\/ssh\/ssh_host_.*|etc\/machine-id.|var\/lib\/systemd\/random-seed|home\/.+|root\/\.ssh\/.+|tmp\/.+|var\/lib\/apt\/lists\/.*_.*|var\/lib\/cloud\/instances?\/.*|var\/log\/journal\/.+|etc\/leaven\/(?!baked\.json|sbom\.cdx\.json).+|var\/lib\/leaven\/.+|usr\/local\/lib\/leaven\/bake)$/
  expect(present(unwanted).length === 0, 'nothing that makes a machine of it', present(unwanted))
  const passwd = readFileSync(pathOn(builder, '/etc/passwd'), 'utf8')
  expect(!passwd.includes('builder'), 'no builder in /etc/passwd', passwd)
  expect(readFileSync(pathOn(builder, '/etc/machine-id'), 'utf8') === '', 'an empty machine-id', 'one')
  expect(files.has('/usr/bin/kubelet') && files.has('/usr/local/sbin/leaven'), 'kubelet and leaven', '')
  writeFileSync(join(folder, 'baked.tree'), lines(files))
}

async function changesNothing(site: Site): Promise<void> {
  const { builder, template: built, folder, seed } = site
  const before = await tree(builder)
  cpSync(seed, join(builder.directory, 'var/lib/cloud/seed/nocloud'), { recursive: true })
  await reachable(builder, builderAddress)
  succeeded(await packerBuild(site, built))
  await powerOff(builder)
  const after = await tree(builder)
  writeFileSync(join(folder, 'baked-again.tree'), lines(after))
  nothing(differences(before, after, volatile))
}

async function seesEverything({ builder, template: built, seed }: Site): Promise<void> {
  const machine = await clone(builder, 'broken', seed, macs.w1)
  await powerOn(machine)
  await run(machine, ['cloud-init', 'status', '--wait'], { allowFailure: true })
  upload(machine, built)
  const inUse = (await verify(machine, 'hygiene')).map((line) => line.replace(/:.*/, ''))
  const traces = [
    'machine-id empty',
    'no SSH host keys',
    'no authorized keys',
    'cloud-init clean',
    'no builder user',
  ]
  expect(
    traces.every((trace) => inUse.includes(trace)),
    `of a machine in use: ${traces.join(', ')}`,
    inUse,
  )
  nothing(await verify(machine))
  nothing(await unseen(machine, breaks.baked))
  nothing(await verify(machine))
  await run(machine, ['env', 'LEAVEN_BUILDER=builder', 'bash', '/tmp/leaven/generalize.sh'])
  nothing(await unseen(machine, breaks.hygiene, 'hygiene'))
  nothing(await verify(machine, 'hygiene'))
  await powerOff(machine)
}

/** What a boot writes, whatever it boots; containerd's own database, and its time stamps. */
const volatile =
  /^\/(var\/(log|cache|tmp)|var\/lib\/(apt|systemd|ucf|private)|run|tmp|var\/lib\/containerd\/.*(meta\.db|metadata\.db|ingest|tmpmounts)|var\/lib\/dpkg\/.*-old|etc\/(passwd|group|shadow|gshadow|subuid|subgid)-)(\/|$)/

async function endsTheSame(site: Site): Promise<void> {
  const { lab, builder, folder } = site
  const seed = await nodeSeed(await blueprint(join(folder, 'node'), (text) => text), 'w1')
  const baked = await clone(builder, 'baked', seed, macs.w1)
  await atTheDoor(baked)
  const image = readFileSync(join(builder.directory, 'image'), 'utf8')
  const [, archive = ''] = readFileSync(join(image, 'root/etc/apt/sources.list'), 'utf8').split(' ')
  const file = await blueprint(join(folder, 'unbaked'), unbaked(archive), join(folder, 'node'))
  const plain = await blankMachine(lab, 'unbaked', image, await nodeSeed(file, 'w1'))
  // What an unbaked node of an air-gapped site is given beside its user-data.
  const bundle = pathOn(plain, '/var/lib/leaven/bundle')
  await workerBundle(site, file, join(image, 'var/lib/dpkg/status'), bundle)
  await atTheDoor(plain)
  const [one, other] = [await tree(baked), await tree(plain)]
  writeFileSync(join(folder, 'node-baked.tree'), lines(one))
  writeFileSync(join(folder, 'node-unbaked.tree'), lines(other))
  nothing(differences(one, other, onlyOneHas))
}

/** Beside what is volatile: what only an image has (its DHCP identity, every part of leaven, the builder's proxy), and what is new on every machine. */
const onlyOneHas = new RegExp(
  `${volatile.source}|^/(etc/(machine-id|hosts|apt/apt\\.conf\\.d/00proxy|leaven/(baked|sbom\\.cdx)\\.json|leaven/(node\\.env|tables)|ssh/ssh_host_.*|sudoers\\.d/90-cloud-init-users|(NetworkManager/conf|systemd/networkd\\.conf)\\.d(/10-leaven\\.conf)?)|usr/local/lib/leaven(/.*)?|var/lib/(cloud|leaven)(/.*)?|var/lib/containerd/.*introspection/uuid|root/\\.ssh.*)$`,
)

/** Up to where a node needs its cluster: it has identified itself and would join. Then off, in order. */
async function atTheDoor(machine: Machine): Promise<void> {
  await powerOn(machine)
  await eventually(`${machine.name} would join`, 600, async () => {
    const { stdout } = await run(machine, ['leaven', 'status', '--json'], { allowFailure: true })
    const status = JSON.parse(stdout) as { phase: string; node: string; message: string; state: string }
    if (status.phase !== 'join' || status.node !== 'w1') throw new Error(stdout)
    return status.message.startsWith('joining https://10.88.0.100:6443')
  })
  await powerOff(machine)
}

async function refuses({ builder, folder }: Site): Promise<void> {
  const other = await blueprint(join(folder, 'other'), (text) =>
    text.replace('version: 1.20.2', 'version: 1.20.4'),
  )
  const roles = join(folder, 'node/blueprint.yaml')
  const wanted = [
    ['w1', other, 'this image has kubernetes 1.20.2, the blueprint wants 1.20.4'],
    ['m1', roles, 'this image has role worker, the blueprint wants control-plane'],
  ] as const
  for (const [node, file, message] of wanted) {
    const seed = await nodeSeed(file, node)
    const machine = await clone(builder, 'misfit', seed, macs[node])
    await powerOn(machine)
    await eventually('refusal', 300, async () => {
      const { stdout } = await run(machine, ['leaven', 'status'], { allowFailure: true })
      if (!stdout.includes(message)) throw new Error(stdout)
      return stdout.includes('failed')
    })
    const console = readFileSync(join(machine.directory, 'console.log'), 'utf8')
    expect(console.includes(message), `on the console: ${message}`, console.slice(-1000))
    await powerOff(machine)
  }
}

async function missingModule(site: Site): Promise<void> {
  const file = await blueprint(join(site.folder, 'module'), (text) => `${text}modules: [no_such_module]\n`)
  await fails(
    site,
    file,
    /verify: FAILED: kernel module no_such_module: kernel 6\.1\.\S+ has none/,
    () => undefined,
  )
}

async function truncatedArchive(site: Site): Promise<void> {
  const file = join(site.folder, 'worker/blueprint.yaml')
  await fails(site, file, /images\.tar: its sha256 is not the one/, (folder) => {
    const archive = join(folder, 'provision/images/images.tar')
    const whole = readFileSync(archive)
    // It may be a link to the archive that everyone here shares.
    rmSync(archive)
    writeFileSync(archive, whole.subarray(0, whole.length / 2))
  })
}

async function wrongChecksum(site: Site): Promise<void> {
  const path = 'release/v1.20.2/bin/linux/amd64/kubelet.sha256'
  const right = readFileSync(join(site.mirror, path))
  writeFileSync(join(site.mirror, path), `${'0'.repeat(64)}\n`)
  try {
    const file = join(site.folder, 'worker/blueprint.yaml')
    await fails(site, file, /amd64\/kubelet: its sha256 is not '0{64}'/, () => undefined)
  } finally {
    writeFileSync(join(site.mirror, path), right)
  }
}

/** A build of the machine that is baked already, after something was broken. */
async function fails(
  site: Site,
  file: string,
  message: RegExp,
  damage: (folder: string) => void,
): Promise<void> {
  const { lab, builder, seed, folder, archive } = site
  const machine = await clone(builder, 'broken', seed, macs.w1)
  const broken = await template(file, 'null', join(folder, 'broken'), '--images', archive)
  damage(broken)
  await reachable(machine, builderAddress)
  const outcome = await packerBuild(site, broken)
  await powerOff(machine)
  const said = `${outcome.stdout}${outcome.stderr}`
  expect(outcome.code === 1 && message.test(said), `a failed build that says ${message}`, said.slice(-3000))
  expect(!existsSync(join(broken, 'packer-manifest.json')), 'no manifest of a failed build', lab.id)
}

function succeeded({ code, stdout, stderr }: Outcome): void {
  expect(code === 0, 'a build that succeeds', `exit ${code}\n${stdout.slice(-4000)}${stderr}`)
}

function nothing(found: readonly string[]): void {
  expect(found.length === 0, 'none', `${found.length}:\n${found.slice(0, 40).join('\n')}`)
}

function lines(files: ReadonlyMap<string, string>): string {
  return [...files].map(([path, what]) => `${path} ${what}\n`).join('')
}

function expect(right: boolean, what: string, saw: unknown): void {
  if (!right) throw new Error(`expected ${what}, saw ${typeof saw === 'string' ? saw : JSON.stringify(saw)}`)
}
