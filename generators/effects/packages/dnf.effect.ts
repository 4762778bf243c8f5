/** Packages with everything that they depend on, found and fetched by dnf itself in a root of its own. */
import { copyFile, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import {
  type DnfSource,
  dnfComplaints,
  dnfConfiguration,
  queryFormat,
  type RpmFile,
  readFiles,
  readTransaction,
  rpmArchitecture,
  rpmName,
} from '../../bundle/dnf.ts'
import { UserError } from '../../cli/command.ts'
import { type ClosureRequest, refusal } from './packaging.ts'
import { type Ended, run } from './run.effect.ts'

type DnfRequest = ClosureRequest<DnfSource>

/**
 * Fetches the closure into `pool`; dnf checks size, checksum and signature of every package.
 * @returns the packages' file names in the pool, sorted
 * @throws UserError with dnf's own reason
 */
export async function fetchRpms(request: DnfRequest): Promise<readonly string[]> {
  const { root, pool } = request
  const fetched = join(root, 'fetched')
  await mkdir(fetched, { recursive: true })
  await mkdir(pool, { recursive: true })
  const dnf = await prepareRoot(request)
  const names = request.packages.map(rpmName)
  const explained = await dnf('--assumeno', '--refresh', '-d', '3', 'install', ...names)
  // It ends badly when somebody, as here, says no.
  if (explained.code !== 0 && !explained.stderr.includes('Operation aborted.'))
    throw refused('there is no way to install all packages', explained)
  if (explained.stdout.includes('Nothing to do.')) return []
  const chosen = readTransaction(explained.stdout)
  if (chosen.length === 0) throw refused('dnf does not tell what it would install', explained)
  const listed = await dnf('-q', 'repoquery', '--qf', queryFormat, ...chosen)
  if (listed.code !== 0) throw refused('the packages cannot be listed', listed)
  const files = readFiles(listed.stdout)
  // Copies, because dnf mends a wrong one in place, which may be a file of the earlier bundle.
  for (const { file } of files) await copyFile(join(pool, file), join(fetched, file)).catch(() => undefined)
  const stop = watch(fetched, files, request.onProgress)
  const come = ['-y', '-q', `--downloaddir=${fetched}`, '--downloadonly', 'install']
  const came = await dnf(...come, ...names).finally(stop)
  if (came.code !== 0) throw refused('packages cannot be fetched', came)
  for (const { file } of files) await rename(join(fetched, file), join(pool, file))
  return files.map(({ file }) => file)
}

type Dnf = (...args: readonly string[]) => Promise<Ended>

/** An empty machine; metadata of an earlier run stays in its cache. Settings of who runs this, such as ~/.rpmmacros, do not count. */
async function prepareRoot({ root, release, architecture, sources, base, signal }: DnfRequest): Promise<Dnf> {
  const tree = join(root, 'tree')
  await mkdir(tree, { recursive: true })
  for (const entry of await readdir(tree))
    if (entry !== 'cache') await rm(join(tree, entry), { recursive: true, force: true })
  // Of a run that was killed: whoever has its number by now, which in containers is somebody, dnf would wait for.
  for (const lock of ['download', 'metadata'])
    await rm(join(tree, 'cache', `${lock}_lock.pid`), { force: true })
  if (base !== undefined) await layDatabase(base, root, signal)
  const configuration = join(root, 'dnf.conf')
  await writeFile(configuration, dnfConfiguration(sources, release))
  const where = [`--config=${configuration}`, `--installroot=${tree}`, `--releasever=${release}`]
  const how = [`--forcearch=${rpmArchitecture(architecture)}`, '--disableexcludes=all']
  // It wants to be root, though nothing outside of its tree is touched.
  const asRoot = process.getuid?.() === 0 ? [] : ['unshare', '--map-root-user']
  // Outliving a gen that was killed, it would meddle with the next one's files.
  const [program = '', ...rest] = [...asRoot, 'setpriv', '--pdeathsig', 'KILL', 'dnf', ...where, ...how]
  return (...args) => run(program, [...rest, ...args], { env: { HOME: root }, signal })
}

/** @throws UserError when the file is no database that rpm here can read */
export async function checkDatabase(base: string): Promise<void> {
  const start = await readFile(base, 'latin1').catch(() => '')
  if (!start.startsWith('SQLite format 3'))
    throw new UserError(
      `${base} is no rpm database in SQLite's format`,
      '--base takes a copy of /var/lib/rpm/rpmdb.sqlite of a node (release 9 and later; 8 has another format, leave --base out there)',
    )
}

/** Where rpm keeps it is a matter of the distribution that rpm was built for, not of the one that it is asked about. */
async function layDatabase(base: string, root: string, signal: AbortSignal): Promise<void> {
  const { stdout } = await run('rpm', ['--eval', '%_dbpath'], { env: { HOME: root }, signal })
  const path = join(root, 'tree', stdout.trim(), 'rpmdb.sqlite')
  await mkdir(dirname(path), { recursive: true })
  await copyFile(base, path)
}

/** dnf tells nobody how far it is; what has come can be looked at. */
function watch(folder: string, files: readonly RpmFile[], onProgress: DnfRequest['onProgress']): () => void {
  const total = files.reduce((sum, { size }) => sum + size, 0)
  const sizeOf = (file: string) => stat(join(folder, file)).then((found) => found.size)
  const look = async () => {
    const come = await Promise.all(files.map(({ file }) => sizeOf(file).catch(() => 0)))
    const bytes = come.reduce((sum, size) => sum + size, 0)
    onProgress({ bytes: Math.min(bytes, total), total })
  }
  onProgress({ bytes: 0, total })
  const timer = setInterval(() => void look(), 500)
  return () => clearInterval(timer)
}

function refused(what: string, { stderr }: Ended): UserError {
  const unknown = /Unable to find a match|nothing provides|No match for argument/.test(stderr)
  return refusal('dnf', what, dnfComplaints(stderr), unknown)
}
