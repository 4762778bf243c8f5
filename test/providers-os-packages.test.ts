import { describe, expect, test } from 'vitest'
import type { Contribution } from '../generators/model/contribution.ts'
import type { JsonObject } from '../generators/model/json.ts'
import { os } from '../generators/registry.ts'
import { blueprint, codes, contributed, fileOf, planOf } from './support/contributed.ts'

function versionOf({ packages }: Contribution, name: string): string | undefined {
  return packages?.find((entry) => entry.name === name)?.version
}

const releases = os.flatMap(({ name, releases: known }) =>
  Object.keys(known).map((release) => [name, release] as const),
)

function hintsOf(patch: JsonObject): readonly (string | undefined)[] {
  const plan = planOf(patch)
  const provider = os.find(({ name }) => name === plan.os.provider)
  return (provider?.rules?.(plan, blueprint(patch)) ?? []).map(({ hint }) => hint)
}

describe('every release of every OS', () => {
  test('is one of these', () => {
    expect(releases.map((release) => release.join(' ')).sort()).toEqual([
      'alma 8',
      'alma 9',
      'centos 7',
      'debian 11',
      'debian 12',
      'debian 13',
      'rhel 8',
      'rhel 9',
      'rocky 8',
      'rocky 9',
      'ubuntu 20.04',
      'ubuntu 22.04',
      'ubuntu 24.04',
    ])
  })

  test.each(os.flatMap(({ releases: known }) => Object.entries(known)))(
    '%s has facts that hold together',
    (_, facts) => {
      expect(facts).toEqual(
        expect.objectContaining({
          cgroup: expect.stringMatching(/^v[12]$/),
          kernel: expect.stringMatching(/^\d+\.\d+$/),
          packageManager: expect.stringMatching(/^(apt|yum)$/),
          legacyRoutes: expect.any(Boolean),
          source: expect.stringMatching(/^https:/),
          repositoryName: expect.stringMatching(/^[a-z]+$|^\d$/),
          conntrackModule: expect.stringMatching(/^nf_conntrack(_ipv4)?$/),
        }),
      )
      const { updatesEnded } = facts as unknown as { updatesEnded: string | null }
      expect(updatesEnded ?? '2026-01-01').toMatch(/^\d{4}-\d\d-\d\d$/)
    },
  )

  test('that is past its updates says where to go', () => {
    expect(codes('os', { os: { release: '20.04' } })).toEqual(['warning os/updates-ended'])
    expect(hintsOf({ os: { release: '20.04' } })).toEqual(['take Ubuntu 24.04, unless you pay for updates'])
    expect(hintsOf({ os: { provider: 'centos' } })).toEqual([expect.stringContaining('rocky')])
  })

  test.each(releases)('%s %s installs what kubeadm and the kubelet call', (provider, release) => {
    const names = contributed('os', { os: { provider, release } }).packages?.map(({ name }) => name) ?? []
    const apt = ['ubuntu', 'debian'].includes(provider)
    expect(names).toEqual(
      expect.arrayContaining(['kubelet', 'kubeadm', 'kubectl', 'kubernetes-cni', 'cri-tools']),
    )
    expect(names).toEqual(
      expect.arrayContaining(['socat', 'ethtool', 'ebtables', 'ipset', 'iptables', 'containerd.io']),
    )
    expect(names).toContain(apt ? 'conntrack' : 'conntrack-tools')
    expect(names.includes('container-selinux')).toBe(!apt)
    expect(names).toContain(apt ? 'iproute2' : release === '7' ? 'iproute' : 'iproute-tc')
    // 9 has curl-minimal, which conflicts with it.
    expect(names.includes('curl')).toBe(apt)
    expect(new Set(names).size).toBe(names.length)
  })

  test.each(releases)('%s %s is the same for workers but for its ports', (provider, release) => {
    const { ports: _, ...master } = contributed('os', { os: { provider, release } })
    const { ports: __, ...worker } = contributed('os', { os: { provider, release } }, 'worker')
    expect(worker).toEqual(master)
  })

  test.each(releases)('%s %s gets nothing to install when the image is baked', (provider, release) => {
    const patch = { os: { provider, release }, bootstrap: { prebaked: true } }
    for (const version of ['1.20.2', '1.31.4']) {
      const { packages, repositories, downloads, files, modules } = contributed('os', {
        ...patch,
        kubernetes: { version },
      })
      expect([packages ?? [], repositories ?? [], downloads ?? []]).toEqual([[], [], []])
      expect(files?.map(({ path }) => path)).not.toContain('/etc/yum.repos.d/CentOS-Base.repo')
      expect(modules).toContain('br_netfilter')
    }
  })
})

