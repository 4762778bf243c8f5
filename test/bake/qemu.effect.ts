/** `npm run bake:qemu`: a disk of Debian's packages becomes an image by `packer build` under QEMU, and boots as a node. */
import { execFileSync, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  accessSync,
  constants,
  createReadStream,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
} from 'node:fs'
import { createServer, type Server } from 'node:http'
import { homedir } from 'node:os'
import { join, normalize, resolve } from 'node:path'
import { cached } from '../lab/cache.effect.ts'
import { eventually, exec, output } from '../lab/exec.effect.ts'
import { installPackages } from '../lab/host.effect.ts'
import { prepare } from '../lab/recipes.effect.ts'
import { macs } from './builder.effect.ts'
import { makeMirror } from './mirror.effect.ts'
import { missing } from './site.effect.ts'
import { blueprint, nodeIso, tablesOf, template, workerImages } from './template.effect.ts'

/** What a guest of QEMU's user network calls its host, and what it is called itself. */
const host = '10.0.2.2'
const guest = '10.0.2.15'
const mirrorPort = 18080
const folder = join(homedir(), '.cache/leaven/bake-qemu')
const arch = process.arch === 'arm64' ? 'arm64' : 'amd64'

/** @throws what it saw instead of a node; disks and logs stay under ~/.cache/leaven/bake-qemu */
export async function bakeQemu(): Promise<void> {
  if (process.getuid?.() !== 0) throw new Error('not root: the disk is made with mounts')
  const reasons = missing(
    'packer',
    'qemu-system-x86_64',
    'qemu-img',
    'grub-mkimage',
    'sfdisk',
    'xorriso',
    'ssh-keygen',
  )
  if (reasons.length > 0) throw new Error(reasons.join('; '))
  await installPackages()
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  const recipe = await prepare('1.20')
  const debian = `debian=${(await output(['dpkg-query', '-W', '-f=${Version}', 'base-files'])).trim()}`
  const disk = join(
    await cached('disk', ['../bake/machine/disk.sh', debian], (to) =>
      exec(['nice', '-n', '10', resolve('test/bake/machine/disk.sh'), join(to, 'disk.raw'), '6144']),
    ),
    'disk.raw',
  )
  const file = await blueprint(join(folder, 'site'), forQemu(disk, await sha256(disk)))
  const mirror = join(folder, 'mirror')
  makeMirror(tablesOf(await template(file, 'qemu', join(folder, 'plain'))), recipe.binaries, mirror)
  const archive = join(folder, 'images.tar')
  await workerImages(file, join(recipe.images, 'images.tar'), archive)
  const packer = await template(file, 'qemu', join(folder, 'packer'), '--images', archive)
  const server = await serveFiles(mirror)
  try {
    await told('packer build', () => build(packer))
    await told('the image boots as a node', () => bootNode(packer, file))
  } finally {
    server.close()
    server.closeAllConnections()
  }
}

async function told(what: string, work: () => Promise<void>): Promise<void> {
  const start = Date.now()
  await work()
  console.log(`ok     ${what} (${Math.round((Date.now() - start) / 1000)} s)`)
}

/** The test's blueprint for a guest, its key and its disk. */
function forQemu(disk: string, digest: string): (text: string) => string {
  const key = join(folder, 'key')
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', '', '-f', key])
  const bake = [
    `  sshPublicKey: ${readFileSync(`${key}.pub`, 'utf8').trim()}`,
    '  memoryMiB: 2048',
    '  diskGiB: 10',
    `  cloudImages: { ${arch}: { url: "file://${disk}", sha256: ${digest} } }`,
    `  builders: { qemu: { accelerator: ${accelerator()} } }`,
  ]
  return (text) =>
    text
      .replace(/^ {2}builders: .*$/m, bake.join('\n'))
      .replace('10.88.0.1:8080', `${host}:${mirrorPort}`)
      .replace('10.88.0.21', guest)
      .replaceAll('10.88.0.1', '10.0.2.1')
      .replace('gateway: 10.0.2.1', `gateway: ${host}`)
}

/** A device alone is not enough: some hypervisors show one that never gets a guest past its boot loader. */
function accelerator(): 'kvm' | 'tcg' {
  try {
    accessSync('/dev/kvm', constants.W_OK)
    return /^flags.* (vmx|svm) /m.test(readFileSync('/proc/cpuinfo', 'utf8')) ? 'kvm' : 'tcg'
  } catch {
    return 'tcg'
  }
}

async function build(packer: string): Promise<void> {
  const env = {
    CHECKPOINT_DISABLE: '1',
    PKR_VAR_ssh_private_key_file: join(folder, 'key'),
    PACKER_CACHE_DIR: join(folder, 'packer-cache'),
  }
  await exec(['nice', '-n', '10', 'packer', 'build', '-color=false', '-timestamp-ui', '.'], {
    cwd: packer,
    env,
    show: true,
  })
  for (const name of ['packer-manifest.json', 'SHA256SUMS', 'baked.json', 'sbom.cdx.json'])
    if (!existsSync(join(packer, name))) throw new Error(`packer build left no ${name}`)
}

/** From the finished image, with the seed that `gen seed` makes for w1, until it would join. */
async function bootNode(packer: string, file: string): Promise<void> {
  const built = readdirSync(packer).find((name) => name.startsWith('output-')) ?? ''
  const [image = ''] = readdirSync(join(packer, built))
  const log = join(folder, 'node.log')
  const drives = [
    ...['-drive', `if=none,id=disk,file=${join(packer, built, image)},format=qcow2,snapshot=on`],
    ...['-drive', `if=none,id=seed,media=cdrom,readonly=on,file=${await nodeIso(file, 'w1')}`],
    ...['-device', 'virtio-scsi-pci', '-device', 'scsi-hd,drive=disk', '-device', 'scsi-cd,drive=seed'],
  ]
  const network = ['-netdev', 'user,id=net', '-device', `virtio-net,netdev=net,mac=${macs.w1}`]
  const machine = ['-machine', `q35,accel=${accelerator()}`, '-smp', '2', '-m', '2048']
  const argv = [...machine, '-display', 'none', '-no-reboot', '-serial', `file:${log}`, ...drives, ...network]
  const qemu = spawn('nice', ['-n', '10', 'qemu-system-x86_64', ...argv], { stdio: 'ignore' })
  try {
    await eventually('the node says that it joins', 1800, async () => {
      if (qemu.exitCode !== null) throw new Error(`qemu ended with ${qemu.exitCode}`)
      const said = readFileSync(log, 'latin1')
      if (/leaven \d\/9 \w+: .*refus|this image has/.test(said)) throw new Error(said.slice(-2000))
      return said.includes(' w1 ttyS0') && /leaven 6\/9 join: joining https:\/\/10\.0\.2\.100:6443/.test(said)
    })
  } finally {
    qemu.kill('SIGKILL')
  }
}

async function sha256(file: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(file)) hash.update(chunk as Uint8Array)
  return hash.digest('hex')
}

/** For the guest, which reaches its host's loopback. */
function serveFiles(root: string): Promise<Server> {
  const server = createServer(({ url }, answer) => {
    const file = join(root, normalize(decodeURIComponent(url ?? '/')))
    createReadStream(file)
      .on('error', () => answer.writeHead(404).end())
      .pipe(answer)
  })
  return new Promise((done) => server.listen(mirrorPort, '127.0.0.1', () => done(server)))
}
