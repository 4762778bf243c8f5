/** Makes a bundle: everything into a folder beside the final place, which gets its name when it is whole. */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { link, mkdir, readdir, readFile, rename, rm, rmdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { type BundleContents, bundleManifest, checksumList, readChecksums } from '../bundle/manifest.ts'
import type { BundledFile, BundlePlan } from '../bundle/plan.ts'
import { UserError } from '../cli/command.ts'
import { installer, packageVersion } from './assets.effect.ts'
import { downloadFile } from './download.effect.ts'
import { writeFileAtomic } from './files.effect.ts'
import type { Collected } from './packages/packaging.ts'
import { run } from './packages/run.effect.ts'
import { publishedSum } from './resolve.effect.ts'
import { isRunning, thisProcess } from './running.effect.ts'

export interface BundleRequest {
  readonly plan: BundlePlan
  /** Where to, absolute: a folder, or a tar file when it ends in `.tar`. */
  readonly output: string
  readonly signal: AbortSignal
  /** A step that takes its time begins. */
  readonly onStep: (step: string) => void
  /** Puts all packages into `pool`. */
  readonly packages: (pool: string, scratch: string, keys: ReadonlyMap<string, string>) => Promise<Collected>
  /** Writes one archive of all images. */
  readonly images: (archive: string) => Promise<BundleContents['images']>
}

export interface MadeBundle {
  /** SHA-256 of SHA256SUMS: it stands for everything. */
  readonly sum: string
  /** Of the tar file. */
  readonly tarSum: string | undefined
  readonly contents: BundleContents
}

/** @throws UserError; what has come so far stays for the next run */
export async function makeBundle(request: BundleRequest): Promise<MadeBundle> {
  const { plan, output } = request
  const isTar = output.endsWith('.tar')
  const work = `${output}.part`
  const bundle = join(work, 'bundle')
  await claim(output, work)
  await takeOver(isTar ? undefined : output, bundle)
  const scratch = join(work, 'scratch')
  await mkdir(scratch, { recursive: true })
  const keys = await fetchKeys(request, scratch)
  const { packages, index } =
    plan.packages.length === 0
      ? { packages: [], index: [] }
      : await request.packages(join(bundle, 'packages'), scratch, keys)
  const files = await fetchFiles(request, bundle)
  request.onStep('images')
  await mkdir(join(bundle, 'images'), { recursive: true })
  const images =
    plan.images.length === 0 ? [] : await request.images(join(bundle, 'images', `${plan.cluster}.tar`))
  const contents = { packages, files, images }
  await writeOwn(plan, bundle, contents)
  const sum = await seal(plan, bundle, contents, index)
  request.onStep('placing it')
  const tarSum = isTar ? await pack(request, work) : await swap(output, bundle)
  await rm(work, { recursive: true, force: true })
  return { sum, tarSum, contents }
}

/** Two runs at one place would take each other's files away. */
async function claim(output: string, work: string): Promise<void> {
  const writer = join(work, 'writer')
  const own = `${writer}.${process.pid}`
  await mkdir(work, { recursive: true })
  await writeFile(own, await thisProcess())
  for (;;) {
    const isOurs = await link(own, writer).then(
      () => true,
      (cause: NodeJS.ErrnoException) => cause.code !== 'EEXIST' && Promise.reject(cause),
    )
    if (isOurs) return rm(own)
    const earlier = await readFile(writer, 'latin1').catch(() => '')
    if (earlier === (await thisProcess())) return rm(own)
    if (await isRunning(earlier)) {
      await rm(own)
      throw new UserError(`another gen (process ${earlier.split(' ')[0]}) is writing ${output}`)
    }
    await rm(writer, { force: true })
  }
}

/** What an earlier bundle at this place has right need not be fetched again; every step looks at the content. */
async function takeOver(earlier: string | undefined, bundle: string): Promise<void> {
  await mkdir(bundle, { recursive: true })
  if (earlier === undefined) return
  const present: readonly string[] = await readdir(earlier).catch(() => [])
  if (present.length === 0) return
  if (!present.includes('bundle.json'))
    throw new UserError(`${earlier} holds something that is no bundle`, 'choose another folder with -o')
  const sums = await readFile(join(earlier, 'SHA256SUMS'), 'utf8').catch(() => '')
  for (const path of readChecksums(sums).keys()) {
    if (path.split('/').includes('..') || path.startsWith('/')) continue
    await mkdir(dirname(join(bundle, path)), { recursive: true })
    await link(join(earlier, path), join(bundle, path)).catch(() => undefined)
  }
}

async function fetchKeys(
  { plan, signal }: BundleRequest,
  scratch: string,
): Promise<ReadonlyMap<string, string>> {
  const keys = new Map<string, string>()
  for (const [index, { url, sha256 }] of plan.keys.entries()) {
    const path = join(scratch, `key-${index}.asc`)
    await downloadFile({ url, path, sha256, signal })
    keys.set(url, path)
  }
  return keys
}

async function fetchFiles(request: BundleRequest, bundle: string): Promise<BundleContents['files']> {
  const { plan } = request
  const queue = plan.downloads.values()
  const done: BundleContents['files'][number][] = []
  const worker = async () => {
    for (const file of queue) done.push(await fetchFile(request, file, bundle))
  }
  await Promise.all(Array.from({ length: 4 }, worker))
  return done.sort((one, other) => (one.path < other.path ? -1 : 1))
}

async function fetchFile(
  { signal, onStep }: BundleRequest,
  file: BundledFile,
  bundle: string,
): Promise<BundleContents['files'][number]> {
  const { url } = file
  const path = join(bundle, file.path)
  const { sha256Url } = file
  const published = async () => (sha256Url === undefined ? undefined : publishedSum(sha256Url, signal))
  const expected = file.sha256 ?? (await published())
  const isThere = expected !== undefined && (await sumOf(path)) === expected
  if (!isThere) onStep(url)
  const sha256 = isThere ? expected : await downloadFile({ url, path, sha256: expected, signal })
  return { url, path: file.path, sha256 }
}

async function writeOwn(plan: BundlePlan, bundle: string, contents: BundleContents): Promise<void> {
  const text = (content: string) => new TextEncoder().encode(content)
  const files = [
    ...plan.files.map((file) => ({ ...file, bytes: text(file.text) })),
    { path: 'install.sh', mode: 0o755, bytes: installer() },
    { path: 'tables', mode: 0o644, bytes: text(plan.rows.map((row) => `${row.join('\t')}\n`).join('')) },
    {
      path: 'bundle.json',
      mode: 0o644,
      bytes: text(bundleManifest(plan, contents, packageVersion())),
    },
  ]
  for (const { path, mode, bytes } of files) {
    await mkdir(dirname(join(bundle, path)), { recursive: true })
    await writeFileAtomic(join(bundle, path), bytes, mode, { durable: false })
  }
}

/** Removes what belongs to an earlier bundle, and lists the rest. */
async function seal(
  plan: BundlePlan,
  bundle: string,
  contents: BundleContents,
  index: readonly string[],
): Promise<string> {
  const packages = contents.packages.map(({ file }) => file)
  const expected = new Set([
    ...[...packages, ...index].map((file) => `packages/${file}`),
    ...contents.files.map(({ path }) => path),
    ...(contents.images.length === 0 ? [] : [`images/${plan.cluster}.tar`]),
    ...plan.files.map(({ path }) => path),
    'install.sh',
    'tables',
    'bundle.json',
  ])
  await prune(bundle, '', expected)
  const sums: { path: string; sha256: string }[] = []
  for (const path of expected) {
    const sha256 = await sumOf(join(bundle, path))
    if (sha256 === undefined) throw new UserError(`${join(bundle, path)} has gone while the bundle was made`)
    sums.push({ path, sha256 })
  }
  const list = new TextEncoder().encode(checksumList(sums))
  await writeFileAtomic(join(bundle, 'SHA256SUMS'), list, 0o644)
  return createHash('sha256').update(list).digest('hex')
}

async function prune(root: string, below: string, expected: ReadonlySet<string>): Promise<void> {
  for (const entry of await readdir(join(root, below), { withFileTypes: true })) {
    const path = below === '' ? entry.name : `${below}/${entry.name}`
    if (!entry.isDirectory()) {
      if (!expected.has(path)) await rm(join(root, path), { force: true })
    } else {
      await prune(root, path, expected)
      await rmdir(join(root, path)).catch(() => undefined)
    }
  }
}

/** The folder changes its name in one step; of the earlier one nothing is lost before. */
async function swap(output: string, bundle: string): Promise<undefined> {
  const old = `${output}.part/old`
  await mkdir(dirname(output), { recursive: true })
  await rename(output, old).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code !== 'ENOENT') throw cause
  })
  await rename(bundle, output)
  return undefined
}

/** The same bytes whenever it is packed. */
async function pack({ output, plan, signal }: BundleRequest, work: string): Promise<string> {
  const name = `leaven-${plan.cluster}`
  const file = join(work, 'bundle.tar')
  const alike = ['--sort=name', '--format=gnu', '--mtime=@0', '--owner=0', '--group=0', '--numeric-owner']
  const args = [
    ...alike,
    '--mode=u=rwX,go=rX',
    `--transform=s,^\\.,${name},`,
    '-C',
    join(work, 'bundle'),
    '-cf',
    file,
    '.',
  ]
  const { code, stderr } = await run('tar', args, { signal })
  if (code !== 0)
    throw new UserError(`tar cannot write the bundle: ${stderr.trim().split('\n').at(-1) ?? ''}`)
  const sum = await sumOf(file)
  await rename(file, output)
  return sum ?? ''
}

async function sumOf(path: string): Promise<string | undefined> {
  const hash = createHash('sha256')
  try {
    await pipeline(createReadStream(path), hash)
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw cause
  }
  return hash.digest('hex')
}
