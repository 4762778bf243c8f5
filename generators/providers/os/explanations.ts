import type { Explanations } from '../../model/diagnostic.ts'

export const explanations: Explanations = {
  'os/updates-ended': {
    severity: 'warning',
    cause: 'The release gets no free security updates any more.',
    example: `os: { provider: ubuntu, release: "20.04" }`,
    fix: 'Take a newer release; if you pay for updates, allow the warning.',
    source: 'https://endoflife.date/',
  },
  'os/containerd-not-packaged': {
    severity: 'error',
    cause:
      'The package repository that the nodes install from has no containerd of this series for this release.',
    example: `os: { provider: centos }
runtime:
  version: 2.1.4`,
    fix: 'Take a series from the hint, or bake a machine image and set bootstrap.prebaked: true.',
    source: 'https://download.docker.com/linux/',
  },
}
