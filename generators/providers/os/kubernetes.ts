/** kubelet, kubeadm and kubectl: packages from 1.24 on, release binaries and our own units before. */
import type { Contribution, DownloadSpec, FileSpec } from '../../model/contribution.ts'
import type { ClusterPlan } from '../../model/plan.ts'
import { type Family, pinned } from './family.ts'

export function kubernetes(plan: ClusterPlan, family: Family): Contribution {
  const { facts, version } = plan.kubernetes
  if (facts.packages === 'binaries')
    return { downloads: binaries(plan), files: kubeletUnit(family.kubeletEnvironment) }
  const base = withoutSlash(plan.repositories.kubernetes ?? 'https://pkgs.k8s.io/core:/stable:')
  return {
    repositories: [family.kubernetesRepository(base, facts.minor)],
    packages: [
      ...['kubelet', 'kubeadm', 'kubectl'].map((name) => pinned(name, version)),
      // kubelet's packages stopped to require cri-tools and will stop to require this one.
      { name: 'kubernetes-cni' },
      { name: 'cri-tools' },
    ],
  }
}

/** `repositories.binaries` stands in for both publishers' hosts, with the same paths below it. */
function binaries({ kubernetes, repositories, os }: ClusterPlan): readonly DownloadSpec[] {
  const { tools, version } = kubernetes.facts
  const architecture = os.options['architecture'] ?? 'amd64'
  const release = withoutSlash(repositories.binaries ?? 'https://dl.k8s.io')
  const github = withoutSlash(repositories.binaries ?? 'https://github.com')
  const crictl = `kubernetes-sigs/cri-tools/releases/download/v${tools.crictl}/crictl-v${tools.crictl}`
  const plugins = `containernetworking/plugins/releases/download/v${tools.cniPlugins}/cni-plugins`
  return [
    ...['kubeadm', 'kubelet', 'kubectl'].map((name) =>
      download(`${release}/release/v${version}/bin/linux/${architecture}/${name}`, `/usr/bin/${name}`),
    ),
    { ...download(`${github}/${crictl}-linux-${architecture}.tar.gz`, '/usr/bin'), stripComponents: 0 },
    {
      ...download(`${github}/${plugins}-linux-${architecture}-v${tools.cniPlugins}.tgz`, '/opt/cni/bin'),
      stripComponents: 0,
    },
  ]
}

/** All three publishers keep the digest beside the file. */
function download(url: string, destination: string): DownloadSpec {
  return { url, checksum: { sha256Url: `${url}.sha256` }, destination, mode: 0o755 }
}

function withoutSlash(url: string): string {
  return url.replace(/\/+$/, '')
}

/**
 * The unit and drop-in that Kubernetes' own packages install: same paths, same variables, so that kubeadm and its
 * documentation hold. https://kubernetes.io/docs/setup/production-environment/tools/kubeadm/kubelet-integration/
 */
function kubeletUnit(environment: string): readonly FileSpec[] {
  const unit = [
    '[Unit]',
    'Description=kubelet: the Kubernetes node agent',
    'Documentation=https://kubernetes.io/docs/',
    'Wants=network-online.target',
    'After=network-online.target',
    '',
    '[Service]',
    'ExecStart=/usr/bin/kubelet',
    'Restart=always',
    'RestartSec=10',
    // Restart without end. The name and section before systemd 230, which newer ones accept too.
    'StartLimitInterval=0',
    '',
    '[Install]',
    'WantedBy=multi-user.target',
  ]
  const dropIn = [
    '[Service]',
    'Environment="KUBELET_KUBECONFIG_ARGS=--bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf --kubeconfig=/etc/kubernetes/kubelet.conf"',
    'Environment="KUBELET_CONFIG_ARGS=--config=/var/lib/kubelet/config.yaml"',
    '# Written by kubeadm init and kubeadm join.',
    'EnvironmentFile=-/var/lib/kubelet/kubeadm-flags.env',
    '# KUBELET_EXTRA_ARGS, for people.',
    `EnvironmentFile=-${environment}`,
    'ExecStart=',
    'ExecStart=/usr/bin/kubelet $KUBELET_KUBECONFIG_ARGS $KUBELET_CONFIG_ARGS $KUBELET_KUBEADM_ARGS $KUBELET_EXTRA_ARGS',
  ]
  const folder = '/etc/systemd/system/kubelet.service'
  return [
    { path: folder, mode: 0o644, body: { kind: 'lines', lines: unit } },
    { path: `${folder}.d/10-kubeadm.conf`, mode: 0o644, body: { kind: 'lines', lines: dropIn } },
  ]
}
