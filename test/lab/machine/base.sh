#!/bin/bash
# A Debian 12 as a small cloud image has it, with cloud-init, containerd, keepalived and haproxy: the disk under every machine.
# usage: base.sh ROOT
set -euo pipefail
root=$1
mirror=$(sed -n 's/^URIs: *//p' /etc/apt/sources.list.d/debian.sources | head -1)
packages=(
  apt bash bsdutils ca-certificates cloud-init conntrack containerd curl dbus e2fsprogs ebtables ethtool haproxy hostname
  ifupdown iproute2 ipset iptables iputils-arping iputils-ping isc-dhcp-client jq keepalived kmod less libfaketime locales login
  mount netbase netcat-openbsd nftables openssh-server openssl procps runc socat systemd systemd-sysv tzdata udev util-linux
  util-linux-extra
)
include=$(IFS=,; echo "${packages[*]}")
# mmdebstrap's apt runs as _apt and must reach ROOT: root's home is closed, so it works in /var/tmp.
scratch=$(mktemp -d /var/tmp/leaven-lab-base.XXXXXX)
trap 'rm -rf "$scratch"' EXIT
chmod 755 "$scratch"
mmdebstrap --variant=minbase --include="$include" bookworm "$scratch/root" "$mirror"
rm -rf "$scratch"/root/usr/share/{doc,man,locale} "$scratch"/root/var/lib/apt/lists/* "$scratch"/root/var/cache/apt/*.bin
mv "$scratch/root" "$root"
