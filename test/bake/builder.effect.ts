import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, request } from 'node:http'
import { connect } from 'node:net'
import { join, resolve } from 'node:path'
import { eventually, exec, type Outcome, output } from '../lab/exec.effect.ts'
import { inNetwork, type Lab } from '../lab/host.effect.ts'
import { cutPower, install, isOn, type Machine, machineNamed, powerOn, run } from '../lab/machine.effect.ts'

/** The machines' gateway: the mirror and the proxy listen there. */
export const gateway = '10.88.0.1'

/** As the blueprint declares them. */
export const macs = { m1: '02:00:0a:58:00:0b', w1: '02:00:0a:58:00:15' } as const

const sources = resolve('test/bake')

/** A NoCloud seed with which a blank machine lets `builder` in, by key and with sudo. */
export function builderSeed(folder: string, address: string): string {
  const seed = join(folder, 'builder-seed')
  mkdirSync(seed, { recursive: true })
  const key = join(folder, 'key')
  if (!existsSync(key)) execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key])
  const publicKey = readFileSync(`${key}.pub`, 'utf8').trim()
  const user = { name: 'builder', sudo: 'ALL=(ALL) NOPASSWD:ALL', shell: '/bin/bash', lock_passwd: true }
  const userData = {
    users: [{ ...user, ssh_authorized_keys: [publicKey] }],
    // The machine's own way to Debian's packages: its network routes nowhere.
    write_files: [
      { path: '/etc/apt/apt.conf.d/00proxy', content: `Acquire::http::Proxy "http://${gateway}:3128";\n` },
    ],
  }
  writeFileSync(join(seed, 'user-data'), `#cloud-config\n${JSON.stringify(userData)}\n`)
  writeFileSync(join(seed, 'meta-data'), 'instance-id: builder\nlocal-hostname: builder\n')
  const subnet = { type: 'static', address: `${address}/24`, gateway }
  const network = { version: 1, config: [{ type: 'physical', name: 'eth0', subnets: [subnet] }] }
  writeFileSync(join(seed, 'network-config'), `${JSON.stringify(network)}\n`)
  return seed
}

/** A machine with the disk of another one that is off, and a seed of its own: what a hypervisor's clone is. */
export async function clone(from: Machine, name: string, seed: string, mac: string): Promise<Machine> {
  if (isOn(from)) throw new Error(`${from.name} is on`)
  const to = machineNamed(from.lab, name)
  await cutPower(to)
  rmSync(to.directory, { recursive: true, force: true })
  await exec(['cp', '-a', '--reflink=auto', from.directory, to.directory])
  writeFileSync(join(to.directory, 'mac'), mac)
  const nocloud = join(to.directory, 'var/lib/cloud/seed/nocloud')
  rmSync(nocloud, { recursive: true, force: true })
  cpSync(seed, nocloud, { recursive: true })
  return to
}

export async function blankMachine(lab: Lab, name: string, image: string, seed: string): Promise<Machine> {
  const machine = machineNamed(lab, name)
  await install(machine, { image, seed, mac: macs.w1, archiveOnly: true })
  return machine
}

/** Powers on and waits until sshd answers at `address`. */
export async function reachable(machine: Machine, address: string): Promise<void> {
  await powerOn(machine)
  await eventually(
    `${machine.name}: sshd`,
    300,
    async () =>
      (
        await inNetwork(machine.lab, ['bash', '-c', `exec 3<>/dev/tcp/${address}/22; read -t 2 -u 3 line`], {
          allowFailure: true,
        })
      ).code === 0,
  )
}

/** `packer build` of a folder in the machines' network, as `builder`. */
export function packerBuild(
  { lab, folder }: { readonly lab: Lab; readonly folder: string },
  template: string,
): Promise<Outcome> {
  const env = { CHECKPOINT_DISABLE: '1', PKR_VAR_ssh_private_key_file: join(folder, 'key') }
  const argv = ['packer', 'build', '-color=false', '.']
  return inNetwork(lab, argv, { allowFailure: true, timeout: 1_200_000, cwd: template, env })
}

/** Every file of a machine that is off: kind, mode, owner, path, and what it holds. */
export async function tree(machine: Machine): Promise<ReadonlyMap<string, string>> {
  const lower = join(readFileSync(join(machine.directory, 'image'), 'utf8'), 'root')
  const script = join(sources, 'machine/tree.sh')
  const argv = ['unshare', '--mount', '--propagation', 'private', 'nice', '-n', '5', script]
  const text = await output([...argv, lower, machine.directory])
  return new Map(
    text.split('\n').map((line) => [line.slice(line.indexOf('/')), line.slice(0, line.indexOf('/'))]),
  )
}

/** What differs between two trees, but for `except`. */
export function differences(
  one: ReadonlyMap<string, string>,
  other: ReadonlyMap<string, string>,
  except: RegExp,
): readonly string[] {
  const paths = [...new Set([...one.keys(), ...other.keys()])].filter((path) => !except.test(path)).sort()
  return paths.flatMap((path) => {
    const [was, is] = [one.get(path), other.get(path)]
    return was === is ? [] : [`${path}: ${was ?? 'not there'} → ${is ?? 'not there'}`]
  })
}

export interface Services {
  readonly stop: () => void
}

/** The file mirror, and the machines' way to the Debian mirror of this host; both at the gateway, without routing. */
export async function serve(lab: Lab, mirror: string): Promise<Services> {
  const socket = join(lab.directory, 'proxy.sock')
  rmSync(socket, { force: true })
  const proxy = createServer((asked, answer) => {
    const to = request(asked.url ?? '', { method: asked.method, headers: asked.headers }, (from) => {
      answer.writeHead(from.statusCode ?? 502, from.headers)
      from.pipe(answer)
    })
    to.on('error', (error) => answer.writeHead(502).end(error.message))
    asked.pipe(to)
  })
  proxy.on('connect', (asked, client) => {
    const [host = '', port = '443'] = (asked.url ?? '').split(':')
    const to = connect(Number(port), host, () => client.write('HTTP/1.1 200 OK\r\n\r\n'))
    to.on('error', () => client.destroy()).pipe(client)
    client.on('error', () => to.destroy()).pipe(to)
  })
  await new Promise<void>((done) => proxy.listen(socket, done))
  const inside = (argv: readonly string[]): ChildProcess =>
    spawn('nsenter', [`--net=/run/netns/${lab.netns}`, '--', ...argv], { stdio: 'ignore' })
  const children = [
    inside(['socat', `TCP-LISTEN:3128,bind=${gateway},fork,reuseaddr`, `UNIX-CONNECT:${socket}`]),
    inside(['python3', '-m', 'http.server', '--bind', gateway, '--directory', mirror, '8080']),
  ]
  return {
    stop: () => {
      for (const child of children) child.kill('SIGKILL')
      proxy.close()
      proxy.closeAllConnections()
    },
  }
}

/** In order, as its administrator would: this is when the builder's user goes. */
export async function powerOff(machine: Machine): Promise<void> {
  await run(machine, ['systemctl', 'poweroff', '--no-block'], { allowFailure: true })
  await eventually(`${machine.name}: shutdown`, 120, async () => !isOn(machine), 200)
  await cutPower(machine)
}
