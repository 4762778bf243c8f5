#!/bin/bash
# machine.sh DISK NAME ADDRESS/PREFIX[,…] COMMAND…: runs COMMAND on a test machine. Its root is this host's with DISK/top over it, its
# only NIC is eth0 of the network namespace it was started in; all but DISK is gone when it is killed, as after a power cut.
set -eu
disk=$1 name=$2 addresses=$3
shift 3
ip link set lo up
for address in ${addresses//,/ }; do ip addr replace "$address" dev eth0; done
ip link set eth0 up
mount --make-rprivate /
mkdir -p "$disk"/{top/steer,work,root,steer}
mount -t overlay overlay -o "lowerdir=/,upperdir=$disk/top,workdir=$disk/work" "$disk/root"
cd "$disk/root"
mount -t proc proc proc
mount -t tmpfs tmpfs run
mount -t tmpfs tmpfs tmp
# what a test changes while the machine runs; an overlay would not notice
mount --bind "$disk/steer" steer
mount --rbind /dev dev
mount --rbind /sys sys
hostname "$(cat etc/hostname 2>/dev/null || echo "$name")"
exec chroot . "$@"
