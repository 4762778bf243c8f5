/**
 * What apt is told and what it answers: configuration of a clean root, the list of files that an installation would
 * fetch, and a local repository of them.
 * Sources: https://manpages.debian.org/apt.conf, https://wiki.debian.org/DebianRepository/Format
 */

/** A line of sources.list; `key` is the absolute path of the keyring that vouches for it. */
export interface AptSource {
  readonly url: string
  readonly suite: string
  /** Empty for a flat repository. */
  readonly components: string
  readonly key: string
}

export function sourcesList(sources: readonly AptSource[], architecture: string): string {
  return sources
    .map(({ url, suite, components, key }) =>
      `deb [arch=${architecture} signed-by=${key}] ${url} ${suite} ${components}`.trimEnd(),
    )
    .map((line) => `${line}\n`)
    .join('')
}

/**
 * Configuration that knows nothing of this machine: its sources, keys, lists and installed packages stay out.
 * @param root absolute path of an empty tree: etc, state, cache
 * @param status what the nodes have installed already, as dpkg's own status file
 * @param archives where fetched packages go
 */
export function aptConfiguration(
  root: string,
  { architecture, status, archives }: { architecture: string; status: string; archives: string },
): string {
  const settings = {
    Dir: root,
    'Dir::Etc': `${root}/etc`,
    'Dir::Etc::Parts': `${root}/etc/apt.conf.d`,
    'Dir::Etc::Main': '/dev/null',
    'Dir::Etc::SourceList': `${root}/etc/sources.list`,
    'Dir::Etc::SourceParts': `${root}/etc/sources.list.d`,
    'Dir::Etc::Trusted': '/dev/null',
    'Dir::Etc::TrustedParts': `${root}/etc/trusted.d`,
    'Dir::Etc::Preferences': '/dev/null',
    'Dir::Etc::PreferencesParts': `${root}/etc/preferences.d`,
    'Dir::State': `${root}/state`,
    'Dir::State::Lists': `${root}/state/lists`,
    'Dir::State::status': status,
    'Dir::Cache': `${root}/cache`,
    'Dir::Cache::Archives': archives,
    'Dir::Log': `${root}/log`,
    'APT::Architecture': architecture,
    'APT::Install-Recommends': 'false',
    // apt's own user may not look into our folders.
    'APT::Sandbox::User': 'root',
    'APT::Update::Error-Mode': 'any',
    'Acquire::Languages': 'none',
    'Acquire::Retries': '3',
    // What --print-uris shows; else it is MD5.
    'Acquire::ForceHash': 'SHA256',
    'Debug::NoLocking': 'true',
  }
  const lines = Object.entries(settings).map(([name, value]) => `${name} "${value}";\n`)
  return `${lines.join('')}APT::Architectures { "${architecture}"; };\n`
}

/** A package as apt would fetch it. */
export interface AptFile {
  readonly url: string
  /** As apt names it in its archives. */
  readonly file: string
  readonly size: number
  readonly sha256: string
}

/** Reads what `apt-get install --print-uris` prints; packages without a strong checksum are refused. */
export function readUris(text: string): readonly AptFile[] {
  return text
    .split('\n')
    .filter((line) => line.startsWith("'"))
    .map((line) => {
      const [, url = '', file = '', size = '', sha256 = ''] =
        /^'([^']+)' (\S+) (\d+) (?:SHA256:([0-9a-f]{64}))?/.exec(line) ?? []
      if (sha256 === '') throw new RangeError(`apt knows no SHA-256 of ${file || line}`)
      return { url, file, size: Number(size), sha256 }
    })
    .sort((one, other) => (one.file < other.file ? -1 : 1))
}

/** apt writes an epoch as `2%3a`; pools leave it out, and a USB stick's file system would not have `:`. */
export function poolName(file: string): string {
  return file.replace(/_\d+%3a/, '_')
}

/** A line of what apt or dpkg complain about, without their `E: `; the first ones are the reason. */
export function complaints(stderr: string): readonly string[] {
  const lines = stderr.split('\n').filter((line) => /^[EW]: /.test(line))
  const errors = lines.filter((line) => line.startsWith('E: '))
  const useful = lines.filter((line) => !/^E: (Some index files|Unable to fetch some archives)/.test(line))
  return (useful.length > 0 ? useful : errors).map((line) => line.slice(3).trim())
}

/** Where a package lies in the bundle, and dpkg's own fields of it. */
export interface PooledPackage {
  readonly file: string
  readonly size: number
  readonly sha256: string
  /** `dpkg-deb --field`: the control file. */
  readonly control: string
}

/** The index of a flat repository. */
export function packagesIndex(packages: readonly PooledPackage[]): string {
  return packages
    .map(
      ({ file, size, sha256, control }) =>
        `${control.trimEnd()}\nFilename: ./${file}\nSize: ${size}\nSHA256: ${sha256}\n`,
    )
    .join('\n')
}

/**
 * The Release file of that repository. Its date is long past on purpose: a node that has no time server may think
 * that it is earlier than it is, and apt refuses what is not valid yet.
 */
export function releaseFile(cluster: string, architecture: string, index: { size: number; sha256: string }) {
  return [
    'Origin: Leaven',
    `Label: bundle of ${cluster}`,
    'Suite: bundle',
    'Codename: bundle',
    `Date: ${repositoryDate.toUTCString()}`,
    `Architectures: ${architecture} all`,
    'SHA256:',
    ` ${index.sha256} ${index.size} Packages`,
    '',
  ].join('\n')
}

export const repositoryDate = new Date('2020-01-01T00:00:00Z')
