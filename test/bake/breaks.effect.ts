/** Every check of verify.sh is made to fail, one at a time, on a machine that passes all of them before and after. */
import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { type Machine, pathOn, run } from '../lab/machine.effect.ts'

interface Break {
  /** What has to fail: `check: why`. */
  readonly says: string
  /** Bash, as root. */
  readonly break: string
  readonly mend: string
}

const blobs = '/var/lib/containerd/io.containerd.content.v1.content/blobs/sha256'
const layer = `${blobs}/$(ctr -n k8s.io content get $(ctr -n k8s.io images ls | awk '$1=="registry.k8s.io/pause:3.2" {print $3}') | jq -r '.layers[0].digest' | cut -d: -f2)`
const module = '$(find /lib/modules -name ip_vs_sh.ko)'
const label = 'ctr -n k8s.io images label registry.k8s.io/pause:3.2 io.cri-containerd.pinned'

/** A file that must not be there. */
const leftover = (says: string, path: string): Break => ({
  says: `${says}: there is ${path}`,
  break: `mkdir -p ${path.replace(/\/[^/]*$/, '')} && echo something > ${path}`,
  mend: `rm ${path}`,
})

/** Of what was baked. */
export const baked: readonly Break[] = [
  {
    says: 'file /etc/sysctl.d/90-leaven.conf: not as it was generated',
    break: 'echo "# own" >> /etc/sysctl.d/90-leaven.conf',
    mend: "sed -i '$d' /etc/sysctl.d/90-leaven.conf",
  },
  {
    says: 'file /usr/local/sbin/leaven: mode 644, not 755',
    break: 'chmod 644 /usr/local/sbin/leaven',
    mend: 'chmod 755 /usr/local/sbin/leaven',
  },
  {
    says: 'kubelet: version v1.19.7, not v1.20.2',
    break:
      'mv /usr/bin/kubelet /k && printf "#!/bin/sh\\necho Kubernetes v1.19.7\\n" > /usr/bin/kubelet && chmod 755 /usr/bin/kubelet',
    mend: 'mv /k /usr/bin/kubelet',
  },
  {
    says: 'baked.json kubernetes=1.20.2: has 1.19.7',
    break: `sed -i.was 's/"kubernetes": "1.20.2"/"kubernetes": "1.19.7"/' /etc/leaven/baked.json`,
    mend: 'mv /etc/leaven/baked.json.was /etc/leaven/baked.json',
  },
  { says: 'program socat', break: 'mv /usr/bin/socat /s', mend: 'mv /s /usr/bin/socat' },
  {
    says: 'CNI plugin portmap',
    break: 'chmod -x /opt/cni/bin/portmap',
    mend: 'chmod +x /opt/cni/bin/portmap',
  },
  {
    says: 'package ethtool: not installed',
    break: `sed -i.was '/^Package: ethtool$/,/^$/s/install ok installed/deinstall ok config-files/' /var/lib/dpkg/status`,
    mend: 'mv /var/lib/dpkg/status.was /var/lib/dpkg/status',
  },
  {
    says: 'service containerd.service enabled: disabled',
    break: 'systemctl disable containerd.service',
    mend: 'systemctl enable containerd.service',
  },
  {
    says: 'service containerd.service: inactive',
    break: 'systemctl stop containerd.service',
    mend: 'systemctl start containerd.service',
  },
  {
    says: 'kernel module ip_vs_sh: kernel ',
    break: `mv ${module} /m`,
    mend: 'mv /m $(find /lib/modules -type d -name ipvs)/ip_vs_sh.ko',
  },
  {
    says: 'sysctl net.ipv4.ip_forward: the next boot sets 0, not 1',
    break: 'echo net.ipv4.ip_forward=0 > /etc/sysctl.d/99-later.conf',
    mend: 'rm /etc/sysctl.d/99-later.conf',
  },
  {
    says: 'no swap: there is /swapfile in fstab',
    break: 'cp /etc/fstab /f && echo "/swapfile none swap sw 0 0" >> /etc/fstab',
    mend: 'mv /f /etc/fstab',
  },
  {
    says: 'image registry.k8s.io/pause:3.2: not pinned',
    break: `${label}=`,
    mend: `${label}=pinned`,
  },
  {
    says: 'blobs of images: sha256:',
    break: `layer=${layer} && mv $layer /blob && echo $layer > /blob.was`,
    mend: 'mv /blob $(cat /blob.was)',
  },
  {
    says: 'blobs of images: sha256:',
    break: `layer=${layer} && cp -a $layer /blob && echo $layer > /blob.was && printf X | dd of=$layer conv=notrunc status=none`,
    mend: 'mv /blob $(cat /blob.was)',
  },
  {
    says: 'image registry.k8s.io/pause:3.2: not completely in containerd: missing',
    break:
      'ctr -n k8s.io images tag registry.k8s.io/pause:3.2 own/kept:1 && ctr -n k8s.io images rm registry.k8s.io/pause:3.2',
    mend: `ctr -n k8s.io images tag own/kept:1 registry.k8s.io/pause:3.2 && ctr -n k8s.io images rm own/kept:1 && ${label}=pinned`,
  },
  leftover('no secrets, no cluster', '/etc/leaven/pki'),
]

