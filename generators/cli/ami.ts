import { type BakedSummary, baseImages, parseArchitecture, prunable, summary } from '../aws/images.ts'
import { suggestion } from '../blueprint/schema.ts'
import { now } from '../effects/clock.effect.ts'
import { parseRole } from '../model/role.ts'
import * as registry from '../registry.ts'
import { access, awsOptions } from './aws.ts'
import {
  blueprintOptions,
  type Command,
  flag,
  type Invocation,
  type Io,
  type OptionSpec,
  text,
  UsageError,
  UserError,
} from './command.ts'
import { confirm } from './confirm.ts'
import { checkQuietly } from './inputs.effect.ts'
import { parseLifetime } from './lifetime.ts'
import { columns } from './table.ts'

const json: OptionSpec = { type: 'boolean', description: 'print JSON' }
const dryRun: OptionSpec = {
  type: 'boolean',
  description: 'say what would be done, ask EC2 whether it may be, and do nothing',
}
const yes: OptionSpec = { type: 'boolean', short: 'y', description: 'do not ask' }

const ofWhom: Readonly<Record<string, OptionSpec>> = {
  cluster: { type: 'string', value: 'NAME', description: 'only images baked for this cluster' },
  role: { type: 'string', value: 'ROLE', description: 'only images of control-plane (or master), worker' },
}

const find: Command = {
  name: 'find',
  summary: "find a distribution's newest own image",
  usage: '[--os NAME] [--release RELEASE] [--arch ARCH] [--all] [--json]',
  description: 'Looks for the publisher’s account and names: anybody may call an image ubuntu.',
  options: {
    blueprint: blueprintOptions['blueprint'] as OptionSpec,
    os: {
      type: 'string',
      value: 'NAME',
      description: 'the distribution',
      default: "the blueprint's, else ubuntu",
    },
    release: {
      type: 'string',
      value: 'RELEASE',
      description: 'its release',
      default: "the blueprint's, else the newest that we know",
    },
    arch: {
      type: 'string',
      value: 'amd64|arm64',
      description: 'the processor',
      default: "the blueprint's, else amd64",
    },
    all: { type: 'boolean', description: 'older ones, too' },
    deprecated: { type: 'boolean', description: 'also those that the publisher has hidden by now' },
    json,
    ...awsOptions,
  },
  examples: [
    ['gen ami find --os ubuntu --release 24.04', 'in the region of the profile'],
    ['gen ami find --os debian --arch arm64 --region eu-central-1 --json', 'for programs'],
  ],
  async run(invocation, io) {
    const request = await readFind(invocation, io)
    const { connect } = await import('../effects/aws/clients.effect.ts')
    const { findImages } = await import('../effects/aws/images.effect.ts')
    const found = (await findImages(connect(access(invocation)).ec2, request.input)).map(summary)
    const shown = flag(invocation, 'all') ? found : found.slice(0, 1)
    if (shown.length === 0)
      throw new UserError(
        `there is no image of ${request.what}`,
        'is it the right --region? Old releases may need --deprecated; China and GovCloud have other owners',
      )
    const rows = shown.map(({ id, architecture, created, name }) => [
      id,
      architecture,
      created.slice(0, 10),
      name,
    ])
    await io.stdout(
      flag(invocation, 'json') ? toJson(shown) : columns([['image', 'arch', 'created', 'name'], ...rows]),
    )
    return 0
  },
}

