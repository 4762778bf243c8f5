/**
 * Test machines for the first-boot program: real bash, openssl, curl, ip and namespaces; recording stand-ins only for what needs a whole
 * Kubernetes (kubeadm, kubelet, kubectl, containerd, systemd). They stand on one bridge, in network namespaces of their own.
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = dirname(fileURLToPath(import.meta.url))
export const programs = join(here, '../../boot')

export interface Status {
  readonly phase: string
  readonly state: string
  readonly message: string
  readonly reason: string
  readonly node: string
}

export interface Machine {
  readonly disk: string
  /** The machine's own files: what is above the host's root. */
  path(file: string): string
  write(file: string, text: string, mode?: number): void
  /** Tells the stand-ins to misbehave while the machine runs; undefined stops that. */
  steer(name: 'disk-full' | 'join-fails' | 'lock', text: string | undefined): void
  read(file: string): string
  has(file: string): boolean
  /** Power on. `environment` reaches the program. */
  boot(environment?: Readonly<Record<string, string>>): void
  /** A command on the machine while it does nothing else; gives its exit code and what it prints. */
  run(...command: string[]): { readonly code: number; readonly output: string }
  /** Power cut: everything at once, nothing flushed by the program. */
  cut(): Promise<void>
  /** Undefined before the program wrote one. */
  status(): Status | undefined
  /** What the stand-ins were asked, in order. */
  recorded(): readonly string[]
  console(): string
  until(what: string, condition: () => boolean, seconds?: number): Promise<void>
}

export interface Server {
  stop(): Promise<void>
  /** Runs a command beside it, at its addresses, and gives what it prints. */
  ask(command: readonly string[]): string
}

export interface Lan {
  /** Runs until it is stopped or the LAN is removed; in a namespace of its own on the bridge, at `addresses`. */
  serve(addresses: readonly string[], command: readonly string[]): Promise<Server>
  machine(name: string, address: string): Machine
  remove(): Promise<void>
}

const ip = (...args: string[]) => execFileSync('ip', args, { stdio: ['ignore', 'pipe', 'pipe'] })
const pause = (milliseconds: number) => new Promise((done) => setTimeout(done, milliseconds))

let made = 0

