import { kickstart } from '../kickstart.ts'
import { linux } from '../linux.ts'
import type { DistributionFacts } from '../release.ts'
import { rebuild, yumFamily } from '../yum-family.ts'
import facts from './facts.json' with { type: 'json' }
import images from './images.json' with { type: 'json' }

export const rocky = linux(yumFamily, {
  name: 'rocky',
  title: 'Rocky Linux',
  summary: 'Rocky Linux with dnf; SELinux stays on.',
  dockerFolder: 'rhel',
  facts: facts as DistributionFacts,
  baseImages: images.releases,
  installer: kickstart,
  // https://download.rockylinux.org/pub/rocky/
  repositories: (release, _, mirror = 'https://dl.rockylinux.org/pub') =>
    rebuild(`${mirror}/rocky`, 'RPM-GPG-KEY-Rocky', release),
})