/** @throws UsageError */
async function readFind(invocation: Invocation, io: Io) {
  const { blueprint } = await checkQuietly(invocation.values, io)
  const name = text(invocation, 'os') ?? blueprint?.os?.provider ?? 'ubuntu'
  const os = registry.os.find((entry) => entry.name === name)
  if (os === undefined)
    throw new UsageError(
      `there is no os named ${name}`,
      suggestion(
        name,
        registry.os.map((entry) => entry.name),
      ),
    )
  const ofBlueprint = (blueprint?.os?.provider ?? 'ubuntu') === name ? blueprint?.os : undefined
  const release = text(invocation, 'release') ?? ofBlueprint?.release ?? os.defaultRelease
  const written = text(invocation, 'arch') ?? String(ofBlueprint?.['architecture'] ?? 'amd64')
  const architecture = parseArchitecture(written)
  if (architecture === undefined)
    throw new UsageError(`there is no architecture ${written}`, suggestion(written, ['amd64', 'arm64']))
  const input = baseImages(os, release, architecture, flag(invocation, 'deprecated'))
  if (input === undefined)
    throw new UsageError(
      `${name} has no release ${release} that we know`,
      suggestion(release, Object.keys(os.releases)),
    )
  return { input, what: `${name} ${release} for ${architecture}` }
}

const list: Command = {
  name: 'list',
  summary: 'list the images that we baked, and who uses them',
  usage: '[--cluster NAME] [--role ROLE] [--json]',
  options: { ...ofWhom, json, ...awsOptions },
  async run(invocation, io) {
    const { images } = await ours(invocation)
    if (flag(invocation, 'json')) await io.stdout(toJson(images))
    else if (images.length === 0) io.stderr('gen: there is none\n')
    else await io.stdout(table(images, ({ usedBy }) => (usedBy.length === 0 ? '-' : usedBy.join(' '))))
    return 0
  },
}

const deprecate: Command = {
  name: 'deprecate',
  summary: 'hide images of ours from a time on; what uses them goes on',
  usage: 'IMAGE… [--in 30d] [--dry-run]',
  positionals: 100,
  options: {
    in: { type: 'string', value: 'TIME', description: 'in how long: hours or days', default: 'at once' },
    'dry-run': dryRun,
    ...awsOptions,
  },
  examples: [['gen ami deprecate ami-0123456789abcdef0 --in 30d', 'a month to move']],
  async run(invocation, io) {
    const wanted = invocation.positionals
    if (wanted.length === 0) throw new UsageError('which images?', 'gen ami list shows those that we baked')
    const delay = text(invocation, 'in')
    // EC2 takes times of the future only.
    const at = new Date(now().getTime() + (delay === undefined ? 60_000 : parseLifetime(delay)))
    const { client, images } = await ours(invocation)
    const foreign = wanted.find((id) => !images.some((image) => image.id === id))
    if (foreign !== undefined)
      throw new UserError(
        `${foreign} is not an image that we baked in this account and region`,
        'gen ami list shows them',
      )
    const { deprecateImage } = await import('../effects/aws/images.effect.ts')
    for (const id of wanted) {
      await deprecateImage(client, id, at, flag(invocation, 'dry-run'))
      io.stderr(
        `gen: ${id} ${flag(invocation, 'dry-run') ? 'would be' : 'is'} deprecated from ${at.toISOString()} on\n`,
      )
    }
    return 0
  },
}

