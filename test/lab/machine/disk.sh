#!/bin/bash
# A machine's disk from a machine image: its own /var, where what is never rewritten (blobs, layers) is hard-linked.
# usage: disk.sh IMAGE DISK SEED imported|archive [MEBIBYTES]
#   archive: the images are not in containerd yet; with a size, /var is an ext4 of that size (and archive is implied)
set -euo pipefail
image=$1 disk=$2 seed=$3 images=$4 size=${5:-}
var=$disk/var
nocloud=$var/lib/cloud/seed/nocloud
mkdir -p "$disk"/{upper,work,root} "$var/lib/leaven" "$nocloud"
cp "$seed"/* "$nocloud/"
if [ -n "$size" ]; then
  rsync -a --exclude=/lib/containerd --exclude='/lib/leaven/imported-*' "$image/var/" "$var/"
  truncate -s "${size}M" "$disk/var.img"
  mkfs.ext4 -q -m 0 -d "$var" "$disk/var.img"
  rm -rf "${var:?}"
  exit
fi
linked=(lib/leaven/images)
if [ "$images" = imported ]; then
  linked+=(
    lib/containerd/io.containerd.content.v1.content/blobs
    lib/containerd/io.containerd.snapshotter.v1.overlayfs/snapshots
  )
  exclude=("${linked[@]/#/--exclude=/}")
else
  exclude=(--exclude=/lib/leaven/images '--exclude=/lib/leaven/imported-*' --exclude=/lib/containerd)
fi
rsync -a "${exclude[@]}" "$image/var/" "$var/"
for directory in "${linked[@]}"; do
  mkdir -p "$var/$(dirname "$directory")"
  cp -al "$image/var/$directory" "$var/$directory" 2> /dev/null ||
    { rm -rf "${var:?}/$directory" && cp -a "$image/var/$directory" "$var/$directory"; }
done
