import { aptFamily, containerdSource } from '../apt-family.ts'
import { linux } from '../linux.ts'
import type { DistributionFacts } from '../release.ts'
import facts from './facts.json' with { type: 'json' }

export const debian = linux(aptFamily, {
  name: 'debian',
  title: 'Debian',
  summary: 'Debian with apt.',
  dockerFolder: 'debian',
  facts: facts as DistributionFacts,
  options: { containerdSource },
})
