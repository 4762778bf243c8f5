#!/bin/bash
# Becomes a machine: enters its cgroups and network, then fresh namespaces. Stdin, stdout are the machine's console.
# usage: power-on.sh LOWER DISK NETNS CGROUP CONTROLLER…
set -euo pipefail
lower=$1 disk=$2 netns=$3 cgroup=$4
shift 4
for controller in "$@"; do echo $$ > "/sys/fs/cgroup/$controller/$cgroup/cgroup.procs"; done
exec nsenter --net="/run/netns/$netns" unshare --mount --uts --ipc --pid --cgroup --fork --kill-child \
  --propagation private "$(dirname "$0")/init.sh" "$lower" "$disk"