const prune: Command = {
  name: 'prune',
  summary: 'remove old images of ours with their snapshots',
  usage: '[--keep N] [--older-than 30d] [--cluster NAME] [--role ROLE] [--dry-run | --yes]',
  description:
    'Never what an instance or any version of a launch template uses, and never the newest of its kind: cluster, role, Kubernetes version and architecture.',
  options: {
    keep: { type: 'string', value: 'N', description: 'how many of each kind stay', default: '1' },
    'older-than': {
      type: 'string',
      value: 'TIME',
      description: 'only images of that age',
      default: '0: any age',
    },
    ...ofWhom,
    'dry-run': dryRun,
    yes,
    ...awsOptions,
  },
  examples: [
    ['gen ami prune --dry-run', 'what would go, and why the rest stays'],
    ['gen ami prune --keep 3 --older-than 30d --yes', 'in a pipeline'],
  ],
  async run(invocation, io) {
    const limits = readLimits(invocation)
    const { client, images } = await ours(invocation)
    const verdicts = prunable(images, limits)
    const reasons = new Map(verdicts.map(({ image, kept }) => [image.id, kept]))
    if (images.length > 0)
      await io.stdout(
        table(
          verdicts.map(({ image }) => image),
          ({ id }) => `${reasons.has(id) ? (reasons.get(id) ?? 'REMOVE') : ''}`,
        ),
      )
    const gone = verdicts.filter(({ kept }) => kept === undefined).map(({ image }) => image)
    if (gone.length === 0) {
      io.stderr('gen: nothing to remove\n')
      return 0
    }
    const { mayDeregister, removeImage } = await import('../effects/aws/images.effect.ts')
    if (flag(invocation, 'dry-run')) {
      for (const { id } of gone) await mayDeregister(client, id)
      io.stderr(`gen: would remove ${gone.length} of ${images.length} images; EC2 lets you\n`)
      return 0
    }
    if (!(await confirm(`Remove ${gone.length} images with their snapshots?`, flag(invocation, 'yes'), io)))
      return 1
    const left: string[] = []
    // Asked again: somebody may have launched one while the question stood.
    const still = new Set(
      prunable((await ours(invocation)).images, limits).flatMap(({ image, kept }) =>
        kept === undefined ? [image.id] : [],
      ),
    )
    for (const image of gone) {
      if (!still.has(image.id)) {
        io.stderr(`gen: ${image.id} stays: it is used by now\n`)
        continue
      }
      const stayed = await removeImage(client, image.id)
      io.stderr(
        `gen: removed ${image.id} with ${image.snapshots.length - stayed.length} of ${image.snapshots.length} snapshots\n`,
      )
      left.push(...stayed)
    }
    if (left.length === 0) return 0
    throw new UserError(
      `EC2 kept snapshots: ${left.join(', ')}`,
      'skipped: another image has it; missing-permissions: ec2:DeleteSnapshot; remove them with aws ec2 delete-snapshot',
    )
  },
}

/** @throws UsageError */
function readLimits(invocation: Invocation): { readonly keep: number; readonly olderThan: string } {
  const written = text(invocation, 'keep') ?? '1'
  if (!/^[1-9]\d{0,3}$/.test(written))
    throw new UsageError(`--keep cannot be ${written}`, 'a number from 1 on')
  const age = text(invocation, 'older-than')
  const before = new Date(now().getTime() - (age === undefined ? 0 : parseLifetime(age)))
  return { keep: Number(written), olderThan: before.toISOString() }
}

async function ours(invocation: Invocation) {
  const role = text(invocation, 'role')
  const parsed = parseRole(role ?? '')
  if (role !== undefined && parsed === undefined)
    throw new UsageError(`there is no role named ${role}`, 'control-plane (or master), worker')
  const cluster = text(invocation, 'cluster')
  const { connect } = await import('../effects/aws/clients.effect.ts')
  const { ownImages } = await import('../effects/aws/images.effect.ts')
  const client = connect(access(invocation)).ec2
  const wanted = {
    ...(cluster === undefined ? {} : { cluster }),
    ...(parsed === undefined ? {} : { role: parsed }),
  }
  return { client, images: await ownImages(client, wanted) }
}

function table(images: readonly BakedSummary[], last: (image: BakedSummary) => string): string {
  const rows = images.map((image) => [
    image.id,
    image.cluster,
    image.role,
    image.kubernetes,
    image.architecture,
    image.created.slice(0, 10),
    image.deprecated === '' ? '-' : image.deprecated.slice(0, 10),
    last(image),
  ])
  return columns([['image', 'cluster', 'role', 'kubernetes', 'arch', 'created', 'deprecated', ''], ...rows])
}

function toJson(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`
}

export const ami: Command = {
  name: 'ami',
  summary: 'find base images on EC2; list, deprecate and prune those that we baked',
  usage: 'find|list|deprecate|prune',
  options: {},
  subcommands: [find, list, deprecate, prune],
  async run() {
    throw new UsageError('gen ami what?', 'find, list, deprecate or prune')
  },
}