/** Of what no two machines may share. */
export const hygiene: readonly Break[] = [
  {
    says: 'machine-id empty',
    break: 'systemd-id128 new > /etc/machine-id',
    mend: ': > /etc/machine-id',
  },
  {
    says: "D-Bus's machine-id",
    break: 'rm -f /var/lib/dbus/machine-id && systemd-id128 new > /var/lib/dbus/machine-id',
    mend: 'ln -sfn /etc/machine-id /var/lib/dbus/machine-id',
  },
  {
    says: 'no SSH host keys: there is /etc/ssh/ssh_host_',
    break: 'ssh-keygen -A',
    mend: 'rm /etc/ssh/ssh_host_*',
  },
  leftover('no authorized keys', '/root/.ssh/authorized_keys'),
  leftover('no authorized keys', '/home/somebody/.ssh/authorized_keys2'),
  leftover('cloud-init clean', '/var/lib/cloud/instances/i-1'),
  leftover('cloud-init clean', '/etc/cloud/cloud-init.disabled'),
  leftover('logs empty', '/var/log/dpkg.log.1'),
  {
    says: 'logs empty: there is /var/log/own.log',
    break: 'head -c 100000 /dev/zero > /var/log/own.log',
    mend: 'rm /var/log/own.log',
  },
  leftover('no random seed', '/var/lib/systemd/random-seed'),
  leftover('no DHCP leases', '/var/lib/dhcp/dhclient.eth0.leases'),
  {
    says: 'DHCP identity by MAC',
    break: 'mv /etc/systemd/networkd.conf.d/10-leaven.conf /d',
    mend: 'mv /d /etc/systemd/networkd.conf.d/10-leaven.conf',
  },
  leftover('no package lists', '/var/lib/apt/lists/deb.example.com_Packages'),
  leftover('no package lists', '/var/cache/apt/archives/own_1_all.deb'),
  leftover('no shell history', '/root/.bash_history'),
  leftover("no identity of containerd's own", '/var/lib/containerd/io.containerd.grpc.v1.introspection/uuid'),
  leftover('no network cards by name', '/etc/udev/rules.d/70-persistent-net.rules'),
]

const folder = '/tmp/leaven'

/** Puts what `gen packer` wrote where Packer would. */
export function upload(machine: Machine, template: string): void {
  cpSync(join(template, 'provision'), pathOn(machine, folder), { recursive: true })
}

/** @returns the lines of what failed, without `verify: FAILED: ` */
export async function verify(machine: Machine, ...words: readonly string[]): Promise<readonly string[]> {
  const argv = ['env', 'LEAVEN_BUILDER=builder', 'bash', `${folder}/verify.sh`, ...words]
  const { stdout, code } = await run(machine, argv, { allowFailure: true })
  const failed = [...stdout.matchAll(/^verify: FAILED: (.*)$/gm)].map((match) => match[1] ?? '')
  if ((code === 0) !== (failed.length === 0) || !/^verify: \d+ passed, \d+ failed$/m.test(stdout))
    throw new Error(`exit ${code}\n${stdout}`)
  return failed
}

/** @returns of each break that was not seen for what it is: what was seen */
export async function unseen(
  machine: Machine,
  breaks: readonly Break[],
  ...words: readonly string[]
): Promise<readonly string[]> {
  const found: string[] = []
  const bash = (script: string) => run(machine, ['bash', '-euc', script])
  for (const { says, break: damage, mend } of breaks) {
    await bash(damage)
    const failed = await verify(machine, ...words)
    if (!failed.some((line) => line.startsWith(says)))
      found.push(`${says}: not seen, but: ${failed.join('; ') || 'nothing'}`)
    await bash(mend)
  }
  return found
}
