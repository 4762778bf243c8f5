/** A bundle of real Debian packages, installed by its own installer into a clean Debian without any network. */
import { execFileSync, spawnSync } from 'node:child_process'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect } from 'vitest'
import type { MadeBundle } from '../generators/effects/bundle.effect.ts'
import { cleanDebian, islandBlueprint, type Publisher, publish, sha256 } from './bundle/island.effect.ts'
import { make } from './bundle/make.effect.ts'
import { isRoot, withTools } from './support/tools.ts'

if (process.env['CI'] !== undefined && !isRoot()) throw new Error('the bundle tests need root (namespaces)')
const scratch = mkdtempSync(join(tmpdir(), 'leaven-bundle-'))
const folder = join(scratch, 'island')
const test = withTools('apt-get', 'dpkg-deb', 'gpg', 'gpgv', 'mmdebstrap', 'unshare', 'tar')
let publisher: Publisher
let made: MadeBundle

/** Runs a script in that root, in namespaces of its own: no network at all, not even loopback. */
function inside(root: string, script: string) {
  const mounts = `mount -t proc proc ${root}/proc; mount --rbind /dev ${root}/dev; mount -t tmpfs tmpfs ${root}/run; mkdir -p ${root}/mnt; mount --rbind -o ro ${folder} ${root}/mnt`
  const { status, stdout, stderr } = spawnSync(
    'unshare',
    [
      '-n',
      '-m',
      '-p',
      '-f',
      '-u',
      '--kill-child',
      'sh',
      '-ec',
      `${mounts}; exec chroot ${root} sh -c "$0"`,
      script,
    ],
    { encoding: 'utf8', env: { PATH: process.env['PATH'] }, maxBuffer: 64 * 1024 * 1024 },
  )
  return { code: status, output: `${stdout}${stderr}` }
}