/** A bridge in a network namespace; machines and servers get a veth each. */
export function createLan(): Lan {
  const folder = mkdtempSync(join(tmpdir(), 'leaven-boot-'))
  const prefix = `leaven-${process.pid}-${made++}`
  const namespaces = [`${prefix}-0`]
  const stops: (() => Promise<void>)[] = []
  ip('netns', 'add', `${prefix}-0`)
  ip('-n', `${prefix}-0`, 'link', 'add', 'name', 'br0', 'type', 'bridge')
  ip('-n', `${prefix}-0`, 'link', 'set', 'br0', 'up')

  const plug = (): string => {
    const name = `${prefix}-${namespaces.length}`
    const port = `p${namespaces.length}`
    namespaces.push(name)
    ip('netns', 'add', name)
    ip(
      '-n',
      name,
      'link',
      'add',
      'name',
      'eth0',
      'type',
      'veth',
      'peer',
      'name',
      port,
      'netns',
      `${prefix}-0`,
    )
    ip('-n', `${prefix}-0`, 'link', 'set', port, 'master', 'br0', 'up')
    return name
  }

  return {
    async serve(addresses, [command = 'true', ...args]) {
      const name = plug()
      for (const address of addresses) ip('-n', name, 'addr', 'add', `${address}/24`, 'dev', 'eth0')
      ip('-n', name, 'link', 'set', 'lo', 'up')
      ip('-n', name, 'link', 'set', 'eth0', 'up')
      const all = ['unshare', '--pid', '--fork', '--kill-child', command, ...args]
      const child = spawn('nsenter', [`--net=/run/netns/${name}`, ...all], { stdio: 'ignore' })
      stops.push(() => kill(child))
      await pause(400)
      return {
        async stop() {
          await kill(child)
          ip('-n', name, 'addr', 'flush', 'dev', 'eth0')
        },
        ask: (asked) =>
          execFileSync('nsenter', [`--net=/run/netns/${name}`, ...asked], { stdio: 'pipe' }).toString(),
      }
    },
    machine(name, address) {
      const made = createMachine(join(folder, `${name}-${namespaces.length}`), name, address, plug())
      stops.push(made.cut)
      return made
    },
    async remove() {
      for (const stop of stops) await stop()
      for (const name of namespaces) ip('netns', 'del', name)
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = new Promise((done) => child.once('exit', done))
  child.kill('SIGKILL')
  await gone
}

function createMachine(disk: string, name: string, address: string, namespace: string): Machine {
  const path = (file: string) => join(disk, 'top', file)
  let running: ChildProcess | undefined
  let console = ''
  const start = (command: readonly string[]): readonly string[] => {
    const own = [
      'unshare',
      '--mount',
      '--pid',
      '--fork',
      '--kill-child',
      '--uts',
      '--ipc',
      join(here, 'machine.sh'),
    ]
    return [`--net=/run/netns/${namespace}`, ...own, disk, name, `${address}/24`, ...command]
  }
  const machine: Machine = {
    disk,
    path,
    write(file, text, mode = 0o644) {
      mkdirSync(dirname(path(file)), { recursive: true })
      writeFileSync(path(file), text)
      chmodSync(path(file), mode)
    },
    steer(file, text) {
      mkdirSync(join(disk, 'steer'), { recursive: true })
      if (text === undefined) rmSync(join(disk, 'steer', file))
      else writeFileSync(join(disk, 'steer', file), text)
    },
    read: (file) => readFileSync(path(file), 'utf8'),
    has: (file) => existsSync(path(file)),
    boot(environment = {}) {
      running = spawn('nsenter', start(['bash', '-c', 'systemctl boot; leaven boot; sleep infinity']), {
        env: { PATH: process.env['PATH'], ...environment },
        stdio: ['ignore', 'pipe', 'pipe'],
      })
      for (const stream of [running.stdout, running.stderr]) stream?.on('data', (text) => (console += text))
    },
    run(...command) {
      const { status, stdout, stderr } = spawnSync('nsenter', start(command), { stdio: 'pipe' })
      return { code: status ?? -1, output: `${stdout}${stderr}` }
    },
    async cut() {
      if (running !== undefined) await kill(running)
      // nsenter became unshare; its death takes the machine's PID 1 and with it every process
      running = undefined
      await pause(200)
      // a machine without power owns no address
      ip('-n', namespace, 'addr', 'flush', 'dev', 'eth0')
      rmSync(path('cut-now'), { force: true })
    },
    status() {
      const file = path('var/lib/leaven/status.json')
      return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Status) : undefined
    },
    recorded: () => (existsSync(path('recorded')) ? machine.read('recorded').trim().split('\n') : []),
    console: () => console,
    async until(what, condition, seconds = 30) {
      for (const end = Date.now() + seconds * 1000; !condition(); await pause(20)) {
        if (Date.now() < end) continue
        throw new Error(`${what}: not within ${seconds} s\n${JSON.stringify(machine.status())}\n${console}`)
      }
    },
  }
  for (const standin of ['systemctl', 'kubelet', 'kubeadm', 'kubectl', 'ctr', 'record']) {
    machine.write(`usr/local/bin/${standin}`, readFileSync(join(here, 'standins', standin), 'utf8'), 0o755)
  }
  machine.write('usr/local/lib/api.mjs', readFileSync(join(here, 'standins/api.mjs'), 'utf8'))
  machine.write('usr/local/sbin/leaven', readFileSync(join(programs, 'leaven'), 'utf8'), 0o755)
  machine.write('etc/hostname', `${name}\n`)
  machine.write('etc/hosts', '127.0.0.1 localhost\n')
  machine.write('etc/fstab', 'UUID=1 / ext4 defaults 0 1\nUUID=2 none swap sw 0 0\n')
  mkdirSync(path('var/lib/containerd'), { recursive: true })
  return machine
}

/** Copies a folder onto the machine's disk. */
export function lay(machine: Machine, folder: string, to: string): void {
  cpSync(folder, machine.path(to), { recursive: true })
}
