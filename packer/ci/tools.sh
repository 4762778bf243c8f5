#!/usr/bin/env bash
# What Packer calls. xorriso, because Packer looks for a program that makes ISO images as soon as a template of yours wants one.
set -euo pipefail
packages=(ca-certificates curl openssh-client unzip xorriso)
case $BUILDER-$ARCH in
  qemu-amd64) packages+=(qemu-system-x86 qemu-utils ovmf) ;;
  qemu-arm64) packages+=(qemu-system-arm qemu-utils qemu-efi-aarch64) ;;
esac
if command -v apt-get > /dev/null; then
  as_root=()
  [ "$(id -u)" = 0 ] || as_root=(sudo)
  # apt's timers hold the lock for minutes on a fresh runner
  "${as_root[@]}" apt-get -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 update -q
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 \
    install -q -y --no-install-recommends "${packages[@]}"
fi
missing=()
for program in curl ssh-keygen unzip; do command -v "$program" > /dev/null || missing+=("$program"); done
[ ${#missing[@]} = 0 ] || {
  echo "tools: this runner lacks ${missing[*]}, and has no apt-get to install them with" >&2
  exit 1
}
