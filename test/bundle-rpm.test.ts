/** A bundle of real rpm packages from a small distribution on loopback, installed by dnf from the bundle alone. */
import { execFileSync, spawnSync } from 'node:child_process'
import {
  copyFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, vi } from 'vitest'
import type { MadeBundle } from '../generators/effects/bundle.effect.ts'
import { type Publisher, publish } from './bundle/island.effect.ts'
import { type Making, make } from './bundle/make.effect.ts'
import {
  type Distribution,
  dnf,
  foundDistribution,
  installed,
  offerAll,
  rpmBlueprint,
  rpmTools,
  signers,
} from './bundle/rpm-island.effect.ts'
import { run, withTools } from './support/tools.ts'

const scratch = mkdtempSync(join(tmpdir(), 'leaven-bundle-rpm-'))
const folder = join(scratch, 'island')
const test = withTools(...rpmTools, 'faketime', 'unshare')
let publisher: Publisher
let distribution: Distribution
let made: MadeBundle

const bundle = (more: Partial<Making> = {}) =>
  make({
    blueprint: rpmBlueprint(publisher.url),
    output: folder,
    trusted: [distribution.fingerprint(signers.rocky)],
    ...more,
  })
const namesIn = ({ contents }: MadeBundle) =>
  contents.packages.map(({ file }) => file.replace(/-1\.el9.*/, ''))
const copyOf = (from: string): string => {
  const to = mkdtempSync(join(scratch, 'copy-'))
  execFileSync('cp', ['-a', `${from}/.`, to])
  return to
}
const sums = (at: string) => readFileSync(join(at, 'SHA256SUMS'), 'utf8').trim().split('\n')

beforeAll(async () => {
  publisher = await publish()
  distribution = foundDistribution(publisher)
  offerAll(distribution, publisher)
  made = await bundle()
}, 120_000)
afterAll(async () => {
  await publisher.close()
  distribution.remove()
  rmSync(scratch, { recursive: true, force: true })
})

describe('a bundle of rpm packages', { timeout: 120_000 }, () => {
  test('holds what the plan asks for in the versions it asks for, all that they need, and nothing else', () => {
    const system =
      'ca-certificates-1.0 conntrack-tools-1.0 container-selinux-1.0 ebtables-1.0 ethtool-1.0 iproute-tc-1.0 ipset-1.0 iptables-1.0 ipvsadm-1.0 kmod-1.0 libisland-1.0 libnetfilter-1.0 socat-1.0 tar-1.0'
    const cluster =
      'containerd.io-1.7.28 cri-tools-1.0 kubeadm-1.31.4 kubectl-1.31.4 kubelet-1.31.4 kubernetes-cni-1.0'
    expect(namesIn(made)).toEqual(`${system} ${cluster}`.split(' ').sort())
    const index = readdirSync(join(folder, 'packages'), { recursive: true }).map(String)
    expect(index.filter((name) => !name.endsWith('.rpm')).sort()).toEqual([
      'bundle.asc',
      'bundle.gpg',
      'keys.asc',
      'repodata',
      'repodata/filelists.xml.gz',
      'repodata/other.xml.gz',
      'repodata/primary.xml.gz',
      'repodata/repomd.xml',
      'repodata/repomd.xml.asc',
    ])
    const ran = spawnSync('sh', [join(folder, 'install.sh'), '--verify'], { encoding: 'utf8' })
    expect(ran.stdout).toBe('install.sh: every file is as it was made\n')
  })

  test('is all that dnf needs to install them on an empty machine', () => {
    const root = join(scratch, 'root')
    const rows = readFileSync(join(folder, 'tables'), 'utf8')
    const [, names = ''] = /^packages\tworker\t(.+)$/m.exec(rows) ?? []
    const ran = dnf(folder, root, 'install', ...names.replaceAll('=', '-').split('\t'))
    expect(ran).toMatchObject({ code: 0 })
    expect(installed(root).filter((name) => !name.startsWith('gpg-pubkey'))).toEqual(namesIn(made))
    expect(readFileSync(join(root, 'usr/share/island/kubeadm'), 'latin1')).toMatch(/^1\.31\.4\n/)
  })

  test('for another processor has the packages of that one', async () => {
    const output = join(scratch, 'arm')
    const arm = await bundle({ blueprint: rpmBlueprint(publisher.url, 'arm64'), output })
    const files = arm.contents.packages.map(({ file }) => file)
    expect(files).toContain('kubelet-1.31.4-1.el9.aarch64.rpm')
    expect(files).toContain('containerd.io-1.7.28-1.el9.aarch64.rpm')
    expect(files.filter((file) => file.includes('x86_64'))).toEqual([])
  })

  test('lacks what nodes have already', async () => {
    const root = join(scratch, 'node')
    expect(dnf(folder, root, 'install', 'socat', 'libisland')).toMatchObject({ code: 0 })
    const [base = ''] = run('find', [root, '-name', 'rpmdb.sqlite']).trim().split('\n')
    const output = join(scratch, 'small')
    const small = await bundle({ output, base, packages: ['conntrack-tools', 'socat'] })
    expect(namesIn(small)).toEqual(['conntrack-tools-1.0', 'libnetfilter-1.0'])
    const none = await bundle({ output: join(scratch, 'nothing'), base, packages: ['socat'] })
    expect(namesIn(none)).toEqual([])
    expect(dnf(join(scratch, 'nothing'), root, 'install', 'socat')).toMatchObject({ code: 0 })
  })

  test('is refused by dnf once its list of packages is not what the key of the bundle signed', () => {
    const copy = copyOf(folder)
    const repomd = join(copy, 'packages/repodata/repomd.xml')
    writeFileSync(repomd, `${readFileSync(repomd, 'utf8')}<!-- -->\n`)
    const refused = dnf(copy, join(scratch, 'refused'), 'install', 'socat')
    expect(refused.code).toBe(1)
    expect(refused.output).toMatch(/[Ss]ignature/)
    rmSync(join(copy, 'packages/repodata/repomd.xml.asc'))
    expect(dnf(copy, join(scratch, 'refused'), 'install', 'socat').code).toBe(1)
    expect(existsSync(join(scratch, 'refused/usr'))).toBe(false)
  })
})

