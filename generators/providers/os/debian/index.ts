import { aptFamily, containerdSource } from '../apt-family.ts'
import { linux } from '../linux.ts'
import { preseed } from '../preseed.ts'
import type { DistributionFacts } from '../release.ts'
import facts from './facts.json' with { type: 'json' }
import images from './images.json' with { type: 'json' }

export const debian = linux(aptFamily, {
  name: 'debian',
  title: 'Debian',
  summary: 'Debian with apt.',
  dockerFolder: 'debian',
  facts: facts as DistributionFacts,
  baseImages: images.releases,
  installer: preseed,
  options: { containerdSource },
  // https://www.debian.org/doc/manuals/debian-reference/ch02.en.html#_debian_archive_basics
  repositories: ({ repositoryName: name }, _, mirror = 'http://deb.debian.org') =>
    [
      ['debian', name],
      ['debian', `${name}-updates`],
      ['debian-security', `${name}-security`],
    ].map(([folder, suite = '']) => ({
      kind: 'apt',
      url: `${mirror}/${folder}`,
      suite,
      components: 'main',
      keyring: 'debian-archive-keyring.gpg',
      keyringPackage: 'debian-archive-keyring',
    })),
})
