import { aptFamily, containerdSource } from '../apt-family.ts'
import { linux } from '../linux.ts'
import type { DistributionFacts } from '../release.ts'
import facts from './facts.json' with { type: 'json' }

export const ubuntu = linux(aptFamily, {
  name: 'ubuntu',
  title: 'Ubuntu',
  summary: 'Ubuntu LTS with apt.',
  dockerFolder: 'ubuntu',
  facts: facts as DistributionFacts,
  options: { containerdSource },
})
