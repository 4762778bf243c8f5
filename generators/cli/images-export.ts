import { dirname, join } from 'node:path'
import type { Exported, Wish } from '../effects/archive/export.effect.ts'
import { makeFolder } from '../effects/files.effect.ts'
import { stoppable } from '../effects/interrupt.effect.ts'
import type { Role } from '../model/role.ts'
import { type Command, type ExitCode, flag, type Invocation, type Io, text, UsageError } from './command.ts'
import { distinct, pinWish, readPlatforms, readSize, readWish, readWishes } from './export-request.ts'
import { imagesOptions, readRole, roleOption, wantedImages } from './images-list.ts'
import { compileOrReport } from './inputs.effect.ts'
import { openProgress, type Progress, size } from './progress.ts'
import { openSource, registryOptions, texts } from './registry-options.ts'

export const imagesExport: Command = {
  name: 'export',
  summary: 'write images from registries into one archive that ctr imports',
  usage: '[--role ROLE | --images FILE|REF…] [--platform LIST] [--split SIZE] [-o FILE]',
  description:
    'The archive is an OCI layout in a plain tar, for ctr -n k8s.io images import on containerd 1.6 and later, with names by tag and by digest. Layers are kept byte for byte, each once; the same images give the same bytes. A run that was stopped or killed goes on where it was. Credentials are those of docker login.\nParts of --split are joined by: cat FILE.??? > FILE',
  options: {
    ...imagesOptions,
    role: roleOption,
    images: {
      type: 'string',
      multiple: true,
      value: 'FILE|REF',
      description:
        'these images and no blueprint: a name, or a file with one name a line (# begins a comment); may be repeated',
    },
    platform: {
      type: 'string',
      value: 'LIST',
      description: 'of the nodes, separated by commas',
      default: 'linux/amd64',
    },
    'index-names': {
      type: 'boolean',
      description: "also name@digest of each image's index, for pods pinned so; import with --platform",
    },
    split: { type: 'string', value: 'SIZE', description: 'write parts of this size: FILE.001 …; such as 4G' },
    ...registryOptions,
    output: {
      type: 'string',
      short: 'o',
      value: 'FILE',
      description: 'one archive of everything',
      default: 'out/<cluster>/images/<role>.tar for each role; images.tar with --images',
    },
    json: { type: 'boolean', description: 'the result as JSON, progress as events on standard error' },
  },
  examples: [
    ['gen images export', 'an archive for each role of the cluster'],
    ['gen images export --images list.txt -o tools.tar', 'any images, one name a line'],
    ['gen images export --role worker --split 4G', 'for a stick with FAT32'],
  ],
  async run(invocation, io): Promise<ExitCode> {
    const request = {
      platforms: readPlatforms(text(invocation, 'platform') ?? 'linux/amd64'),
      partSize:
        invocation.values['split'] === undefined ? undefined : readSize(text(invocation, 'split') ?? ''),
      indexNames: flag(invocation, 'index-names'),
    }
    const progress = await openProgress(io, { json: flag(invocation, 'json') })
    return stoppable(async (signal) => {
      const archives = await readArchives(invocation, io, signal)
      if (archives === undefined) return 1
      const exported = await exportAll(archives, request, { invocation, io, progress, signal })
      if (flag(invocation, 'json')) await io.stdout(`${JSON.stringify(exported, null, 2)}\n`)
      return 0
    }).finally(progress.end)
  },
}

interface WantedArchive {
  readonly path: string
  /** As the user knows it. */
  readonly shown: string
  readonly wishes: readonly Wish[]
}

/** @returns undefined when the blueprint has errors */
async function readArchives(
  invocation: Invocation,
  io: Io,
  signal: AbortSignal,
): Promise<readonly WantedArchive[] | undefined> {
  const role = readRole(invocation)
  const output = text(invocation, 'output')
  const at = (shown: string) => ({ shown, path: shown.startsWith('/') ? shown : join(io.cwd, shown) })
  const given = texts(invocation, 'images')
  if (given.length > 0) {
    for (const name of ['role', 'blueprint'])
      if (text(invocation, name) !== undefined)
        throw new UsageError(
          `--images and --${name} exclude each other`,
          'airgap.images in the blueprint adds images to it',
        )
    return [{ ...at(output ?? 'images.tar'), wishes: await readWishes(given, io) }]
  }
  const ready = await compileOrReport(invocation, io, { withSecrets: false })
  if (ready === undefined) return undefined
  const there = (['control-plane', 'worker'] as const).filter((one) =>
    ready.groups.some((group) => group.role === one),
  )
  const roles: readonly (Role | undefined)[] =
    role !== undefined ? [role] : output === undefined ? there : [undefined]
  const archives: WantedArchive[] = []
  for (const one of roles) {
    const wanted = await wantedImages(ready, one, io, signal)
    const named = distinct(wanted.map(({ reference }) => readWish(reference, '', io)))
    const wishes = named.map((wish) => pinWish(wish, ready.lock))
    archives.push({ ...at(output ?? join('out', ready.plan.name, 'images', `${one}.tar`)), wishes })
  }
  return archives
}

interface Run {
  readonly invocation: Invocation
  readonly io: Io
  readonly progress: Progress
  readonly signal: AbortSignal
}

async function exportAll(
  archives: readonly WantedArchive[],
  request: Pick<
    Parameters<typeof import('../effects/archive/export.effect.ts').exportArchive>[0],
    'platforms' | 'partSize' | 'indexNames'
  >,
  { invocation, io, progress, signal }: Run,
): Promise<readonly Exported[]> {
  const { exportArchive } = await import('../effects/archive/export.effect.ts')
  const source = await openSource(invocation, io, progress.note)
  const exported: Exported[] = []
  try {
    for (const { path, shown, wishes } of archives) {
      const watcher = {
        begin: (total: number, done: number) => progress.begin(shown, total, done),
        bytes: progress.advance,
        note: progress.note,
      }
      if (text(invocation, 'output') === undefined) await makeFolder(dirname(path))
      // What the archive of one role has need not be fetched for the next.
      const older = exported.flatMap(({ files }) => files.slice(0, 1))
      const one = await exportArchive({ ...request, path, wishes, older }, source, watcher, signal)
      progress.end()
      exported.push(one)
      if (!flag(invocation, 'json')) io.stderr(inWords(shown, one))
    }
  } finally {
    await source.close()
  }
  return exported
}

function inWords(shown: string, { outcome, images, blobs, bytes, files }: Exported): string {
  const parts = files.length > 1 ? ` in ${files.length} parts` : ''
  return `gen: ${shown}: ${outcome}: ${images.length} images, ${blobs} blobs, ${size(bytes)}${parts}\n`
}
