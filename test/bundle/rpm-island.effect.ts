/** A small distribution of real rpm packages, signed by keys of its own, as Rocky, Kubernetes and Docker lay theirs out. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { run } from '../support/tools.ts'
import { offlineBlueprint, type Publisher } from './island.effect.ts'

export const rpmTools = [
  'dnf',
  'createrepo_c',
  'rpm',
  'rpmbuild',
  'rpmsign',
  'gpg',
  'gpgv',
  'setpriv',
] as const

export interface Rpm {
  readonly name: string
  readonly version?: string
  readonly epoch?: number
  readonly architecture?: string
  readonly requires?: string
  readonly recommends?: string
  /** Who signs it; undefined: nobody. */
  readonly signer?: string | undefined
}

export interface Distribution {
  /** Where the packages lie before they are published. */
  readonly folder: string
  /** 40 hex digits. */
  fingerprint(signer: string): string
  armored(signer: string): Uint8Array
  /** Builds a package; the same again costs nothing. */
  build(rpm: Rpm): string
  /** Makes a repository of packages at a path of the publisher. */
  offer(path: string, rpms: readonly Rpm[]): void
  remove(): void
}

export function foundDistribution(publisher: Publisher): Distribution {
  // gpg's sockets below it have short names by law.
  const folder = mkdtempSync(join(tmpdir(), 'lrpm-'))
  const home = join(folder, 'gpg')
  mkdirSync(home, { mode: 0o700 })
  const gpg = (...args: string[]) => run('gpg', ['--homedir', home, '--batch', '--quiet', ...args])
  const built = new Map<string, string>()
  const signers = new Map<string, string>()

  const distribution: Distribution = {
    folder,
    fingerprint(signer) {
      const known = signers.get(signer)
      if (known !== undefined) return known
      const nobody = ['--pinentry-mode', 'loopback', '--passphrase', '']
      gpg(...nobody, '--quick-generate-key', signer, 'rsa2048', 'sign', 'never')
      const [, made = ''] = /^fpr:+([0-9A-F]{40})/m.exec(gpg('--with-colons', '--list-keys', signer)) ?? []
      signers.set(signer, made)
      return made
    },
    armored: (signer) => Buffer.from(gpg('--armor', '--export', distribution.fingerprint(signer))),
    build(rpm) {
      const key = JSON.stringify(rpm)
      const path = built.get(key) ?? buildRpm(folder, built.size, rpm)
      if (!built.has(key) && rpm.signer !== undefined) {
        const name = ['--define', `_gpg_name ${distribution.fingerprint(rpm.signer)}`]
        const how = ['--define', `_gpg_path ${home}`, '--define', '__gpg /usr/bin/gpg']
        run('rpmsign', [...name, ...how, '--addsign', path])
      }
      built.set(key, path)
      return path
    },
    offer(path, rpms) {
      const at = mkdtempSync(join(folder, 'repository-'))
      mkdirSync(join(at, 'Packages'))
      for (const rpm of rpms) run('cp', [distribution.build(rpm), join(at, 'Packages')])
      run('createrepo_c', ['--quiet', at])
      for (const known of publisher.files.keys())
        if (known.startsWith(`${path}/`)) publisher.files.delete(known)
      for (const entry of readdirSync(at, { recursive: true, withFileTypes: true })) {
        const file = join(entry.parentPath, entry.name)
        if (entry.isFile()) publisher.files.set(`${path}${file.slice(at.length)}`, readFileSync(file))
      }
    },
    remove() {
      run('gpgconf', ['--homedir', home, '--kill', 'all'])
      rmSync(folder, { recursive: true, force: true })
    },
  }
  return distribution
}

/** One file, /usr/share/island/NAME, that says which version it is. */
function buildRpm(folder: string, count: number, rpm: Rpm): string {
  const { name, version = '1.0', epoch = 0, architecture = 'noarch', requires, recommends } = rpm
  const top = join(folder, `build-${count}`)
  mkdirSync(top)
  const spec = [
    `Name: ${name}`,
    `Version: ${version}`,
    `Epoch: ${epoch}`,
    'Release: 1.el9',
    'Summary: part of an island',
    'License: none',
    'AutoReqProv: no',
    ...(requires === undefined ? [] : [`Requires: ${requires}`]),
    ...(recommends === undefined ? [] : [`Recommends: ${recommends}`]),
    '%description',
    '%install',
    'mkdir -p %{buildroot}/usr/share/island',
    // Bytes that do not compress: what is cut off in the middle has a middle.
    `{ echo ${version}; head -c 60000 /dev/urandom; } >%{buildroot}/usr/share/island/${name}`,
    '%files',
    `/usr/share/island/${name}`,
    '',
  ]
  writeFileSync(join(top, 'it.spec'), spec.join('\n'))
  run('rpmbuild', [
    '--quiet',
    '--target',
    architecture,
    '--define',
    `_topdir ${top}`,
    '-bb',
    join(top, 'it.spec'),
  ])
  const [made = ''] = readdirSync(join(top, 'RPMS', architecture))
  return join(top, 'RPMS', architecture, made)
}

