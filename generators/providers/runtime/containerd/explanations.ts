import type { Explanations } from '../../../model/diagnostic.ts'

const table = 'https://github.com/containerd/containerd/blob/main/RELEASES.md#kubernetes-support'
const registries = 'https://github.com/containerd/containerd/blob/main/docs/hosts.md'

export const explanations: Explanations = {
  'containerd/unknown-version': {
    severity: 'error',
    cause: 'We have no facts of this version: the form of its configuration, and which CRI it speaks.',
    example: `runtime:
  version: 9.9.9`,
    fix: 'Leave runtime.version out, or take a version that exists.',
    source: 'https://github.com/containerd/containerd/blob/main/RELEASES.md',
  },
  'containerd/no-common-cri': {
    severity: 'error',
    cause:
      'containerd 2 no longer speaks CRI v1alpha2, and the kubelet before 1.23 speaks nothing else; containerd before 1.6 does not speak v1, and the kubelet from 1.26 on nothing else.',
    example: `kubernetes:
  version: 1.22.17
runtime:
  version: 2.1.4`,
    fix: 'Leave runtime.version out: we take a version that fits.',
    source: table,
  },
  'containerd/untested-pair': {
    severity: 'warning',
    cause: 'containerd’s own table does not name this pair of versions. It may work; nobody tests it.',
    example: `kubernetes:
  version: 1.35.0
runtime:
  version: 1.6.36`,
    fix: 'Leave runtime.version out, or take a version from the table.',
    source: table,
  },
  'containerd/no-mirrors': {
    severity: 'error',
    cause: 'Mirrors are written as a folder for each registry, which containerd reads from 1.5 on.',
    example: `kubernetes:
  version: 1.22.17
runtime:
  version: 1.4.13
  mirrors: { docker.io: ["https://mirror.example.com"] }`,
    fix: 'Take containerd 1.5 or newer.',
    source: registries,
  },
  'containerd/bad-registry': {
    severity: 'error',
    cause:
      'Registries become names of folders, so they are written as images name them: host and port, no scheme, no path.',
    example: `runtime:
  mirrors: { "https://docker.io": ["https://mirror.example.com"] }`,
    fix: 'Write docker.io, registry.example.com:5000, or "*" for all others.',
    source: registries,
  },
  'containerd/two-kinds-of-mirrors': {
    severity: 'error',
    cause:
      'The override configures mirrors inside config.toml, and containerd refuses that beside the folder that we set.',
    example: `overrides:
  containerd:
    plugins: { io.containerd.grpc.v1.cri: { registry: { mirrors: { docker.io: {} } } } }`,
    fix: 'Use runtime.mirrors and runtime.insecureRegistries.',
    source: 'https://github.com/containerd/containerd/blob/main/docs/cri/registry.md',
  },
  'containerd/override-of-other-version': {
    severity: 'warning',
    cause:
      'containerd 2 renamed its plugins. The override names a plugin of the other version, so it changes nothing.',
    example: `runtime:
  version: 2.1.4
overrides:
  containerd:
    plugins: { io.containerd.grpc.v1.cri: { max_container_log_line_size: 16384 } }`,
    fix: 'Use the names in the hint.',
    source: 'https://github.com/containerd/containerd/blob/main/docs/cri/config.md',
  },
  'containerd/idle-override': {
    severity: 'warning',
    cause:
      'The patch deletes what is not there, or sets what is so anyway. It may be misspelt, or no longer be needed.',
    example: `overrides:
  containerd:
    root: null`,
    fix: 'Compare with /etc/containerd/config.toml in gen userdata, and correct or remove it.',
    source: 'https://www.rfc-editor.org/rfc/rfc7386',
  },
}