describe('what is not to be trusted', { timeout: 120_000 }, () => {
  test.each([
    [
      'a package that nobody signed',
      'unsigned',
      /packages cannot be fetched: Package unsigned-\S+ is not signed/,
    ],
    [
      'a package of a stranger',
      'forged',
      /packages cannot be fetched: Public key for forged-\S+ is not installed/,
    ],
  ])('%s is refused', async (_, name, message) => {
    const output = join(scratch, name)
    await expect(bundle({ output, packages: [name] })).rejects.toThrow(message)
    expect(existsSync(output)).toBe(false)
  })

  test('a key that is not the distribution’s is refused before any package is asked for', async () => {
    publisher.asked.length = 0
    const output = join(scratch, 'key')
    const own = distribution.fingerprint(signers.rocky)
    await expect(make({ blueprint: rpmBlueprint(publisher.url), output })).rejects.toThrow(
      `/rocky/RPM-GPG-KEY-Rocky-9 holds the key ${own}, which is not the distribution's (21CB256AE16FC54C6E652949702D426D350D275D)`,
    )
    expect(publisher.asked.filter((path) => /\.(rpm|xml)/.test(path) && !path.endsWith('.key'))).toEqual([])
    expect(existsSync(output)).toBe(false)
    const path = '/rocky/RPM-GPG-KEY-Rocky-9'
    const before = publisher.files.get(path) as Uint8Array
    publisher.files.set(path, Buffer.from('<html>sign in</html>'))
    await expect(bundle({ output })).rejects.toThrow('RPM-GPG-KEY-Rocky-9 is no key')
    publisher.files.set(path, before)
  })

  test.each([
    ['a package that there is not', 'no-such-package', 'Unable to find a match: no-such-package'],
    ['a version that there is not', 'kubeadm=1.99.*', 'Unable to find a match: kubeadm-1.99.*'],
    [
      'what a package needs and nobody has',
      'thirsty',
      'nothing provides water needed by thirsty-1.0-1.el9.noarch',
    ],
  ])('%s is named, and nothing is left', async (_, name, reason) => {
    const output = join(scratch, 'none')
    const making = bundle({ output, packages: [name] })
    await expect(making).rejects.toThrow('there is no way to install all packages: ')
    await expect(making).rejects.toThrow(reason)
    await expect(making).rejects.toMatchObject({ hint: expect.stringContaining('kubernetes.version') })
    expect(existsSync(output)).toBe(false)
  })
})

