#!/usr/bin/env bash
# /dev/kvm is there on hosted runners, and belongs to a group that the runner is not in. A udev rule holds; chmod and
# setfacl are undone by the next event. https://github.com/actions/runner-images/issues/8542
set -euo pipefail
kvm=${KVM_DEVICE:-/dev/kvm}
if [ -e "$kvm" ] && [ ! -w "$kvm" ] && command -v udevadm > /dev/null; then
  echo 'KERNEL=="kvm", GROUP="kvm", MODE="0666", OPTIONS+="static_node=kvm"' |
    sudo tee /etc/udev/rules.d/99-kvm.rules > /dev/null
  sudo udevadm control --reload-rules
  sudo udevadm trigger --name-match=kvm
  sudo udevadm settle
fi
if [ ! -r "$kvm" ] || [ ! -w "$kvm" ]; then
  echo "kvm: $kvm is missing or not writable: take a runner with virtualisation, or accelerator: tcg under bake.builders.qemu" >&2
  exit 1
fi
