import type { JsonObject } from '../../../model/json.ts'

/** What containerd itself decides when they are left out. */
export const options: JsonObject = {
  dataDir: {
    description: 'Where images and containers are kept; best a disk of its own.',
    type: 'string',
    pattern: '^/[^\\s"]+$',
    expect: 'an absolute path',
    default: '/var/lib/containerd',
    examples: ['/data/containerd'],
  },
  cniBinDir: {
    description: "Where CNI plugins are; Debian's own package puts them in /usr/lib/cni.",
    type: 'string',
    pattern: '^/[^\\s"]+$',
    expect: 'an absolute path',
    default: '/opt/cni/bin',
    examples: ['/usr/lib/cni'],
  },
  maxConcurrentDownloads: {
    description: 'Layers of one image that are pulled at the same time.',
    type: 'integer',
    minimum: 1,
    maximum: 64,
    default: 3,
    examples: [10],
  },
  restrictOomScoreAdj: {
    description: 'For nodes that may not lower oom_score_adj, such as containers without CAP_SYS_RESOURCE.',
    type: 'boolean',
    default: false,
    examples: [true],
  },
  selinux: {
    description: 'Confine containers by SELinux labels; every volume then needs the right label.',
    type: 'boolean',
    default: false,
    examples: [true],
  },
}
