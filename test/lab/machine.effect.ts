import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { labSources } from './cache.effect.ts'
import { type ExecOptions, eventually, exec } from './exec.effect.ts'
import { cgroups, type Lab, removeCgroup } from './host.effect.ts'

/** A system container with a disk, a power switch and a network plug. */
export type Machine = {
  readonly lab: Lab
  readonly name: string
  /** Where its disk and console are on the host. */
  readonly directory: string
}

export type Disk = {
  /** Machine image: the directory that machine/bake.sh made. */
  readonly image: string
  /** Directory with user-data, meta-data and network-config, copied as they are. */
  readonly seed: string
  /** Address of its network card. Default: one of its own. */
  readonly mac?: string
  /** Leave the container images in the archive, to be imported at first boot. Default: imported already. */
  readonly archiveOnly?: boolean
  /** Size of /var in MiB, images in the archive. Default: as large as the host's disk. */
  readonly size?: number
}

export function machineNamed(lab: Lab, name: string): Machine {
  if (!/^[a-z0-9][a-z0-9-]{0,12}$/.test(name)) throw new Error(`machine ${name}: at most 13 of a-z0-9-`)
  return { lab, name, directory: join(lab.directory, 'machines', name) }
}

export function machinesOf(lab: Lab): readonly Machine[] {
  const directory = join(lab.directory, 'machines')
  return existsSync(directory) ? readdirSync(directory).map((name) => machineNamed(lab, name)) : []
}

/** Makes a blank machine; an earlier one of that name is gone, as after re-installing it. It stays off. */
export async function install(machine: Machine, disk: Disk): Promise<void> {
  await cutPower(machine)
  rmSync(machine.directory, { recursive: true, force: true })
  mkdirSync(machine.directory, { recursive: true })
  writeFileSync(join(machine.directory, 'image'), disk.image)
  writeFileSync(join(machine.directory, 'mac'), disk.mac ?? ownMac(machine))
  const size = disk.size === undefined ? [] : [String(disk.size)]
  const images = disk.archiveOnly ? 'archive' : 'imported'
  await exec([join(labSources, 'machine/disk.sh'), disk.image, machine.directory, disk.seed, images, ...size])
}

/** Powers the machine on and returns once its init runs. */
export async function powerOn(machine: Machine): Promise<void> {
  if (initPid(machine)) throw new Error(`${machine.name} is already on`)
  const { lab, directory } = machine
  for (const name of cgroups) mkdirSync(cgroupOf(machine, name), { recursive: true })
  for (const file of ['cpuset.cpus', 'cpuset.mems']) {
    const value = readFileSync(`/sys/fs/cgroup/cpuset/${file}`)
    writeFileSync(`/sys/fs/cgroup/cpuset/${lab.cgroup}/${file}`, value)
    writeFileSync(join(cgroupOf(machine, 'cpuset'), file), value)
  }
  // All machines together would weigh as much as one process of the host: each has at least a core of its own elsewhere.
  writeFileSync(`/sys/fs/cgroup/cpu/${lab.cgroup}/cpu.shares`, String(8 * 1024))
  await plugIn(machine)
  const lower = join(readFileSync(join(directory, 'image'), 'utf8'), 'root')
  const command = [
    join(labSources, 'machine/power-on.sh'),
    lower,
    directory,
    netnsOf(machine),
    `${lab.cgroup}/${machine.name}`,
    ...cgroups,
  ]
  const errors = openSync(join(directory, 'power-on.log'), 'w')
  // script gives the machine a terminal as console and records what it says there.
  const console = ['--quiet', '--flush', '--append', '--log-out', join(directory, 'console.log')]
  spawn('script', [...console, '--command', command.map(quoted).join(' ')], {
    detached: true,
    stdio: ['ignore', 'ignore', errors],
  }).unref()
  await eventually(`${machine.name}: init`, 20, async () => initPid(machine) !== undefined, 50)
}

/**
 * Pulls the plug: the network goes first, because a dead machine does not answer ARP for the VIP, then every
 * process at once. What was written and not synced survives here (the host's page cache lives on), so a cut
 * shows what is lost in time, not what is lost on a disk.
 */
export async function cutPower(machine: Machine): Promise<void> {
  const { lab } = machine
  await exec(['ip', '-n', lab.netns, 'link', 'delete', portOf(machine)], { allowFailure: true })
  const init = initPid(machine)
  if (init) process.kill(init, 'SIGKILL')
  await eventually(
    `${machine.name}: power off`,
    30,
    async () => {
      const left = processesOf(machine)
      for (const pid of left) killOwn(pid)
      return left.length === 0
    },
    50,
  )
  await exec(['ip', 'netns', 'delete', netnsOf(machine)], { allowFailure: true })
  for (const name of cgroups) removeCgroup(cgroupOf(machine, name))
}

/** Shuts down in order, as a reboot by its administrator does. */
export async function shutDown(machine: Machine): Promise<void> {
  await run(machine, ['systemctl', 'poweroff', '--no-block'], { allowFailure: true })
  // systemd gives containers that do not end when asked 90 s, and what is left then as much again.
  await eventually(`${machine.name}: shutdown`, 240, async () => !initPid(machine), 200)
  await cutPower(machine)
}

export function isOn(machine: Machine): boolean {
  return initPid(machine) !== undefined
}

/** Runs a program inside the machine, as root. */
export function run(machine: Machine, argv: readonly string[], options: ExecOptions = {}) {
  return exec([...insideOf(machine), ...argv], options)
}

