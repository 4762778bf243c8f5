/** Debian and Ubuntu. */
import type { Json } from '../../model/json.ts'
import type { Family } from './family.ts'

export const aptFamily: Family = {
  // pkgs.k8s.io's packages dropped these dependencies one by one from 2024 on (kubernetes/release).
  tools: () => [
    'ca-certificates',
    'conntrack',
    'curl',
    'ebtables',
    'ethtool',
    'iproute2',
    'ipset',
    'iptables',
    'ipvsadm',
    'kmod',
    'socat',
  ],
  kubeletEnvironment: '/etc/default/kubelet',
  chrony: { configuration: '/etc/chrony/chrony.conf', unit: 'chrony.service' },
  kubernetesRepository: (base, minor) => ({
    id: 'kubernetes',
    kind: 'apt',
    url: `${base}/v${minor}/deb/`,
    // A flat repository: the suite is its folder, and there are no components.
    suite: '/',
    keyUrl: `${base}/v${minor}/deb/Release.key`,
  }),
  dockerRepository: (base, folder, release) => ({
    id: 'docker',
    kind: 'apt',
    url: `${base}/linux/${folder}`,
    suite: release.repositoryName,
    components: 'stable',
    keyUrl: `${base}/linux/${folder}/gpg`,
  }),
  packageProxy: ({ http, https, noProxy }) => [
    {
      path: '/etc/apt/apt.conf.d/90leaven-proxy',
      mode: 0o644,
      body: {
        kind: 'lines',
        lines: [
          `Acquire::http::Proxy "${http}";`,
          `Acquire::https::Proxy "${https}";`,
          // apt knows host names only, neither suffixes nor subnets.
          ...noProxy
            .filter((host) => /^[a-z0-9][a-z0-9.-]*$/i.test(host))
            .flatMap((host) => [
              `Acquire::http::Proxy::${host} "DIRECT";`,
              `Acquire::https::Proxy::${host} "DIRECT";`,
            ]),
        ],
      },
    },
  ],
}

/** Only where the distribution has a containerd of its own. */
export const containerdSource: Json = {
  description: "Whose containerd is installed: Docker's containerd.io, or the distribution's own package.",
  type: 'string',
  enum: ['docker', 'distribution'],
  default: 'docker',
  examples: ['distribution'],
}
