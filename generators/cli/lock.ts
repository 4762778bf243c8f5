import { stoppable } from '../effects/interrupt.effect.ts'
import { formatPlatform, type Platform } from '../images/platform.ts'
import { compareLock, type Difference, findLocked } from '../lock/lock.ts'
import { neededImages, type Wanted, wanted } from '../lock/wanted.ts'
import type { Lock } from '../model/lock.ts'
import { wantedBases } from '../plan/machine.ts'
import { access, awsOptions } from './aws.ts'
import { blueprintOptions, type Command, flag, type Invocation, type Io, text, UserError } from './command.ts'
import { readPlatforms } from './export-request.ts'
import { compileOrReport, type Ready } from './inputs.effect.ts'
import { lockName, writeLock } from './lock-file.effect.ts'
import { openSource, registryOptions, texts } from './registry-options.ts'
import type { Missing } from './resolve-missing.effect.ts'

const { secrets: _, ...blueprintOnly } = blueprintOptions
// The region of an AMI is its builder's.
const { region: _region, ...ofAmis } = awsOptions

export const lock: Command = {
  name: 'lock',
  summary: 'pin every image by digest and every download by checksum',
  usage: '[--platform LIST] [--update NAME]… | --check',
  description:
    'Writes <name>.lock.json beside the blueprint: commit it. What is in it stays; what the blueprint needs beside it is looked up, what it no longer needs goes. Every command that reads the blueprint takes checksums from it.',
  options: {
    ...blueprintOnly,
    ...registryOptions,
    ...ofAmis,
    check: {
      type: 'boolean',
      description: 'change nothing and ask nobody; end with 1 when lock and blueprint disagree',
    },
    update: {
      type: 'string',
      multiple: true,
      value: 'NAME',
      description: 'look this image or URL up again: its name, or the end of it, such as kube-proxy',
    },
    platform: {
      type: 'string',
      value: 'LIST',
      description: 'what the nodes run on, such as linux/amd64,linux/arm64',
      default: "what the lock has, else the blueprint's os.architecture",
    },
  },
  examples: [
    ['gen lock', 'prod.lock.json'],
    ['gen lock --check', 'in CI'],
    ['gen lock --update kube-proxy', 'after somebody pushed its tag again'],
  ],
  async run(invocation, io) {
    const ready = await compileOrReport(invocation, io, { withSecrets: false })
    if (ready === undefined) return 1
    const platforms = platformsOf(invocation, ready)
    const bases = wantedBases(ready.plan, ready.written, platforms)
    const needed = wanted(ready.groups, bases)
    if (flag(invocation, 'check')) return check(ready, needed, platforms, io)
    const { lock: before, plan, blueprint } = ready
    const kept = keep(before, needed, platforms, readUpdates(invocation, before))
    const source = await openSource(invocation, io, (note) => io.stderr(`gen: ${note}\n`), plan)
    const { resolveMissing } = await import('./resolve-missing.effect.ts')
    const missing = { cluster: plan.name, wanted: needed, platforms, kept, source, aws: access(invocation) }
    const after = await stoppable((signal) => resolveMissing(missing, io, signal)).finally(source.close)
    if (after === undefined) {
      io.stderr(`gen: nothing was written\n`)
      return 1
    }
    const changed = await writeLock(blueprint.folder, { ...before, ...after })
    io.stderr(`gen: ${lockName(plan.name)}: ${counts(after)}${changed ? '' : ', unchanged'}\n`)
    return 0
  },
}

function counts({ images, downloads, bases = {} }: Lock): string {
  const counted = { images, downloads, 'bases of machine images': bases }
  return Object.entries(counted)
    .map(([what, section]) => `${Object.keys(section).length} ${what}`)
    .filter((count, index) => index < 2 || !count.startsWith('0 '))
    .join(', ')
}

async function check(
  { lock: locked, plan }: Ready,
  needed: Wanted,
  platforms: readonly Platform[],
  io: Io,
): Promise<0 | 1> {
  const name = lockName(plan.name)
  if (locked === undefined)
    throw new UserError(`there is no ${name} beside the blueprint`, 'make it with gen lock')
  const found = compareLock(locked, needed, platforms.map(formatPlatform))
  await io.stdout(found.map(({ name: entry, what }: Difference) => `${entry}: ${what}\n`).join(''))
  if (found.length === 0) return 0
  io.stderr(`gen: ${name} and the blueprint disagree in ${found.length} places: run gen lock\n`)
  return 1
}

/** What of the lock is still right: needed, not to be moved, complete, and not contradicted by the blueprint. */
function keep(
  before: Lock | undefined,
  needed: Wanted,
  platforms: readonly Platform[],
  moved: ReadonlySet<string>,
): Missing['kept'] {
  if (before === undefined) return { images: {}, downloads: {}, bases: {} }
  const wants = new Map(needed.downloads.map((download) => [download.url, download]))
  const downloads = only(before.downloads, (url, { sha256, images }) => {
    const want = wants.get(url)
    if (want === undefined || moved.has(url)) return false
    return (want.sha256 ?? sha256) === sha256 && (want.runsImages === true) === (images !== undefined)
  })
  const names = platforms.map(formatPlatform)
  const images = only(
    before.images,
    (name, image) => !moved.has(name) && names.every((platform) => platform in image.platforms),
  )
  const all = neededImages(needed, before.downloads)
  const named = (needed.bases ?? []).map(({ name }) => name)
  const bases = only(before.bases ?? {}, (name) => named.includes(name) && !moved.has(name))
  return { downloads, images: only(images, (name) => all.includes(name)), bases }
}

function only<Entry>(
  section: Readonly<Record<string, Entry>>,
  isKept: (name: string, entry: Entry) => boolean,
): Readonly<Record<string, Entry>> {
  return Object.fromEntries(Object.entries(section).filter(([name, entry]) => isKept(name, entry)))
}

function readUpdates(invocation: Invocation, before: Lock | undefined): ReadonlySet<string> {
  const names = texts(invocation, 'update')
  if (names.length > 0 && before === undefined)
    throw new UserError('there is no lock yet to update', 'gen lock makes it, everything looked up')
  return new Set(
    names.map((name) => {
      const found = findLocked(before as Lock, name)
      if ('key' in found) return found.key
      const [first, ...more] = found.candidates
      throw first === undefined
        ? new UserError(
            `the lock has no image and no download named ${name}`,
            'gen lock --check lists what it lacks',
          )
        : new UserError(`${name} could be ${[first, ...more].join(' or ')}`, 'name the whole of it')
    }),
  )
}

/** Those asked for, those of the lock, or the blueprint's own. */
function platformsOf(invocation: Invocation, { plan, lock: locked }: Ready): readonly Platform[] {
  const own = `linux/${plan.os.options['architecture'] ?? 'amd64'}`
  return readPlatforms(text(invocation, 'platform') ?? locked?.platforms.join(',') ?? own)
}