/** argv that puts a program inside the running machine. */
export function insideOf(machine: Machine): readonly string[] {
  const pid = initPid(machine)
  if (!pid) throw new Error(`${machine.name} is off`)
  const path = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
  const spaces = ['-m', '-u', '-i', '-n', '-p', '-C', '-r', '-w']
  return ['nsenter', '-t', String(pid), ...spaces, '--', 'env', '-i', path, 'HOME=/root', 'TERM=xterm']
}

/** Host path of a file on the machine's disk, whether it is on or off. Absolute links inside are not followed. */
export function pathOn(machine: Machine, path: string): string {
  const pid = initPid(machine)
  if (pid) return `/proc/${pid}/root${path}`
  if (path.startsWith('/var/')) return join(machine.directory, path)
  return join(machine.directory, 'upper', path)
}

export function exists(machine: Machine, path: string): boolean {
  return existsSync(pathOn(machine, path))
}

/** Unplugs the machine's network cable, or puts it back. */
export async function setLink(machine: Machine, state: 'up' | 'down'): Promise<void> {
  await exec(['ip', '-n', machine.lab.netns, 'link', 'set', portOf(machine), state])
}

/** Throttles what the machine receives; queueing delays it too. This kernel may lack netem, so there is no pure delay. */
export async function slowLink(machine: Machine, kilobits: number): Promise<void> {
  const shape = ['root', 'tbf', 'rate', `${kilobits}kbit`, 'burst', '16kb', 'latency', '400ms']
  await exec(['tc', '-n', machine.lab.netns, 'qdisc', 'replace', 'dev', portOf(machine), ...shape])
}

/**
 * Puts the wall clock of programs that use libc (date, curl, openssl, systemd's units) off by some seconds.
 * Go programs ask the kernel themselves and are not fooled, and the kernel has no wall clock per container: this
 * shows what first boot does about a wrong clock before any Go program matters, no more.
 * @param seconds ahead, negative behind; before power-on the first time, at any time after
 */
export function setClock(machine: Machine, seconds: number): void {
  const manager = pathOn(machine, '/etc/systemd/system.conf.d')
  mkdirSync(manager, { recursive: true })
  const preload = '/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1'
  const settings = `LD_PRELOAD=${preload} FAKETIME_TIMESTAMP_FILE=/etc/clock FAKETIME_NO_CACHE=1 FAKETIME_DONT_FAKE_MONOTONIC=1`
  writeFileSync(join(manager, 'clock.conf'), `[Manager]\nDefaultEnvironment=${settings}\n`)
  writeFileSync(pathOn(machine, '/etc/clock'), `${seconds < 0 ? '' : '+'}${seconds}\n`)
}

/** Memory in MiB that processes hold, without page cache. */
export function memoryOf(machine: Machine): number {
  const stat = readFileSync(join(cgroupOf(machine, 'memory'), 'memory.stat'), 'utf8')
  return Math.round(Number(/^total_rss (\d+)$/m.exec(stat)?.[1] ?? 0) / 2 ** 20)
}

async function plugIn(machine: Machine): Promise<void> {
  const { netns } = machine.lab
  const inner = netnsOf(machine)
  const mac = readFileSync(join(machine.directory, 'mac'), 'utf8')
  await exec(['ip', 'netns', 'add', inner])
  const port = ['name', portOf(machine), 'netns', netns]
  const eth0 = ['name', 'eth0', 'address', mac, 'netns', inner]
  await exec(['ip', 'link', 'add', ...port, 'type', 'veth', 'peer', ...eth0])
  await exec(['ip', '-n', netns, 'link', 'set', portOf(machine), 'master', 'br0', 'up'])
  await exec(['ip', '-n', inner, 'link', 'set', 'lo', 'up'])
}

function ownMac(machine: Machine): string {
  const digest = createHash('sha256').update(machine.name).digest('hex')
  return `02${digest.slice(0, 10).replaceAll(/(..)/g, ':$1')}`
}

const inits = new Map<string, number>()

/** PID 1 of the machine, as the host counts; known by its cgroup, so that it can be no one else's process. */
function initPid(machine: Machine): number | undefined {
  const known = inits.get(machine.directory)
  if (known && isInit(machine, known)) return known
  const found = processesOf(machine).find((pid) => isInit(machine, pid))
  if (found) inits.set(machine.directory, found)
  else inits.delete(machine.directory)
  return found
}

function isInit(machine: Machine, pid: number): boolean {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8')
    if (!/^NSpid:\t\d+\t1$/m.test(status) || /^Name:\t(unshare|init\.sh)$/m.test(status)) return false
    // systemd leaves its machine's freezer cgroup alone, whatever it does with the others.
    const place = `:freezer:/${machine.lab.cgroup}/${machine.name}\n`
    return readFileSync(`/proc/${pid}/cgroup`, 'utf8').includes(place)
  } catch {
    return false
  }
}

function processesOf(machine: Machine): readonly number[] {
  const found: number[] = []
  const walk = (directory: string) => {
    try {
      const procs = readFileSync(join(directory, 'cgroup.procs'), 'utf8')
      found.push(...procs.split('\n').filter(Boolean).map(Number))
      for (const entry of readdirSync(directory, { withFileTypes: true })) {
        if (entry.isDirectory()) walk(join(directory, entry.name))
      }
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code
      if (code !== 'ENOENT' && code !== 'ENODEV') throw error // else it went away under us
    }
  }
  walk(cgroupOf(machine, 'pids'))
  return found.filter((pid) => pid > 0)
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`
}

function killOwn(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

function cgroupOf(machine: Machine, hierarchy: string): string {
  return `/sys/fs/cgroup/${hierarchy}/${machine.lab.cgroup}/${machine.name}`
}

function netnsOf(machine: Machine): string {
  return `${machine.lab.netns}-${machine.name}`
}

function portOf(machine: Machine): string {
  return `v-${machine.name}`
}
