#!/bin/bash
# A disk as Debian's cloud images are: one ext4, GRUB for BIOS, cloud-init, sshd, a serial console. Made from Debian's packages.
# usage: disk.sh OUT.raw MEBIBYTES
set -euo pipefail
out=$1 size=$2
mirror=$(sed -n 's/^URIs: *//p' /etc/apt/sources.list.d/debian.sources | head -1)
packages=(
  apt ca-certificates cloud-init curl dbus e2fsprogs grub-pc ifupdown initramfs-tools iproute2 isc-dhcp-client
  linux-image-cloud-amd64 locales login netbase openssh-server openssl procps python3 sudo systemd systemd-sysv udev util-linux
)
include=$(IFS=,; echo "${packages[*]}")
scratch=$(mktemp -d /var/tmp/leaven-disk.XXXXXX)
cleanup() {
  ! mountpoint -q "$scratch/root" || umount -R "$scratch/root"
  rm -rf "$scratch"
}
trap cleanup EXIT
chmod 755 "$scratch"
mkdir "$scratch/root"

truncate -s "${size}M" "$out.part"
printf 'label: dos\nstart=2048, type=83, bootable\n' | sfdisk -q "$out.part"
# Not every kernel makes devices of a loop's partitions: the file system is laid over its part of the file.
mkfs.ext4 -q -F -L cloudimg-root -E offset=$((2048 * 512)) "$out.part" $((size - 1))M
mount -o loop,offset=$((2048 * 512)) "$out.part" "$scratch/root"
mmdebstrap --variant=minbase --include="$include" --skip=output/dev bookworm "$scratch/tree.tar" "$mirror"
tar -C "$scratch/root" --numeric-owner --xattrs -xf "$scratch/tree.tar"
root=$scratch/root
mkdir -p "$root/dev" # the kernel mounts devtmpfs there
rm -rf "$root"/usr/share/{doc,man}/* "$root"/var/lib/apt/lists/* "$root"/etc/ssh/ssh_host_* "$root"/var/cache/apt/*.bin
echo 'LABEL=cloudimg-root / ext4 defaults 0 1' > "$root/etc/fstab"
echo 'source /etc/network/interfaces.d/*' > "$root/etc/network/interfaces"
: > "$root/etc/machine-id"
: > "$root/etc/resolv.conf"
printf 'datasource_list: [NoCloud, None]\n' > "$root/etc/cloud/cloud.cfg.d/90_datasource.cfg"

# GRUB, by its own parts, because grub-install wants partition devices.
kernel=$(basename "$root"/boot/vmlinuz-*)
mkdir -p "$root/boot/grub"
cp -r /usr/lib/grub/i386-pc "$root/boot/grub/"
cat > "$root/boot/grub/grub.cfg" <<CFG
set timeout=0
serial
terminal_output serial
menuentry Debian {
  linux /boot/$kernel root=LABEL=cloudimg-root ro console=tty0 console=ttyS0 net.ifnames=0 biosdevname=0
  initrd /boot/${kernel/vmlinuz/initrd.img}
}
CFG
umount -R "$root"
grub-mkimage -O i386-pc -o "$scratch/core.img" -p '(hd0,msdos1)/boot/grub' biosdisk part_msdos ext2
# boot.img into the first sector, before the partition table; core.img into the gap behind it, where boot.img looks
dd if=/usr/lib/grub/i386-pc/boot.img of="$out.part" bs=440 count=1 conv=notrunc status=none
dd if="$scratch/core.img" of="$out.part" bs=512 seek=1 conv=notrunc status=none
mv "$out.part" "$out"
