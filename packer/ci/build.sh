#!/usr/bin/env bash
# Plugins, the build, and what says where the image comes from.
set -euo pipefail
PATH=$PACKER_HOME:$PATH
# Packer makes a key of its own where there is none, and refuses a file that is not there.
[ -s "${PKR_VAR_ssh_private_key_file:-}" ] || unset PKR_VAR_ssh_private_key_file
# Google's libraries want a file; a secret is a text.
case ${GOOGLE_APPLICATION_CREDENTIALS:-} in
  '{'*)
    credentials=$(mktemp)
    trap 'rm -f "$credentials"' EXIT
    printf '%s' "$GOOGLE_APPLICATION_CREDENTIALS" > "$credentials"
    export GOOGLE_APPLICATION_CREDENTIALS=$credentials
    ;;
esac
folder=$OUT/$ROLE/$BUILDER-$ARCH
(
  cd "$folder"
  if [ -d plugins ]; then
    # From GitHub's releases, which has moments; what the cache brought is not fetched again.
    for pause in 5 20 60 0; do
      packer init plugins && break
      [ "$pause" -gt 0 ] || exit 1
      sleep "$pause"
    done
  fi
  packer validate .
  packer build -color=false -timestamp-ui .
)
npx --no-install gen provenance "$folder"
