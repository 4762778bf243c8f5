import { kickstart } from '../kickstart.ts'
import { linux } from '../linux.ts'
import type { DistributionFacts } from '../release.ts'
import { rebuild, yumFamily } from '../yum-family.ts'
import facts from './facts.json' with { type: 'json' }
import images from './images.json' with { type: 'json' }

export const alma = linux(yumFamily, {
  name: 'alma',
  id: 'almalinux',
  title: 'AlmaLinux',
  summary: 'AlmaLinux with dnf; SELinux stays on.',
  dockerFolder: 'rhel',
  facts: facts as DistributionFacts,
  baseImages: images.releases,
  installer: kickstart,
  // https://repo.almalinux.org/almalinux/
  repositories: (release, _, mirror = 'https://repo.almalinux.org') =>
    rebuild(`${mirror}/almalinux`, 'RPM-GPG-KEY-AlmaLinux', release),
})