const copyOf = (from: string): string => {
  const to = mkdtempSync(join(scratch, 'copy-'))
  execFileSync('cp', ['-a', `${from}/.`, to])
  return to
}
/** Never more than that on the machine that tests. */
const verify = (at: string, ...args: string[]) => {
  const { status, stdout, stderr } = spawnSync('sh', [join(at, 'install.sh'), '--verify', ...args], {
    encoding: 'utf8',
  })
  return { code: status, output: `${stdout}${stderr}` }
}
function flip(file: string, at = Math.floor(statSync(file).size / 2)): void {
  const bytes = readFileSync(file)
  bytes.writeUInt8((bytes[at] ?? 0) ^ 1, at)
  writeFileSync(file, bytes)
}
const listed = () =>
  readFileSync(join(folder, 'SHA256SUMS'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => line.slice(66))

beforeAll(async () => {
  publisher = await publish()
  made = await make({ blueprint: islandBlueprint(publisher.url), output: folder })
}, 300_000)
afterAll(async () => {
  await publisher.close()
  rmSync(scratch, { recursive: true, force: true })
})

describe('a bundle', { timeout: 300_000 }, () => {
  test('is installed on a clean machine without network, images and all', () => {
    const root = cleanDebian(scratch)
    // containerd comes with the bundle; what systemd would do, this loop does.
    const start = 'until command -v containerd; do sleep 0.2; done; sleep 2; containerd'
    const script = `(${start}) >/run/containerd.log 2>&1 & CONTAINERD_SNAPSHOTTER=native sh /mnt/install.sh --role worker`
    const guess = inside(root, 'sh /mnt/install.sh')
    expect(guess.output).toBe('install.sh: whose machine is this? give --role: one of control-plane,worker\n')
    expect(inside(root, 'sh /mnt/install.sh --role etcd').output).toBe(guess.output)
    expect(inside(root, 'sh /mnt/install.sh --nonsense').code).toBe(2)
    expect(existsSync(join(root, 'usr/bin/kubeadm'))).toBe(false)
    const first = inside(
      root,
      `${script} && echo && dpkg -l && ctr -n k8s.io images check && crictl; kubeadm version; ls /opt/cni/bin`,
    )
    expect(first.output).toContain('install.sh: ready')
    for (const name of ['containerd', 'conntrack', 'socat', 'ipset', 'ethtool'])
      expect(first.output).toMatch(new RegExp(`^ii +${name} `, 'm'))
    expect(first.output).toMatch(/^registry\.k8s\.io\/kube-proxy:v1\.20\.15 .* complete /m)
    expect(first.output).toContain('install.sh: registry.k8s.io/kube-proxy:v1.20.15\n')
    expect(first.output).not.toContain('install.sh: registry.k8s.io/kube-apiserver')
    expect(first.output).toMatch(/v1\.20\.15\nbridge\nloopback\n/)
    expect(readFileSync(join(root, 'usr/local/sbin/leaven'), 'utf8')).toMatch(/^#!\/bin\/bash\n/)
    expect(existsSync(join(root, 'etc/systemd/system/leaven.service'))).toBe(true)
    expect(existsSync(join(root, 'etc/leaven'))).toBe(false)
    const again = inside(root, `${script} && echo twice`)
    expect(again.output).toContain('0 newly installed')
    expect(again.output).toMatch(/twice\n$/)
  })

  test('is whole, and says so', () => {
    expect(verify(folder).output).toBe('install.sh: every file is as it was made\n')
    expect(verify(folder, '--sha256', made.sum).code).toBe(0)
    expect(verify(folder, '--sha256', '0'.repeat(64))).toMatchObject({ code: 1 })
    expect(sha256(readFileSync(join(folder, 'SHA256SUMS')))).toBe(made.sum)
    const present = readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    expect(present.sort()).toEqual([...listed(), 'SHA256SUMS'].sort())
  })

  test.each([
    [
      'another processor',
      's/\tamd64$/\tarm64/',
      'is for debian 12 on arm64, and this machine is debian 12 on amd64',
    ],
    [
      'another release',
      's/\t12\t/\t1\t/',
      'is for debian 1 on amd64, and this machine is debian 12 on amd64',
    ],
    ['another distribution', 's/\tdebian\t/\tubuntu\t/', 'is for ubuntu 12 on amd64, and'],
  ])('for %s is refused before anything is installed', (_, edit, message) => {
    const root = cleanDebian(scratch)
    execFileSync('cp', ['-a', folder, join(root, 'srv/island')])
    // As somebody would have it who made it for the wrong machines: whole, but not for this one.
    const seal = `cd /srv/island && sed -i '/^bundle/${edit}' tables && sum=$(sha256sum tables) && sed -i "s/.*  tables$/$sum/" SHA256SUMS`
    const ran = inside(root, `${seal} && sh install.sh --role worker`)
    expect(ran).toEqual({ code: 1, output: expect.stringContaining(message) })
    expect(['socat', 'kubeadm'].filter((name) => existsSync(join(root, 'usr/bin', name)))).toEqual([])
  })

  test('a flipped bit in any file is refused by its name', () => {
    const copy = copyOf(folder)
    const names = listed()
    expect(names.length).toBeGreaterThan(90)
    for (const name of names) flip(join(copy, name))
    const { code, output } = verify(copy)
    // The installer itself was hit too, in the middle of a comment or not: a fresh one must name all others.
    copyFileSync(join(folder, 'install.sh'), join(copy, 'install.sh'))
    const fresh = verify(copy)
    expect([code === 0, output.includes('every file is as')]).toEqual([false, false])
    expect(fresh.code).toBe(1)
    for (const name of names.filter((entry) => entry !== 'install.sh'))
      expect(fresh.output).toContain(`install.sh: ${name} is damaged\n`)
  })

  test('a damaged blob of an archive is named, and so is a file that is missing', () => {
    const copy = copyOf(folder)
    const archive = join(copy, 'images/island.tar')
    const [, blob = ''] =
      /(blobs\/sha256\/[0-9a-f]{64})/.exec(execFileSync('tar', ['-tf', archive], { encoding: 'utf8' })) ?? []
    const bytes = readFileSync(archive)
    flip(archive, bytes.indexOf(blob) + 512)
    rmSync(join(copy, 'tables'))
    expect(verify(copy).output).toBe(
      `install.sh: images/island.tar is damaged\ninstall.sh:   blob ${blob}\ninstall.sh: tables is missing\ninstall.sh: nothing was installed. Copy these files again\n`,
    )
    rmSync(join(copy, 'SHA256SUMS'))
    expect(verify(copy).output).toContain('it has no SHA256SUMS')
  })

  test('apt itself refuses packages that the key of the bundle did not sign', () => {
    const copy = copyOf(folder)
    const index = join(copy, 'packages/Packages')
    writeFileSync(index, readFileSync(index, 'utf8').replace('Package: socat', 'Package: socks'))
    const root = cleanDebian(scratch)
    const update = (at: string) => {
      execFileSync('rm', ['-rf', join(root, 'b')])
      execFileSync('cp', ['-a', at, join(root, 'b')])
      const list =
        'rm -rf /var/lib/apt/lists/*; echo "deb [signed-by=/b/packages/bundle.gpg] file:/b/packages ./" >/etc/apt/sources.list'
      return inside(
        root,
        `${list} && apt-get update -o APT::Sandbox::User=root -o APT::Update::Error-Mode=any`,
      )
    }
    expect(update(folder)).toMatchObject({ code: 0 })
    expect(update(copy)).toMatchObject({ code: 100 })
    const release = join(copy, 'packages/Release')
    const sum = sha256(readFileSync(index))
    writeFileSync(
      release,
      readFileSync(release, 'utf8').replace(/ [0-9a-f]{64} \d+/, ` ${sum} ${statSync(index).size}`),
    )
    copyFileSync(release, join(copy, 'packages/InRelease'))
    expect(update(copy).output).toMatch(/not signed|NODATA|Clearsigned/)
  })
})

describe('making it again', { timeout: 300_000 }, () => {
  test('fetches nothing, and gives the same bytes', async () => {
    publisher.asked.length = 0
    const again = await make({ blueprint: islandBlueprint(publisher.url), output: folder })
    expect(again.sum).toBe(made.sum)
    // Only what has no checksum of its own is looked at again.
    expect(publisher.asked.filter((path) => !path.endsWith('.sha256'))).toEqual(['/addon.yaml'])
    expect(readdirSync(scratch).filter((name) => name.startsWith('island'))).toEqual(['island'])
  })

  test('mends what was damaged, and drops what is no longer needed', async () => {
    const output = copyOf(folder)
    const [deb = ''] = listed().filter((name) => /socat/.test(name))
    flip(join(output, deb))
    flip(join(output, 'packages/InRelease'))
    writeFileSync(join(output, 'packages/old_1_all.deb'), '')
    await make({ blueprint: islandBlueprint(publisher.url), output })
    expect(readFileSync(join(output, deb))).toEqual(readFileSync(join(folder, deb)))
    expect(existsSync(join(output, 'packages/old_1_all.deb'))).toBe(false)
    expect(verify(output).code).toBe(0)
  })

  test('leaves the earlier bundle as it was until the new one is whole', async () => {
    const output = copyOf(folder)
    const before = publisher.files.get('/addon.yaml') as Uint8Array
    publisher.files.delete('/addon.yaml')
    const own = { output, packages: ['hello'], base: '/var/lib/dpkg/status' }
    await expect(make({ blueprint: islandBlueprint(publisher.url), ...own })).rejects.toThrow('/addon.yaml')
    publisher.files.set('/addon.yaml', before)
    expect(readFileSync(join(`${output}.part`, 'bundle/packages/Packages'), 'utf8')).toMatch(
      /^Package: hello\n/,
    )
    expect(verify(output)).toEqual({ code: 0, output: 'install.sh: every file is as it was made\n' })
  })

  test('a tar holds the same, once more the same bytes', async () => {
    const output = join(scratch, 'worker.tar')
    const worker = await make({
      blueprint: islandBlueprint(publisher.url),
      output,
      role: 'worker',
      packages: ['socat'],
    })
    expect(sha256(readFileSync(output))).toBe(worker.tarSum)
    const names = execFileSync('tar', ['-tf', output], { encoding: 'utf8' }).trim().split('\n')
    expect(names).toContain('leaven-island/install.sh')
    expect(names.every((name) => name.startsWith('leaven-island/'))).toBe(true)
    expect(execFileSync('tar', ['-tvf', output], { encoding: 'utf8' })).not.toMatch(
      /(?<!1970-01-01 00:00) leaven-island/,
    )
  })

  test('what nodes have already stays out', async () => {
    const output = join(scratch, 'small')
    const own = await make({
      blueprint: islandBlueprint(publisher.url),
      output,
      packages: ['hello'],
      base: '/var/lib/dpkg/status',
    })
    expect(own.contents.packages.map(({ file }) => file.replace(/_.*/, ''))).toEqual(['hello'])
  })

  test('nothing is left where there was nothing when it cannot be made', async () => {
    const output = join(scratch, 'none')
    const blueprint = islandBlueprint(publisher.url)
    await expect(make({ blueprint, output, packages: ['no-such-package'] })).rejects.toThrow(
      'there is no way to install all packages: Unable to locate package no-such-package',
    )
    expect(existsSync(output)).toBe(false)
    const foreign = join(scratch, 'foreign')
    mkdirSync(foreign)
    writeFileSync(join(foreign, 'letter.txt'), 'dear')
    await expect(make({ blueprint, output: foreign })).rejects.toThrow('holds something that is no bundle')
    expect(readdirSync(foreign)).toEqual(['letter.txt'])
  })

  test('a file that is not what its publisher says is refused with both sums', async () => {
    const path = '/release/v1.20.15/bin/linux/amd64/kubelet'
    const before = publisher.files.get(path) as Uint8Array
    publisher.files.set(path, Buffer.from('something else'))
    const output = join(scratch, 'wrong')
    await expect(
      make({
        blueprint: islandBlueprint(publisher.url),
        output,
        packages: ['hello'],
        base: '/var/lib/dpkg/status',
      }),
    ).rejects.toThrow(`${path} has the sha256 ${sha256('something else')}, not ${sha256(before)}`)
    publisher.files.set(path, before)
    expect(existsSync(output)).toBe(false)
  })
})
