import { aptFamily, containerdSource } from '../apt-family.ts'
import { autoinstall } from '../autoinstall.ts'
import { linux } from '../linux.ts'
import type { DistributionFacts } from '../release.ts'
import facts from './facts.json' with { type: 'json' }
import images from './images.json' with { type: 'json' }

export const ubuntu = linux(aptFamily, {
  name: 'ubuntu',
  title: 'Ubuntu',
  summary: 'Ubuntu LTS with apt.',
  dockerFolder: 'ubuntu',
  facts: facts as DistributionFacts,
  baseImages: images.releases,
  installer: autoinstall,
  options: { containerdSource },
})
