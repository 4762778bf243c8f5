/**
 * Ubuntu's installer, from 22.04 on.
 * Source: https://canonical-subiquity.readthedocs-hosted.com/en/latest/reference/autoinstall-reference.html
 */
import type { Installer } from '../provider.ts'

export const autoinstall: Installer = {
  name: 'autoinstall',
  // GRUB on BIOS and UEFI alike; its command line, because the menu's entries move about.
  bootCommand: () => [
    '<wait>c<wait>',
    'linux /casper/vmlinuz autoinstall "ds=nocloud-net;s=http://{{ .HTTPIP }}:{{ .HTTPPort }}/" ---',
    '<enter><wait5>initrd /casper/initrd<enter><wait5>boot<enter>',
  ],
  answers: ({ sshPublicKey, packages, httpProxy }) => ({
    'meta-data': { kind: 'yaml', documents: [{ 'instance-id': 'leaven-installer' }] },
    'user-data': {
      kind: 'yaml',
      documents: [
        {
          autoinstall: {
            version: 1,
            // Packer would try its key on the installer's own SSH server until it is out of attempts.
            'early-commands': ['systemctl stop ssh.socket ssh.service || true'],
            locale: 'en_US.UTF-8',
            keyboard: { layout: 'us' },
            ...(httpProxy === undefined ? {} : { proxy: httpProxy }),
            storage: { layout: { name: 'direct' }, swap: { size: 0 } },
            ssh: { 'install-server': true, 'allow-pw': false },
            packages: [...packages],
            updates: 'security',
            // Instead of `identity`: no user that would have to be removed.
            'user-data': {
              disable_root: false,
              users: [{ name: 'root', ssh_authorized_keys: [sshPublicKey] }],
            },
          },
        },
      ],
    },
  }),
}
