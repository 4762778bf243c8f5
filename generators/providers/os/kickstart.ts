/**
 * Anaconda, which installs the RHEL family.
 * Source: https://pykickstart.readthedocs.io/en/latest/kickstart-docs.html
 */
import type { Installer } from '../provider.ts'

const url = 'http://{{ .HTTPIP }}:{{ .HTTPPort }}/ks.cfg'

export const kickstart: Installer = {
  name: 'kickstart',
  // The entry above the default one, which would check the medium for minutes.
  bootCommand: (firmware) =>
    firmware === 'bios'
      ? [`<wait><up><wait><tab> inst.text inst.ks=${url}<enter>`]
      : [`<wait><up>e<wait><down><down><end> inst.text inst.ks=${url}<leftCtrlOn>x<leftCtrlOff>`],
  answers: ({ architecture, sshPublicKey, packages, repository, httpProxy }) => ({
    'ks.cfg': {
      kind: 'lines',
      lines: [
        'text',
        ...sources(architecture, repository, httpProxy),
        'lang en_US.UTF-8',
        'keyboard us',
        'timezone Etc/UTC --utc',
        'network --bootproto=dhcp --activate',
        // No user that would have to be removed; root has a key and no password.
        'rootpw --lock',
        `sshkey --username=root "${sshPublicKey}"`,
        'selinux --enforcing',
        'firewall --enabled --service=ssh',
        'services --enabled=sshd',
        'firstboot --disable',
        'skipx',
        'zerombr',
        'clearpart --all --initlabel',
        'bootloader --timeout=1',
        // What the firmware needs: an EFI partition, or none.
        'reqpart',
        'part / --fstype=xfs --size=4096 --grow',
        'reboot --eject',
        '',
        '%packages',
        '@^minimal-environment',
        ...['openssh-server', 'cloud-init', 'cloud-utils-growpart', 'tar', ...packages],
        '%end',
      ],
    },
  }),
}

/** cloud-init is not on the minimal installer; whose packages nobody may mirror has a full one. */
function sources(
  architecture: 'amd64' | 'arm64',
  repository: string | undefined,
  httpProxy: string | undefined,
): readonly string[] {
  if (repository === undefined) return ['cdrom']
  const folder = (name: string) =>
    `${repository}/${name}/${architecture === 'arm64' ? 'aarch64' : 'x86_64'}/os/`
  const proxy = httpProxy === undefined ? '' : ` --proxy=${httpProxy}`
  return [
    `url --url=${folder('BaseOS')}${proxy}`,
    `repo --name=AppStream --baseurl=${folder('AppStream')}${proxy}`,
  ]
}
