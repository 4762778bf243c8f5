/** A real containerd of its own: root, state and socket in a folder that is gone after the tests. */
import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { stringify } from 'smol-toml'
import { afterwards } from './afterwards.ts'

/** What can be said with `ctr`, always in the namespace of Kubernetes. */
export interface Containerd {
  readonly version: string
  /** @returns what it prints; rejects with its error text */
  readonly ctr: (...args: readonly string[]) => Promise<string>
  readonly import: (file: string, ...args: readonly string[]) => Promise<string>
  /** The same for the parts of an archive: `cat FILE.??? | ctr images import -`. */
  readonly join: (file: string, ...args: readonly string[]) => Promise<void>
  /** Names of images whose blobs are all there. */
  readonly complete: () => Promise<readonly string[]>
  /** What each name stands for. */
  readonly digests: () => Promise<ReadonlyMap<string, string>>
  /** What a container of it prints. */
  readonly run: (reference: string) => Promise<string>
}

/** @param folder that holds containerd, its shim and ctr */
export async function startContainerd(folder = '/usr/bin'): Promise<Containerd> {
  const place = mkdtempSync(join(tmpdir(), 'leaven-containerd-'))
  const version = /v?(\d+\.\d+\.\d+)/.exec(
    execFileSync(join(folder, 'containerd'), ['--version'], { encoding: 'utf8' }),
  )?.[1]
  const socket = join(place, 'containerd.sock')
  writeFileSync(
    join(place, 'config.toml'),
    stringify(configuration(place, socket, version?.startsWith('1.') ?? true)),
  )
  const child = spawn(join(folder, 'containerd'), ['--config', join(place, 'config.toml')], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, PATH: `${folder}:${process.env['PATH']}` },
  })
  afterwards(async () => {
    await end(child)
    rmSync(place, { recursive: true, force: true })
  })
  await serving(child)
  const ctr = async (...args: readonly string[]) => {
    const run = promisify(execFile)
    const { stdout } = await run(join(folder, 'ctr'), ['-a', socket, '-n', 'k8s.io', ...args], {
      timeout: 60_000,
    })
    return stdout
  }
  const base = ['-a', socket, '-n', 'k8s.io', 'images', 'import', '--snapshotter', 'native']
  let count = 0
  return {
    version: version ?? '',
    ctr,
    import: (file, ...args) => ctr('images', 'import', '--snapshotter', 'native', ...args, file),
    join: async (file, ...args) => {
      const line = 'set -eu; file=$1; shift; cat "$file".??? | "$@" -'
      await promisify(execFile)('sh', ['-c', line, '-', file, join(folder, 'ctr'), ...base, ...args])
    },
    complete: async () => {
      const lines = (await ctr('images', 'check', '--snapshotter', 'native')).split('\n').slice(1)
      return lines.filter((line) => line.includes(' complete ')).map((line) => line.split(/\s/)[0] ?? '')
    },
    digests: async () => {
      const lines = (await ctr('images', 'ls')).split('\n').slice(1).filter(Boolean)
      return new Map(
        lines.map((line) => line.split(/\s+/)).map(([name = '', , digest = '']) => [name, digest]),
      )
    },
    run: (reference) => {
      count += 1
      return ctr('run', '--rm', '--snapshotter', 'native', reference, `test-${process.pid}-${count}`)
    },
  }
}

/** Without overlayfs, which a test in a container may not mount. */
function configuration(place: string, socket: string, old: boolean) {
  const common = { root: join(place, 'root'), state: join(place, 'state'), grpc: { address: socket } }
  if (old)
    return {
      version: 2,
      ...common,
      plugins: { 'io.containerd.grpc.v1.cri': { containerd: { snapshotter: 'native' } } },
    }
  const unpack = [{ platform: 'linux/amd64', snapshotter: 'native' }]
  return {
    version: 3,
    ...common,
    plugins: {
      'io.containerd.cri.v1.images': { snapshotter: 'native' },
      'io.containerd.transfer.v1.local': { unpack_config: unpack },
    },
  }
}

function serving(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let said = ''
    child.stderr?.on('data', (chunk: Buffer) => {
      said = (said + chunk.toString()).slice(-20_000)
      if (said.includes('containerd successfully booted')) resolve()
    })
    child.on('error', reject)
    child.on('exit', (code) => reject(new Error(`containerd ended with ${code}: ${said}`)))
  })
}

