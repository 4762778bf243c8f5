#!/bin/bash
# A machine that somebody wants an image of: Debian with cloud-init, sshd, sudo and a kernel, and nothing of Kubernetes.
# usage: blank.sh BASE OUT   makes OUT/root and OUT/var, as the lab's machines are laid out
set -euo pipefail
base=$1 out=$2 root=$2/root
cp -a "$base" "$root"
"$(dirname "$0")/../../lab/machine/container.sh" "$root"
# What a bake brings must not be there before it; policy-rc.d keeps daemons of the chroot off.
cp /etc/resolv.conf "$root/etc/resolv.conf"
printf '#!/bin/sh\nexit 101\n' > "$root/usr/sbin/policy-rc.d"
chmod 755 "$root/usr/sbin/policy-rc.d"
# As Debian's own images have them: their packages are upgraded by whoever bakes.
archive=$(awk '$1 == "deb" {print $2; exit}' "$root/etc/apt/sources.list")
printf 'deb %s main\n' "$archive bookworm" "$archive bookworm-updates" "$archive-security bookworm-security" \
  > "$root/etc/apt/sources.list"
inside() { chroot "$root" env DEBIAN_FRONTEND=noninteractive "$@"; }
inside apt-get -qq update
inside apt-get -qqy install --no-install-recommends sudo
inside apt-get -qqy purge containerd runc conntrack ipset ebtables ethtool socat keepalived haproxy
rm "$root/usr/sbin/policy-rc.d"
# Its own kernel with its modules, as a disk has one; unpacked, because installing it makes an initrd that nothing boots.
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
chmod 777 "$scratch"
name=$(inside apt-cache depends linux-image-cloud-amd64 | sed -n 's/.*Depends: \(linux-image-[0-9]\S*\)/\1/p' | head -1)
(cd "$scratch" && apt-get -qq download "$name")
dpkg-deb -x "$scratch"/*.deb "$scratch/kernel"
cp -a "$scratch/kernel/lib/modules" "$root/usr/lib/" # unpacked in place, it would take the link /lib away
cp -a "$scratch"/kernel/boot/. "$root/boot/"
depmod -b "$root" "${name#linux-image-}"
rm -rf "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/*.bin "$root"/var/cache/apt/archives/*.deb
echo 'nameserver 10.88.0.1' > "$root/etc/resolv.conf"
: > "$root/etc/machine-id"
rm -rf "$root/var/lib/dbus/machine-id" "$root"/etc/ssh/ssh_host_* "$root/var/lib/cloud" "$root"/var/log/*.log
mkdir -p "$root/var/lib/leaven/images" # where the lab looks for archives
mv "$root/var" "$out/var"
mkdir "$root/var"
