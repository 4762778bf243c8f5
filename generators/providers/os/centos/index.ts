import type { FileSpec } from '../../../model/contribution.ts'
import type { ClusterPlan } from '../../../model/plan.ts'
import { kickstart } from '../kickstart.ts'
import { linux } from '../linux.ts'
import type { DistributionFacts } from '../release.ts'
import { yumFamily } from '../yum-family.ts'
import facts from './facts.json' with { type: 'json' }
import images from './images.json' with { type: 'json' }

const defaultVault = 'https://vault.centos.org/7.9.2009'

export const centos = linux(yumFamily, {
  name: 'centos',
  title: 'CentOS Linux',
  summary: 'CentOS Linux 7, from its archive; for clusters that already run on it.',
  dockerFolder: 'centos',
  facts: facts as DistributionFacts,
  baseImages: images.releases,
  installer: kickstart,
  options: {
    vault: {
      description: 'Where the archived packages are, down to the release; for arm64 the altarch archive.',
      type: 'string',
      pattern: '^https?://\\S+$',
      expect: 'a URL',
      default: defaultVault,
      examples: ['https://mirrors.aliyun.com/centos-vault/7.9.2009'],
    },
  },
  // Kernel 3.10 keeps mounts of other namespaces busy without it, and containers cannot be removed.
  sysctl: { 'fs.may_detach_mounts': '1' },
  packageFiles: vaultRepositories,
})

/** Takes the place of the file that the image has: its mirror list was switched off with the distribution. */
function vaultRepositories({ os }: ClusterPlan): readonly FileSpec[] {
  const vault = String(os.options['vault'] ?? defaultVault).replace(/\/+$/, '')
  const lines = ['os', 'updates', 'extras'].flatMap((folder) => [
    `[${folder === 'os' ? 'base' : folder}]`,
    `name=CentOS 7 ${folder}`,
    `baseurl=${vault}/${folder}/$basearch/`,
    'gpgcheck=1',
    'gpgkey=file:///etc/pki/rpm-gpg/RPM-GPG-KEY-CentOS-7',
    '',
  ])
  return [
    {
      path: '/etc/yum.repos.d/CentOS-Base.repo',
      mode: 0o644,
      body: { kind: 'lines', lines: lines.slice(0, -1) },
    },
  ]
}
