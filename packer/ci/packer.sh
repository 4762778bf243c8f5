#!/usr/bin/env bash
# The Packer that the templates were tested with, compared with the publisher's list of digests.
set -euo pipefail
case $(uname -m) in
  x86_64) machine=amd64 ;;
  aarch64 | arm64) machine=arm64 ;;
  *) machine=$(uname -m) ;;
esac
archive=packer_${PACKER_VERSION}_linux_$machine.zip
releases=${PACKER_RELEASES:-https://releases.hashicorp.com/packer}/$PACKER_VERSION
if [ ! -x "$PACKER_HOME/packer" ]; then
  folder=$(mktemp -d)
  for file in "$archive" "packer_${PACKER_VERSION}_SHA256SUMS"; do
    curl -fsSL --retry 5 --retry-delay 5 -o "$folder/$file" "$releases/$file"
  done
  (cd "$folder" && grep -F "  $archive" "packer_${PACKER_VERSION}_SHA256SUMS" | sha256sum --check --strict)
  mkdir -p "$PACKER_HOME"
  unzip -oq "$folder/$archive" -d "$PACKER_HOME"
  rm -rf "$folder"
fi
"$PACKER_HOME/packer" version
