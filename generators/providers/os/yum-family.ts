/** Red Hat Enterprise Linux, its rebuilds, and CentOS 7. SELinux stays on: container-selinux brings its rules. */
import type { YumBase } from '../../model/contribution.ts'
import type { Family } from './family.ts'
import type { Release } from './release.ts'

export const yumFamily: Family = {
  // No curl: 9 has curl-minimal, which provides it and conflicts with the package.
  tools: ({ repositoryName }) => [
    'ca-certificates',
    'conntrack-tools',
    'container-selinux',
    // 8 and 9 provide it by iptables-ebtables and iptables-nft.
    'ebtables',
    'ethtool',
    repositoryName === '7' ? 'iproute' : 'iproute-tc',
    'ipset',
    'iptables',
    'ipvsadm',
    'kmod',
    'socat',
    'tar',
  ],
  kubeletEnvironment: '/etc/sysconfig/kubelet',
  chrony: { configuration: '/etc/chrony.conf', unit: 'chronyd.service' },
  kubernetesRepository: (base, minor) => ({
    id: 'kubernetes',
    kind: 'yum',
    url: `${base}/v${minor}/rpm/`,
    keyUrl: `${base}/v${minor}/rpm/repodata/repomd.xml.key`,
  }),
  dockerRepository: (base, folder, release) => ({
    id: 'docker',
    kind: 'yum',
    // $basearch is yum's own variable. The release is written out: $releasever is `9.4` or `7Server` on RHEL.
    url: `${base}/linux/${folder}/${release.repositoryName}/$basearch/stable`,
    keyUrl: `${base}/linux/${folder}/gpg`,
  }),
  // yum and dnf have no folder for parts of their configuration; at first boot they see the service's environment.
  packageProxy: () => [],
}

/**
 * As the rebuilds of RHEL lay them out.
 * @param folder the publisher's own, without `/` at its end
 * @param key its file there
 */
export function rebuild(
  folder: string,
  key: string,
  { repositoryName, signingKeys = [] }: Release,
): readonly YumBase[] {
  return ['BaseOS', 'AppStream'].map((id) => ({
    kind: 'yum',
    id,
    url: `${folder}/${repositoryName}/${id}/$basearch/os`,
    keyUrl: `${folder}/${key}-${repositoryName}`,
    fingerprints: signingKeys,
  }))
}