export const rpmVersion = '1.31.4'
const [rocky, kubernetes, docker] = ['Rocky of tests', 'Kubernetes of tests', 'Docker of tests']
export const signers = { rocky, kubernetes, docker } as const
export const paths = {
  base: '/rocky/9/BaseOS',
  apps: '/rocky/9/AppStream',
  kubernetes: '/k8s/v1.31/rpm',
  docker: '/docker/linux/rhel/9',
} as const
const architectures = ['x86_64', 'aarch64'] as const

const base: readonly Rpm[] = [
  { name: 'libisland', signer: rocky },
  { name: 'libisland', version: '0.9', signer: rocky },
  { name: 'ca-certificates', requires: 'libisland', signer: rocky },
  ...['ebtables', 'ethtool', 'iproute-tc', 'ipset', 'iptables', 'kmod', 'tar'].map((name) => ({
    name,
    requires: 'libisland >= 1',
    signer: rocky,
  })),
]
const apps: readonly Rpm[] = [
  { name: 'container-selinux', signer: rocky },
  { name: 'conntrack-tools', requires: 'libnetfilter', recommends: 'documentation', signer: rocky },
  { name: 'libnetfilter', epoch: 2, requires: 'libisland', signer: rocky },
  { name: 'documentation', signer: rocky },
  { name: 'ipvsadm', signer: rocky },
  { name: 'socat', signer: rocky },
  { name: 'thirsty', requires: 'water', signer: rocky },
  { name: 'unsigned' },
  { name: 'forged', signer: 'Mallory' },
]
const cluster: readonly Rpm[] = [
  ...['kubeadm', 'kubectl', 'kubelet'].flatMap((name) =>
    [rpmVersion, '1.31.9'].flatMap((one) =>
      architectures.map((architecture) => ({ name, version: one, architecture, signer: kubernetes })),
    ),
  ),
  { name: 'kubernetes-cni', requires: 'libisland', signer: kubernetes },
  { name: 'cri-tools', signer: kubernetes },
]
const runtime = (architecture: string): readonly Rpm[] =>
  ['1.7.28', '2.1.4'].map((one) => ({
    name: 'containerd.io',
    version: one,
    architecture,
    requires: 'container-selinux',
    signer: docker,
  }))

/** Everything that a bundle of `rpmBlueprint` is made of. */
export function offerAll(distribution: Distribution, { files }: Publisher): void {
  for (const one of architectures) {
    distribution.offer(`${paths.base}/${one}/os`, base)
    distribution.offer(`${paths.apps}/${one}/os`, apps)
    distribution.offer(`${paths.docker}/${one}/stable`, runtime(one))
  }
  distribution.offer(paths.kubernetes, cluster)
  files.set('/rocky/RPM-GPG-KEY-Rocky-9', distribution.armored(rocky))
  files.set(`${paths.kubernetes}/repodata/repomd.xml.key`, distribution.armored(kubernetes))
  files.set('/docker/linux/rhel/gpg', distribution.armored(docker))
}

export function rpmBlueprint(url: string, architecture = 'amd64'): string {
  return offlineBlueprint(url, rpmVersion, [
    `os: { provider: rocky, release: "9", architecture: ${architecture} }`,
    'runtime: { version: "1.7" }',
    `repositories: { kubernetes: "${url}/k8s", containerd: "${url}/docker", distribution: "${url}" }`,
  ])
}

/** dnf with this bundle as its only repository, without any network, into a root of its own. */
export function dnf(at: string, root: string, ...args: readonly string[]) {
  const packages = join(at, 'packages')
  const configuration = join(root, 'dnf.conf')
  mkdirSync(root, { recursive: true })
  const keys = ['bundle', 'keys'].map((name) => `file://${packages}/${name}.asc`).join(' ')
  const lines = [
    ['[main]', 'reposdir=/nowhere', 'plugins=0', 'cachedir=/cache', 'persistdir=/persist', 'logdir=/log'],
    ['[bundle]', `baseurl=file://${packages}`, 'gpgcheck=1', 'repo_gpgcheck=1', `gpgkey=${keys}`],
  ]
  writeFileSync(configuration, `${lines.flat().join('\n')}\n`)
  const where = ['-n', 'dnf', '-y', `--config=${configuration}`, `--installroot=${root}`, '--releasever=9']
  const { status, stdout, stderr } = spawnSync('unshare', [...where, ...args], { encoding: 'utf8' })
  return { code: status, output: `${stdout}${stderr}` }
}
/** Their names and versions. */
export const installed = (root: string): readonly string[] =>
  run('rpm', ['--root', root, '-qa', '--qf', '%{name}-%{version}\n']).trim().split('\n').sort()