describe('making it again', { timeout: 120_000 }, () => {
  test('on another day fetches no package and gives the same bytes', async () => {
    publisher.asked.length = 0
    const [preload = '', time = ''] = run('faketime', [
      '2031-05-05',
      'sh',
      '-c',
      'echo $LD_PRELOAD; echo $FAKETIME',
    ])
      .trim()
      .split('\n')
    // Settings of who runs it play no part, and nothing is left at home.
    const home = mkdtempSync(join(scratch, 'home-'))
    writeFileSync(join(home, '.rpmmacros'), '%_dbpath /nowhere\n%_pkgverify_level all\n%_arch none\n')
    vi.stubEnv('HOME', home)
    vi.stubEnv('LD_PRELOAD', preload)
    vi.stubEnv('FAKETIME', time)
    // The clock alone: else it also moves the times of files, which another day does not.
    vi.stubEnv('NO_FAKE_STAT', '1')
    expect(run('date', ['+%Y']).trim()).toBe('2031')
    const again = await bundle()
    expect(again.sum).toBe(made.sum)
    expect(publisher.asked.filter((path) => path.endsWith('.rpm'))).toEqual([])
    const elsewhere = join(scratch, 'elsewhere')
    await bundle({ output: elsewhere })
    vi.unstubAllEnvs()
    expect(readdirSync(home)).toEqual(['.rpmmacros'])
    const differ = sums(elsewhere).filter((line) => !sums(folder).includes(line))
    expect(differ.map((line) => line.slice(66))).toEqual([
      'packages/bundle.asc',
      'packages/bundle.gpg',
      'packages/repodata/repomd.xml.asc',
    ])
  })

  test('mends what was damaged, and does so in a copy until it is whole', async () => {
    const output = copyOf(folder)
    const rpm = join(output, 'packages/socat-1.0-1.el9.noarch.rpm')
    const bytes = readFileSync(rpm)
    bytes.writeUInt8((bytes[30_000] ?? 0) ^ 1, 30_000)
    writeFileSync(rpm, bytes)
    writeFileSync(join(output, 'packages/repodata/repomd.xml.asc'), 'nonsense')
    const path = '/rocky/9/AppStream/x86_64/os/Packages/socat-1.0-1.el9.noarch.rpm'
    const before = publisher.files.get(path) as Uint8Array
    publisher.files.delete(path)
    await expect(bundle({ output })).rejects.toThrow('packages cannot be fetched')
    expect(readFileSync(rpm).equals(bytes)).toBe(true)
    publisher.files.set(path, before)
    const mended = await bundle({ output })
    expect(readFileSync(rpm).equals(before)).toBe(true)
    expect(dnf(output, join(scratch, 'mended'), 'install', 'socat')).toMatchObject({ code: 0 })
    expect(mended.contents).toEqual(made.contents)
  })

  test('leaves an earlier bundle as it was until the new one is whole', async () => {
    const output = copyOf(folder)
    const path = '/addon.yaml'
    const before = publisher.files.get(path) as Uint8Array
    publisher.files.delete(path)
    // Packages and their repository come before what fails here.
    await expect(bundle({ output, packages: ['tar'] })).rejects.toThrow('/addon.yaml')
    publisher.files.set(path, before)
    expect(existsSync(`${output}.part/bundle/packages/keys.asc`)).toBe(true)
    const ran = spawnSync('sh', [join(output, 'install.sh'), '--verify'], { encoding: 'utf8' })
    expect(ran.stdout).toBe('install.sh: every file is as it was made\n')
    expect(namesIn(await bundle({ output, packages: ['tar'] }))).toEqual(['libisland-1.0', 'tar-1.0'])
  })

  test('goes on where it was cut off', async () => {
    const output = join(scratch, 'cut')
    const path = '/rocky/9/AppStream/x86_64/os/Packages/socat-1.0-1.el9.noarch.rpm'
    const before = publisher.files.get(path) as Uint8Array
    publisher.files.delete(path)
    await expect(bundle({ output })).rejects.toThrow(/packages cannot be fetched: .*socat/)
    expect(existsSync(output)).toBe(false)
    publisher.files.set(path, before)
    // dnf gives up at once: whatever else it has by then, a power cut may leave two packages like this.
    const fetched = join(scratch, 'cut.part/scratch/dnf/fetched')
    for (const name of ['tar', 'kmod'])
      copyFileSync(
        join(folder, `packages/${name}-1.0-1.el9.noarch.rpm`),
        join(fetched, `${name}-1.0-1.el9.noarch.rpm`),
      )
    truncateSync(join(fetched, 'tar-1.0-1.el9.noarch.rpm'), 9_000)
    // Numbers of processes come again.
    writeFileSync(join(fetched, '../tree/cache/metadata_lock.pid'), `${process.pid}`)
    writeFileSync(join(fetched, '../tree/cache/download_lock.pid'), `${process.pid}`)
    const isWhole = (file: string) =>
      readFileSync(join(fetched, file)).equals(readFileSync(join(folder, 'packages', file)))
    const kept = readdirSync(fetched).filter(isWhole)
    publisher.asked.length = 0
    const whole = await bundle({ output })
    const asked = publisher.asked.filter((one) => one.endsWith('.rpm')).map((one) => one.replace(/.*\//, ''))
    const others = made.contents.packages.map(({ file }) => file).filter((file) => !kept.includes(file))
    expect([...new Set(asked)].sort()).toEqual(others)
    expect(kept).toContain('kmod-1.0-1.el9.noarch.rpm')
    expect(others).toContain('tar-1.0-1.el9.noarch.rpm')
    expect(whole.contents).toEqual(made.contents)
    expect(existsSync(`${output}.part`)).toBe(false)
  })

  test('at the same place with another key and newer packages, nodes take the newer ones', async () => {
    const output = join(scratch, 'newer')
    const root = join(scratch, 'updated')
    await bundle({ output, packages: ['kubeadm=1.31.4-*'] })
    expect(dnf(output, root, 'install', 'kubeadm')).toMatchObject({ code: 0 })
    rmSync(output, { recursive: true })
    await bundle({ output, packages: ['kubeadm=1.31.9-*'] })
    expect(dnf(output, root, '--refresh', 'install', 'kubeadm-1.31.9-*')).toMatchObject({ code: 0 })
    expect(installed(root)).toContain('kubeadm-1.31.9')
    copyFileSync(
      join(folder, 'packages/repodata/repomd.xml.asc'),
      join(output, 'packages/repodata/repomd.xml.asc'),
    )
    expect(dnf(output, root, '--refresh', 'reinstall', 'kubeadm').code).toBe(1)
  })
})
