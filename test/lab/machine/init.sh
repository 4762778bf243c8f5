#!/bin/bash
# First process of a machine's new mount, pid, uts, ipc and cgroup namespaces; becomes its systemd.
# Every mount is made in the private mount namespace and goes away with it.
# usage: init.sh LOWER DISK   DISK has upper, work, root, and var (a directory) or var.img (an ext4 of limited size)
set -euo pipefail
lower=$1 disk=$2 root=$2/root

mount -t overlay overlay -o "lowerdir=$lower,upperdir=$disk/upper,workdir=$disk/work" "$root"
# /var is no overlay: containerd's own overlays cannot stand on one, and etcd wants a real fsync.
if [ -e "$disk/var.img" ]; then mount -o loop "$disk/var.img" "$root/var"; else mount --bind "$disk/var" "$root/var"; fi
mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"

# cgroup v1 as systemd 252 lays it out; the namespace's root is the machine's own directory.
mount -t tmpfs -o mode=755 tmpfs "$root/sys/fs/cgroup"
for controller in cpu cpuacct cpuset memory devices freezer blkio pids; do
  mkdir "$root/sys/fs/cgroup/$controller"
  mount -t cgroup -o "$controller" cgroup "$root/sys/fs/cgroup/$controller"
done
mkdir "$root/sys/fs/cgroup/systemd"
mount -t cgroup -o none,name=systemd cgroup "$root/sys/fs/cgroup/systemd"

# Nodes of our own: systemd changes modes in /dev, and a bound /dev/null of the host would be shut for everyone.
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
while read -r name major minor; do
  mkdir -p "$(dirname "$root/dev/$name")"
  mknod -m 666 "$root/dev/$name" c "$major" "$minor"
done <<'NODES'
null 1 3
zero 1 5
full 1 7
random 1 8
urandom 1 9
tty 5 0
kmsg 1 11
fuse 10 229
net/tun 10 200
NODES
mkdir -p "$root"/dev/{pts,shm,mqueue}
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
mount -t tmpfs tmpfs "$root/dev/shm"
mount -t mqueue mqueue "$root/dev/mqueue"
ln -s /proc/self/fd "$root/dev/fd"
ln -s /proc/self/fd/0 "$root/dev/stdin"
ln -s /proc/self/fd/1 "$root/dev/stdout"
ln -s /proc/self/fd/2 "$root/dev/stderr"
# The terminal that our parent records is the machine's console.
: > "$root/dev/console"
mount --bind "$(tty)" "$root/dev/console"
mount -t tmpfs -o mode=755 tmpfs "$root/run"
mount -t tmpfs tmpfs "$root/tmp"

cd "$root"
mkdir -p .old
pivot_root . .old
cd /
umount -l /.old
rmdir /.old 2> /dev/null || true
mount --make-rshared / # kubelet, kube-proxy and CNI plugins hand mounts on
ulimit -n 1048576 2> /dev/null || true
exec env -i container=lab PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin TERM=linux \
  /lib/systemd/systemd --system systemd.unified_cgroup_hierarchy=0 systemd.legacy_systemd_cgroup_controller=1 \
  systemd.log_target=journal
