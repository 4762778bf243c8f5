import { spawnSync } from 'node:child_process'
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { homedir, platform } from 'node:os'
import { join } from 'node:path'
import { exec, output } from './exec.effect.ts'

/** One lab: every name it gives to the kernel or the disk carries its id, so two labs never meet. */
export type Lab = {
  readonly id: string
  /** Disks, consoles and seeds of this lab; removed by `lab down`. */
  readonly directory: string
  /** Network namespace with the bridge; the operator's programs run in it. */
  readonly netns: string
  /** Name of its directory under every cgroup hierarchy. */
  readonly cgroup: string
}

const root = '/var/lib/leaven-lab'
const sysctlFile = join(root, 'sysctls')
export const cacheDirectory = join(homedir(), '.cache/leaven/lab')

/** The hierarchies in which a machine gets a directory; `unified` only so that it cannot touch the host's v2 tree. */
export const cgroups = [
  'cpu',
  'cpuacct',
  'cpuset',
  'memory',
  'devices',
  'freezer',
  'blkio',
  'pids',
  'systemd',
  'unified',
]

const packages = [
  'mmdebstrap',
  'golang-1.19-go',
  'gcc',
  'libc6-dev',
  'make',
  'rsync',
  'jq',
  'dpkg-dev',
  'skopeo',
  'docker-registry',
  'openssl',
  'curl',
  'iproute2',
  'iptables',
  'util-linux',
  'bsdutils',
  'e2fsprogs',
]

/** Not namespaced: a kubelet writes the first ones, four systemds need more of the last ones. */
const sysctls = [
  'vm.overcommit_memory',
  'vm.panic_on_oom',
  'kernel.panic',
  'kernel.panic_on_oops',
  'kernel.pid_max',
  'fs.inotify.max_user_instances',
  'fs.inotify.max_user_watches',
]

export function labNamed(id: string): Lab {
  if (!/^[a-z][a-z0-9]{0,7}$/.test(id)) throw new Error(`lab id ${id}: 1 to 8 of a-z0-9, a letter first`)
  return { id, directory: join(root, id), netns: `leaven-${id}`, cgroup: `leaven-${id}` }
}

/** Why this machine cannot run a lab; empty when it can. */
export function obstacles(): readonly string[] {
  if (platform() !== 'linux') return ['the lab needs Linux: its machines are system containers']
  const found: string[] = []
  if (process.getuid?.() !== 0) found.push('not root: namespaces, mounts and cgroups need it')
  const missing = cgroups.filter((name) => !existsSync(`/sys/fs/cgroup/${name}`))
  if (missing.length > 0) {
    found.push(
      `no cgroup v1 hierarchy for ${missing.join(', ')}: boot with systemd.unified_cgroup_hierarchy=0, ` +
        'or mount them under /sys/fs/cgroup',
    )
  }
  if (!existsSync('/etc/debian_version'))
    found.push('not Debian: Kubernetes is built from its source packages')
  if (!readFileSync('/proc/filesystems', 'utf8').includes('\toverlay\n')) found.push('no overlayfs')
  return found
}

export async function installPackages(): Promise<void> {
  const asked = await exec(['dpkg-query', '-W', '-f=${Package} ${db:Status-Status}\n', ...packages], {
    allowFailure: true,
  })
  const missing = packages.filter((name) => !asked.stdout.includes(`${name} installed\n`))
  if (missing.length === 0) return
  const apt = ['apt-get', '-q', '-o', 'DPkg::Lock::Timeout=600']
  const env = { DEBIAN_FRONTEND: 'noninteractive' }
  await exec([...apt, 'update'], { env })
  await exec([...apt, 'install', '-y', '--no-install-recommends', ...missing], { env })
}

/** Makes the bridge and room in the host's limits. Restored by {@link removeHost}. */
export async function prepareHost(lab: Lab, gateway: string): Promise<void> {
  await alone(async () => {
    mkdirSync(lab.directory, { recursive: true })
    if (!existsSync(sysctlFile)) writeFileSync(sysctlFile, `${await output(['sysctl', ...sysctls])}\n`)
    await exec(['sysctl', '-qw', 'fs.inotify.max_user_instances=8192', 'fs.inotify.max_user_watches=524288'])
  })
  if (existsSync(`/run/netns/${lab.netns}`)) return
  await exec(['ip', 'netns', 'add', lab.netns])
  const ip = ['ip', '-n', lab.netns]
  await exec([...ip, 'link', 'set', 'lo', 'up'])
  await exec([...ip, 'link', 'add', 'br0', 'type', 'bridge'])
  await exec([...ip, 'address', 'add', gateway, 'dev', 'br0'])
  await exec([...ip, 'link', 'set', 'br0', 'up'])
  // Machines route through us, and we route nowhere: no registry is in reach.
  const set = ['net.ipv4.ip_forward=1', 'net.bridge.bridge-nf-call-iptables=0']
  await inNetwork(lab, ['sysctl', '-qw', ...set])
}

/** Removes what {@link prepareHost} made. The machines are off by now. Idempotent. */
export async function removeHost(lab: Lab): Promise<void> {
  if (existsSync(`/run/netns/${lab.netns}`)) await exec(['ip', 'netns', 'delete', lab.netns])
  for (const name of cgroups) removeCgroup(`/sys/fs/cgroup/${name}/${lab.cgroup}`)
  // Retried: a copy that was cut off may still be ending.
  rmSync(lab.directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 500 })
  await alone(async () => {
    const others = existsSync(root) ? readdirSync(root).filter((name) => name !== 'sysctls') : []
    if (others.length > 0 || !existsSync(sysctlFile)) return
    await exec(['sysctl', '-qp', sysctlFile])
    rmSync(root, { recursive: true })
  })
}

/** Labs come and go beside each other: what they share is saved and restored by one at a time, even if that one is killed. */
async function alone(work: () => Promise<void>): Promise<void> {
  const lock = openSync('/run/leaven-lab.lock', 'w')
  try {
    // The lock is the open file's, which flock shares with us: it ends when we close it.
    const { status } = spawnSync('flock', ['3'], { stdio: ['ignore', 'ignore', 'inherit', lock] })
    if (status !== 0) throw new Error('flock failed on /run/leaven-lab.lock')
    await work()
  } finally {
    closeSync(lock)
  }
}

/** Ends whatever still runs in the operator's network: probes, balancers; all of it is the lab's. */
export async function endPrograms(lab: Lab): Promise<void> {
  if (!existsSync(`/run/netns/${lab.netns}`)) return
  const pids = await output(['ip', 'netns', 'pids', lab.netns], { allowFailure: true })
  for (const pid of pids.split('\n').filter(Boolean)) process.kill(Number(pid), 'SIGKILL')
}

/**
 * Removes a cgroup directory and those below it, leaves first; one that still holds processes stays. A systemd that is
 * ending removes its own meanwhile.
 */
export function removeCgroup(directory: string): void {
  try {
    for (const entry of readdirSync(directory, { withFileTypes: true }))
      if (entry.isDirectory()) removeCgroup(join(directory, entry.name))
    rmdirSync(directory)
  } catch (error) {
    if (!['EBUSY', 'ENOENT'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error
  }
}

/** Runs a program as the operator would: on the machines' network, with the host's files. */
export function inNetwork(lab: Lab, argv: readonly string[], options: Parameters<typeof exec>[1] = {}) {
  return exec(['nsenter', `--net=/run/netns/${lab.netns}`, '--', ...argv], options)
}
