#!/bin/bash
# Lists a machine's disk while it is off: kind, mode, owner, sum or target, path. Runs in a mount namespace of its own.
# usage: tree.sh LOWER DISK
set -euo pipefail
lower=$1 disk=$2
mount -t overlay overlay -o "ro,lowerdir=$disk/upper:$lower" "$disk/root"
mount --bind "$disk/var" "$disk/root/var"
cd "$disk/root"
{
  find . -type f -print0 | xargs -0 -r sha256sum | sed -E 's#^([0-9a-f]{16})[0-9a-f]* [ *]\.(/.*)$#\2\t\1#'
  find . ! -type f -printf '%p\t%l\n' | sed 's#^\.##; s#^\t#/\t#'
} | sort > "$disk/sums"
find . -printf '%p\t%y %m %U:%G\n' | sed 's#^\.##; s#^\t#/\t#' | sort | join -t $'\t' - "$disk/sums" |
  awk -F'\t' '{print $2, $3, $1}' 
rm "$disk/sums"
