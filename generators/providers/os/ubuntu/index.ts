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
  // https://help.ubuntu.com/community/Repositories/Ubuntu; other processors than amd64 have a mirror of their own.
  repositories: ({ repositoryName: name }, architecture, mirror) => {
    const own =
      architecture === 'amd64' ? 'http://archive.ubuntu.com/ubuntu' : 'http://ports.ubuntu.com/ubuntu-ports'
    const folder = architecture === 'amd64' ? 'ubuntu' : 'ubuntu-ports'
    return [name, `${name}-updates`, `${name}-security`].map((suite) => ({
      kind: 'apt',
      url: mirror === undefined ? own : `${mirror}/${folder}`,
      suite,
      components: 'main universe',
      keyring: 'ubuntu-archive-keyring.gpg',
      keyringPackage: 'ubuntu-keyring',
    }))
  },
})
