#!/bin/bash
# A machine's disk from a machine image: its own /var, where what is never rewritten (blobs, layers) is hard-linked.
# usage: disk.sh IMAGE DISK SEED [MEBIBYTES]   with a size /var is an ext4 of that size, without images already imported
set -euo pipefail
image=$1 disk=$2 seed=$3 size=${4:-}
var=$disk/var
nocloud=$var/lib/cloud/seed/nocloud
mkdir -p "$disk"/{upper,work,root} "$var/lib/leaven" "$nocloud"
immutable=(
  lib/containerd/io.containerd.content.v1.content/blobs
  lib/containerd/io.containerd.snapshotter.v1.overlayfs/snapshots
  lib/leaven/images
)
if [ -n "$size" ]; then
  rsync -a --exclude=/lib/containerd "$image/var/" "$var/"
  cp "$seed"/* "$nocloud/"
  truncate -s "${size}M" "$disk/var.img"
  mkfs.ext4 -q -m 0 -d "${var:?}" "$disk/var.img"
  rm -rf "${var:?}"
  exit
fi
cp "$seed"/* "$nocloud/"
rsync -a "${immutable[@]/#/--exclude=/}" "$image/var/" "$var/"
for directory in "${immutable[@]}"; do
  mkdir -p "$var/$(dirname "$directory")"
  cp -al "$image/var/$directory" "$var/$directory" 2> /dev/null ||
    { rm -rf "${var:?}/$directory" && cp -a "$image/var/$directory" "$var/$directory"; }
done
