#!/usr/bin/env bash
# The base image, the machine's disk and its compressed copy lie on the runner at once; a full one ends in a broken image.
set -euo pipefail
free() { df -BG --output=avail . | tail -1 | tr -dc 0-9; }
# What GitHub's own runners bring and no bake needs: some 20 GiB. A runner of yours is left alone.
if [ "${RUNNER_ENVIRONMENT:-}" = github-hosted ] && [ "$(free)" -lt "$NEEDED_GIB" ]; then
  sudo rm -rf /usr/share/dotnet /usr/local/lib/android /opt/ghc /usr/local/.ghcup /opt/hostedtoolcache/CodeQL
fi
echo "disk space: $(free) GiB free, $NEEDED_GIB GiB needed"
[ "$(free)" -ge "$NEEDED_GIB" ] || {
  echo "disk space: too little: take a larger runner, or a smaller bake.diskGiB" >&2
  exit 1
}
