/**
 * Debian's installer.
 * Source: https://www.debian.org/releases/stable/amd64/apb.en.html and partman-auto's recipes
 */
import type { Architecture, Firmware, Installer } from '../provider.ts'

const url = 'http://{{ .HTTPIP }}:{{ .HTTPPort }}/preseed.cfg'

export const preseed: Installer = {
  name: 'preseed',
  bootCommand: (firmware: Firmware, architecture: Architecture) => {
    if (firmware === 'bios') return [`<wait><esc><wait>auto priority=critical url=${url}<enter>`]
    const folder = architecture === 'arm64' ? '/install.a64' : '/install.amd'
    return [
      '<wait>c<wait>',
      `linux ${folder}/vmlinuz auto=true priority=critical url=${url} ---`,
      `<enter><wait5>initrd ${folder}/initrd.gz<enter><wait5>boot<enter>`,
    ]
  },
  answers: ({ sshPublicKey, packages, httpProxy }) => ({
    'preseed.cfg': {
      kind: 'lines',
      lines: [...answers(packages, httpProxy), login(sshPublicKey)].map((answer) => answer.join(' ')),
    },
  }),
}

type Answer = readonly [owner: string, question: string, type: string, value: string]

function answers(packages: readonly string[], httpProxy: string | undefined): readonly Answer[] {
  const installed = ['openssh-server', 'cloud-init', 'cloud-guest-utils', 'ca-certificates', ...packages]
  return [
    ['d-i', 'debian-installer/locale', 'string', 'en_US.UTF-8'],
    ['d-i', 'keyboard-configuration/xkb-keymap', 'select', 'us'],
    ['d-i', 'netcfg/choose_interface', 'select', 'auto'],
    ['d-i', 'netcfg/get_hostname', 'string', 'leaven'],
    ['d-i', 'netcfg/get_domain', 'string', 'internal'],
    ['d-i', 'mirror/country', 'string', 'manual'],
    ['d-i', 'mirror/http/hostname', 'string', 'deb.debian.org'],
    ['d-i', 'mirror/http/directory', 'string', '/debian'],
    ['d-i', 'mirror/http/proxy', 'string', httpProxy ?? ''],
    ['d-i', 'clock-setup/utc', 'boolean', 'true'],
    ['d-i', 'time/zone', 'string', 'Etc/UTC'],
    // No user that would have to be removed; root has a key and no password.
    ['d-i', 'passwd/make-user', 'boolean', 'false'],
    ['d-i', 'passwd/root-login', 'boolean', 'true'],
    ['d-i', 'passwd/root-password-crypted', 'password', '!'],
    ['d-i', 'partman-auto/method', 'string', 'regular'],
    ['d-i', 'partman-auto/expert_recipe', 'string', recipe],
    ['d-i', 'partman-basicfilesystems/no_swap', 'boolean', 'false'],
    ['d-i', 'partman-partitioning/confirm_write_new_label', 'boolean', 'true'],
    ['d-i', 'partman/choose_partition', 'select', 'finish'],
    ['d-i', 'partman/confirm', 'boolean', 'true'],
    ['d-i', 'partman/confirm_nooverwrite', 'boolean', 'true'],
    ['d-i', 'apt-setup/cdrom/set-first', 'boolean', 'false'],
    ['tasksel', 'tasksel/first', 'multiselect', ''],
    ['d-i', 'pkgsel/include', 'string', installed.join(' ')],
    ['d-i', 'pkgsel/upgrade', 'select', 'full-upgrade'],
    ['d-i', 'pkgsel/update-policy', 'select', 'none'],
    ['popularity-contest', 'popularity-contest/participate', 'boolean', 'false'],
    ['d-i', 'grub-installer/only_debian', 'boolean', 'true'],
    ['d-i', 'grub-installer/bootdev', 'string', 'default'],
    // The firmware's list of boot entries does not travel with the disk.
    ['d-i', 'grub-installer/force-efi-extra-removable', 'boolean', 'true'],
    ['d-i', 'finish-install/reboot_in_progress', 'note', ''],
  ]
}

/** One root file system and no swap; the EFI partition where there is a GPT. */
const recipe = [
  'node ::',
  '512 512 512 free $iflabel{ gpt } $reusemethod{ } method{ efi } format{ } .',
  '4000 10000 -1 ext4 $primary{ } $bootable{ } method{ format } format{ } use_filesystem{ } filesystem{ ext4 } mountpoint{ / } .',
].join(' ')

/** @param key type and base64 alone, in which there is nothing that a shell would look at */
function login(key: string): Answer {
  const folder = '/target/root/.ssh'
  const command = `mkdir -m 700 ${folder} && echo '${key}' > ${folder}/authorized_keys && chmod 600 ${folder}/authorized_keys`
  return ['d-i', 'preseed/late_command', 'string', command]
}