describe('package repositories', () => {
  const docker = 'https://download.docker.com/linux'
  test.each([
    ['ubuntu', '20.04', `${docker}/ubuntu`, 'focal'],
    ['ubuntu', '22.04', `${docker}/ubuntu`, 'jammy'],
    ['ubuntu', '24.04', `${docker}/ubuntu`, 'noble'],
    ['debian', '11', `${docker}/debian`, 'bullseye'],
    ['debian', '12', `${docker}/debian`, 'bookworm'],
    ['debian', '13', `${docker}/debian`, 'trixie'],
    ['rocky', '8', `${docker}/rhel/8/$basearch/stable`, undefined],
    ['rocky', '9', `${docker}/rhel/9/$basearch/stable`, undefined],
    ['alma', '9', `${docker}/rhel/9/$basearch/stable`, undefined],
    ['rhel', '9', `${docker}/rhel/9/$basearch/stable`, undefined],
    ['centos', '7', `${docker}/centos/7/$basearch/stable`, undefined],
  ])('%s %s takes containerd.io from %s %s', (provider, release, url, suite) => {
    const found = contributed('os', { os: { provider, release } }).repositories?.find(
      ({ id }) => id === 'docker',
    )
    expect(found?.url).toBe(url)
    expect(found?.suite).toBe(suite)
    expect(found?.kind).toBe(suite === undefined ? 'yum' : 'apt')
  })

  test('Kubernetes has one repository a minor, for apt and yum', () => {
    const [apt] = contributed('os').repositories ?? []
    expect(apt).toEqual({
      id: 'kubernetes',
      kind: 'apt',
      url: 'https://pkgs.k8s.io/core:/stable:/v1.31/deb/',
      suite: '/',
      keyUrl: 'https://pkgs.k8s.io/core:/stable:/v1.31/deb/Release.key',
    })
    const [yum] =
      contributed('os', { os: { provider: 'rocky' }, kubernetes: { version: '1.28.9' } }).repositories ?? []
    expect(yum).toEqual({
      id: 'kubernetes',
      kind: 'yum',
      url: 'https://pkgs.k8s.io/core:/stable:/v1.28/rpm/',
      keyUrl: 'https://pkgs.k8s.io/core:/stable:/v1.28/rpm/repodata/repomd.xml.key',
    })
  })

  test('mirrors take the place of both', () => {
    const repositories = {
      kubernetes: 'https://mirrors.aliyun.com/kubernetes-new/core/stable/',
      containerd: 'https://mirrors.aliyun.com/docker-ce',
    }
    expect(contributed('os', { repositories }).repositories?.map(({ url }) => url)).toEqual([
      'https://mirrors.aliyun.com/kubernetes-new/core/stable/v1.31/deb/',
      'https://mirrors.aliyun.com/docker-ce/linux/ubuntu',
    ])
  })

  test('versions are globs, since packagers rebuild: 1.28.9-2.1', () => {
    const found = contributed('os', { kubernetes: { version: '1.28.9' } })
    for (const name of ['kubelet', 'kubeadm', 'kubectl']) expect(versionOf(found, name)).toBe('1.28.9-*')
  })

  test.each([
    [undefined, '1.7.*'],
    ['1.7.27', '1.7.27-*'],
    ['1.7', '1.7.*'],
    ['2.1.5', '2.1.5-*'],
  ])('containerd %s is pinned as %s', (version, glob) => {
    const patch = version === undefined ? {} : { runtime: { version } }
    expect(versionOf(contributed('os', patch), 'containerd.io')).toBe(glob)
  })

  test("the distribution's containerd is taken as it comes", () => {
    const patch = {
      os: { provider: 'debian', containerdSource: 'distribution' },
      runtime: { version: '1.6' },
    }
    const found = contributed('os', patch)
    expect(found.packages).toContainEqual({ name: 'containerd' })
    expect(found.repositories?.map(({ id }) => id)).toEqual(['kubernetes'])
    expect(codes('os', patch)).toEqual([])
    expect(codes('os', { ...patch, runtime: { version: '2.1.5' } })).toEqual([
      'error os/containerd-not-packaged',
    ])
  })

  test('CentOS 7 goes to the archive, and gets the containerd that was last built for it', () => {
    const found = contributed('os', { os: { provider: 'centos' } })
    expect(fileOf(found, '/etc/yum.repos.d/CentOS-Base.repo')).toContain(
      '[updates]\nname=CentOS 7 updates\nbaseurl=https://vault.centos.org/7.9.2009/updates/$basearch/\n',
    )
    expect(versionOf(found, 'containerd.io')).toBe('1.6.*')
    const asked = { os: { provider: 'centos' }, runtime: { version: '1.7.28' } }
    expect(codes('os', asked)).toEqual(['warning os/updates-ended', 'error os/containerd-not-packaged'])
    expect(codes('os', { ...asked, bootstrap: { prebaked: true } })).toEqual(['warning os/updates-ended'])
  })
})

