#!/bin/bash
# Makes a root file system fit to run as a system container.
# usage: container.sh ROOT
set -euo pipefail
root=$1

# What a system container must leave alone: the host's udev, consoles, kernel-wide sysctls and timers.
for unit in console-getty.service getty@tty1.service systemd-udevd.service systemd-udevd-control.socket \
  systemd-udevd-kernel.socket systemd-udev-trigger.service systemd-udev-settle.service sys-kernel-debug.mount \
  sys-kernel-tracing.mount sys-kernel-config.mount sys-fs-fuse-connections.mount dev-hugepages.mount dev-mqueue.mount \
  proc-sys-fs-binfmt_misc.automount systemd-modules-load.service systemd-pstore.service systemd-timesyncd.service \
  apt-daily.timer apt-daily-upgrade.timer fstrim.timer e2scrub_all.timer e2scrub_reap.service dpkg-db-backup.timer \
  systemd-journald-audit.socket cloud-init-hotplugd.socket; do
  ln -sf /dev/null "$root/etc/systemd/system/$unit"
done
for name in 50-pid-max.conf 50-default.conf; do ln -sf /dev/null "$root/etc/sysctl.d/$name"; done
printf 'datasource_list: [NoCloud, None]\nlocale: C.UTF-8\n' > "$root/etc/cloud/cloud.cfg.d/90_datasource.cfg"
mkdir -p "$root/etc/systemd/journald.conf.d" "$root/var/log/journal"
echo 'nameserver 10.88.0.1' > "$root/etc/resolv.conf" # nobody listens there: a look-up is refused, not timed out
printf '[Journal]\nStorage=persistent\nSystemMaxUse=200M\n' > "$root/etc/systemd/journald.conf.d/persistent.conf"