function end(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve()
    child.on('exit', () => resolve())
    child.kill('SIGTERM')
  })
}

/**
 * containerd 2 as Debian's unstable suite has it, unpacked and not installed; from where this machine has its own
 * packages. Made in CI, elsewhere only taken when it is there.
 */
export function newContainerd(): string | undefined {
  const folder = join(process.env['LEAVEN_CACHE'] ?? join(homedir(), '.cache/leaven'), 'containerd-2')
  const programs = join(folder, 'usr/bin')
  if (existsSync(programs)) return programs
  if (process.env['CI'] === undefined) {
    console.warn('skipped: not made yet: containerd 2 (CI=1 makes it)')
    return undefined
  }
  const scratch = `${folder}.${createHash('sha256').update(String(process.pid)).digest('hex').slice(0, 8)}`
  mkdirSync(scratch, { recursive: true })
  try {
    fetchPackage(scratch)
    renameSync(join(scratch, 'unpacked'), folder)
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
  return programs
}

function fetchPackage(scratch: string): void {
  const run = (program: string, ...args: readonly string[]) =>
    execFileSync(program, [...args], { cwd: scratch, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
  const own = run('apt-get', 'indextargets', '--format', '$(REPO_URI) $(CODENAME)', 'Created-By: Packages')
  const codename = /^VERSION_CODENAME=(.*)$/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1]
  const uri = own
    .split('\n')
    .find((line) => line.endsWith(` ${codename}`))
    ?.split(' ')[0]
  if (uri === undefined) throw new Error('this machine has no source of Debian packages')
  const key = '/usr/share/keyrings/debian-archive-keyring.gpg'
  writeFileSync(join(scratch, 'sources.list'), `deb [signed-by=${key}] ${uri} sid main\n`)
  for (const name of ['lists/partial', 'cache/archives/partial'])
    mkdirSync(join(scratch, name), { recursive: true })
  const options = [
    ['Dir::Etc::SourceList', join(scratch, 'sources.list')],
    ['Dir::Etc::SourceParts', '/dev/null'],
    ['Dir::State::lists', join(scratch, 'lists')],
    ['Dir::Cache', join(scratch, 'cache')],
    ['APT::Sandbox::User', 'root'],
    ['Acquire::Languages', 'none'],
  ].flatMap(([name, value]) => ['-o', `${name}=${value}`])
  run('apt-get', ...options, 'update', '-qq')
  run('apt-get', ...options, 'download', '-qq', 'containerd')
  run('sh', '-ec', 'dpkg-deb -x ./containerd_*.deb unpacked')
}

/** A static program for amd64 that prints its text and ends: the smallest thing that a container can run. */
export function helloProgram(text: string): Buffer {
  const message = Buffer.from(text)
  const code = Buffer.from([
    // write(1, message, length), then exit(0)
    ...[0xb8, 1, 0, 0, 0, 0xbf, 1, 0, 0, 0, 0xbe, 0, 0, 0, 0, 0xba, 0, 0, 0, 0, 0x0f, 5],
    ...[0xb8, 60, 0, 0, 0, 0x31, 0xff, 0x0f, 5],
  ])
  const header = Buffer.alloc(120)
  const base = 0x400000
  const size = header.length + code.length + message.length
  code.writeUInt32LE(base + header.length + code.length, 11)
  code.writeUInt32LE(message.length, 16)
  header.write('\u007fELF\u0002\u0001\u0001', 0, 'latin1')
  for (const [value, at] of [
    [2, 16],
    [62, 18],
    [64, 52],
    [56, 54],
    [1, 56],
  ] as const)
    header.writeUInt16LE(value, at)
  for (const [value, at] of [
    [1, 20],
    [1, 64],
    [5, 68],
  ] as const)
    header.writeUInt32LE(value, at)
  for (const [value, at] of [
    [base + header.length, 24],
    [64, 32],
    [base, 80],
    [base, 88],
    [size, 96],
    [size, 104],
    [0x1000, 112],
  ] as const)
    header.writeBigUInt64LE(BigInt(value), at)
  return Buffer.concat([header, code, message])
}
