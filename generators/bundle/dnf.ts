/**
 * What dnf is told and what it answers: configuration of a clean root, names as it spells them, and what of its
 * complaints is the reason.
 * Source: https://dnf.readthedocs.io/en/latest/conf_ref.html
 */

/** A section of dnf's configuration. */
export interface DnfSource {
  readonly id: string
  readonly url: string
  /** Absolute path of the keys that vouch for its packages. */
  readonly key: string
}

/** Configuration that knows nothing of this machine; its folders are below the root that dnf is given. */
export function dnfConfiguration(sources: readonly DnfSource[], release: string): string {
  const main = {
    reposdir: '/nowhere',
    varsdir: '/nowhere',
    pluginconfpath: '/nowhere',
    plugins: '0',
    cachedir: '/cache',
    persistdir: '/persist',
    logdir: '/log',
    install_weak_deps: '0',
    gpgcheck: '1',
    // A mirror that is half there must not lead to older packages.
    best: '1',
    skip_if_unavailable: '0',
    // Modules have streams by release; without this dnf asks the root, which is empty.
    module_platform_id: `platform:el${release}`,
  }
  const repositories = sources.map(({ id, url, key }) =>
    section(id, { name: id, baseurl: url, gpgkey: `file://${key}` }),
  )
  return [section('main', main), ...repositories].join('\n')
}

function section(name: string, settings: Readonly<Record<string, string>>): string {
  const lines = Object.entries(settings).map(([key, value]) => `${key}=${value}\n`)
  return `[${name}]\n${lines.join('')}`
}

/** What rpm calls a processor. */
export function rpmArchitecture(architecture: string): string {
  return { amd64: 'x86_64', arm64: 'aarch64' }[architecture] ?? architecture
}

/** `kubeadm=1.31.4-*` → `kubeadm-1.31.4-*` */
export function rpmName(name: string): string {
  return name.replace('=', '-')
}

/** The packages of a transaction that `dnf --assumeno -d 3 install` explains, as `name-[epoch:]version-release.arch`. */
export function readTransaction(text: string): readonly string[] {
  const line =
    /^---> Package (\S+)\.([^\s.]+) (\S+) will be (?:installed|an upgrade|a downgrade|obsoleting)$/gm
  return [...text.matchAll(line)].map(
    ([, name, architecture, version]) => `${name}-${version}.${architecture}`,
  )
}

/** A package as dnf would fetch it. */
export interface RpmFile {
  readonly file: string
  readonly size: number
}

export const queryFormat = '%{downloadsize} %{location}'

/** Reads what `dnf repoquery` prints in `queryFormat`: each file once, sorted. */
export function readFiles(text: string): readonly RpmFile[] {
  const lines = [...text.matchAll(/^(\d+) (?:.*\/)?([^/\n]+\.rpm)$/gm)]
  const sizes = new Map(lines.map(([, size = '', file = '']) => [file, Number(size)]))
  return [...sizes]
    .map(([file, size]) => ({ file, size }))
    .sort((one, other) => (one.file < other.file ? -1 : 1))
}

/** What dnf complains about, one line each: the packages first, then the reason. */
export function dnfComplaints(stderr: string): readonly string[] {
  const lines = stderr
    .split('\n')
    .map((line) => line.trim())
    .filter(
      (line) =>
        line !== '' &&
        !/^(\(try to add|Importing GPG key |Userid *:|Fingerprint:|From *:|Check that )/.test(line),
    )
  const from = lines.findIndex((line) => line.startsWith('Error:'))
  const ofPackages = lines.slice(0, Math.max(from, 0))
  const reasons = lines
    .slice(Math.max(from, 0))
    .map((line) => line.replace(/^Error:\s*|^(- |Problem( \d+)?: )/, ''))
  return [...new Set([...ofPackages, ...reasons])].filter((line) => line !== '')
}

/**
 * Fingerprints of the primary keys that `gpg --show-keys --with-colons` lists.
 * Source: https://github.com/gpg/gnupg/blob/master/doc/DETAILS
 */
export function readFingerprints(text: string): readonly string[] {
  return [...text.matchAll(/^pub:.*\n(?:(?!fpr:|pub:).*\n)*fpr:(?:[^:]*:){8}([0-9A-F]{40}):/gm)].map(
    ([, fingerprint = '']) => fingerprint,
  )
}