describe('Kubernetes before 1.24', () => {
  const old = { kubernetes: { version: '1.20.2' } }

  test('comes as release binaries, each with its checksum beside it', () => {
    const { downloads = [], packages = [], repositories = [] } = contributed('os', old)
    expect(downloads.map(({ url, destination }) => `${url} ${destination}`)).toEqual([
      'https://dl.k8s.io/release/v1.20.2/bin/linux/amd64/kubeadm /usr/bin/kubeadm',
      'https://dl.k8s.io/release/v1.20.2/bin/linux/amd64/kubelet /usr/bin/kubelet',
      'https://dl.k8s.io/release/v1.20.2/bin/linux/amd64/kubectl /usr/bin/kubectl',
      'https://github.com/kubernetes-sigs/cri-tools/releases/download/v1.19.0/crictl-v1.19.0-linux-amd64.tar.gz /usr/bin',
      'https://github.com/containernetworking/plugins/releases/download/v0.8.7/cni-plugins-linux-amd64-v0.8.7.tgz /opt/cni/bin',
    ])
    for (const { url, checksum } of downloads) expect(checksum).toEqual({ sha256Url: `${url}.sha256` })
    expect(downloads.map(({ stripComponents }) => stripComponents)).toEqual([
      undefined,
      undefined,
      undefined,
      0,
      0,
    ])
    expect(repositories.map(({ id }) => id)).toEqual(['docker'])
    expect(packages.map(({ name }) => name)).not.toContain('kubelet')
  })

  test('one base stands in for both publishers, and the processor can be chosen', () => {
    const patch = {
      ...old,
      os: { architecture: 'arm64' },
      repositories: { binaries: 'http://files.internal/k8s/' },
    }
    expect(
      contributed('os', patch).downloads?.map(({ url }) => url.replace('http://files.internal/k8s/', '')),
    ).toEqual([
      'release/v1.20.2/bin/linux/arm64/kubeadm',
      'release/v1.20.2/bin/linux/arm64/kubelet',
      'release/v1.20.2/bin/linux/arm64/kubectl',
      'kubernetes-sigs/cri-tools/releases/download/v1.19.0/crictl-v1.19.0-linux-arm64.tar.gz',
      'containernetworking/plugins/releases/download/v0.8.7/cni-plugins-linux-arm64-v0.8.7.tgz',
    ])
  })

  test.each([
    ['ubuntu', '/etc/default/kubelet'],
    ['rocky', '/etc/sysconfig/kubelet'],
  ])('%s reads extra arguments from %s', (provider, environment) => {
    const dropIn = fileOf(
      contributed('os', { ...old, os: { provider } }),
      '/etc/systemd/system/kubelet.service.d/10-kubeadm.conf',
    )
    expect(dropIn).toContain(`EnvironmentFile=-${environment}\n`)
  })
})
