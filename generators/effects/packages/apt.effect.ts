/** Packages with everything that they depend on, found and fetched by apt itself in a root of its own. */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { link, mkdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import {
  type AptFile,
  type AptSource,
  aptConfiguration,
  complaints,
  poolName,
  readUris,
  sourcesList,
} from '../../bundle/apt.ts'
import { UserError } from '../../cli/command.ts'
import { type ClosureRequest, refusal } from './packaging.ts'
import { type Ended, run } from './run.effect.ts'

type AptRequest = ClosureRequest<AptSource>

/**
 * Fetches the closure into `pool`.
 * @returns the packages' file names in the pool, sorted
 * @throws UserError with apt's own reason
 */
export async function fetchClosure(request: AptRequest): Promise<readonly string[]> {
  const { root, pool, signal } = request
  const apt = await prepareRoot(request)
  const update = await apt(['-q', 'update'])
  if (update.code !== 0) throw refused('the package sources cannot be read', update)
  const listed = await apt(['-qq', '-y', '--print-uris', 'install', ...request.packages])
  if (listed.code !== 0) throw refused('there is no way to install all packages', listed)
  const files = readUris(listed.stdout)
  await mkdir(pool, { recursive: true })
  for (let attempt = 0; ; attempt++) {
    const wrong = await missing(files, pool)
    if (wrong.length === 0) break
    if (attempt === 2)
      throw new UserError(
        `${wrong[0]?.url} is not what its repository says: size or checksum differ`,
        'the mirror may be in the middle of an update: try again later, or take another with repositories.distribution',
      )
    await fetchInto(request, apt, files, wrong)
    signal.throwIfAborted()
  }
  await rm(join(root, 'archives'), { recursive: true, force: true })
  return files.map(({ file }) => poolName(file)).sort()
}

type Apt = (args: readonly string[], onStatus?: (line: string) => void) => Promise<Ended>

async function prepareRoot({ root, architecture, sources, base, signal }: AptRequest): Promise<Apt> {
  const archives = join(root, 'archives')
  for (const folder of ['etc/apt.conf.d', 'etc/sources.list.d', 'etc/trusted.d', 'etc/preferences.d'])
    await mkdir(join(root, folder), { recursive: true })
  for (const folder of ['state/lists/partial', 'cache', 'log', 'archives/partial'])
    await mkdir(join(root, folder), { recursive: true })
  const status = base ?? join(root, 'state/status')
  if (base === undefined) await writeFile(status, '')
  await writeFile(join(root, 'etc/sources.list'), sourcesList(sources, architecture))
  const configuration = join(root, 'etc/apt.conf')
  await writeFile(configuration, aptConfiguration(root, { architecture, status, archives }))
  return (args, onStatus) =>
    // Outliving a gen that was killed, it would meddle with the next one's files.
    run('setpriv', ['--pdeathsig', 'KILL', 'apt-get', ...args], {
      // Read before the machine's own configuration, which it leads away from.
      env: { APT_CONFIG: configuration, DEBIAN_FRONTEND: 'noninteractive' },
      signal,
      ...(onStatus === undefined ? {} : { onStatus }),
    })
}

/** By content: a package that is there with the right checksum is done. */
async function missing(files: readonly AptFile[], pool: string): Promise<readonly AptFile[]> {
  const wrong: AptFile[] = []
  for (const file of files) if (!(await isRight(join(pool, poolName(file.file)), file))) wrong.push(file)
  return wrong
}

async function isRight(path: string, { size, sha256 }: AptFile): Promise<boolean> {
  const found = await stat(path).catch(() => undefined)
  if (found?.size !== size) return false
  const hash = createHash('sha256')
  await pipeline(createReadStream(path), hash)
  return hash.digest('hex') === sha256
}

/** apt downloads what its resolver chose, checks it against the signed index, and goes on where it was cut off. */
async function fetchInto(
  { root, pool, packages, onProgress }: AptRequest,
  apt: Apt,
  files: readonly AptFile[],
  wrong: readonly AptFile[],
): Promise<void> {
  const archive = (file: string) => join(root, 'archives', file)
  const total = wrong.reduce((sum, { size }) => sum + size, 0)
  onProgress({ bytes: 0, total })
  for (const entry of files)
    if (!wrong.includes(entry))
      await link(join(pool, poolName(entry.file)), archive(entry.file)).catch(() => undefined)
  const ended = await apt(
    ['-qq', '-y', '-o', 'APT::Status-Fd=3', '--download-only', 'install', ...packages],
    (line) => {
      const percent = /^dlstatus:\d+:([\d.]+):/.exec(line)?.[1]
      if (percent !== undefined) onProgress({ bytes: (total * Number(percent)) / 100, total })
    },
  )
  if (ended.code !== 0) throw refused('packages cannot be fetched', ended)
  for (const { file } of wrong) await rename(archive(file), join(pool, poolName(file))).catch(() => undefined)
  onProgress({ bytes: total, total })
}

function refused(what: string, { stderr }: Ended): UserError {
  const unknown = /Unable to locate package|has no installation candidate|was not found/.test(stderr)
  return refusal('apt-get', what, complaints(stderr), unknown)
}
