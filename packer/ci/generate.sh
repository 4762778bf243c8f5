#!/usr/bin/env bash
# The folder that Packer takes. gen is a dependency of this repository: what package-lock.json says is what runs.
set -euo pipefail
npm ci --no-audit --no-fund
options=()
key=${PKR_VAR_ssh_private_key_file:?}
umask 077
case $SSH_KEY in
  # For one run: nobody has to keep it, and no image lets it in.
  made)
    rm -f "$key" "$key.pub"
    ssh-keygen -q -t ed25519 -N '' -C '' -f "$key"
    options=(--ssh-key "$key.pub")
    ;;
  # The machine or template of yours knows its other half.
  secret)
    if [ -f "${BAKE_SSH_PRIVATE_KEY:-}" ]; then # GitLab's variables of type file
      cp "$BAKE_SSH_PRIVATE_KEY" "$key"
    elif [ -n "${BAKE_SSH_PRIVATE_KEY:-}" ]; then
      printf '%s\n' "$BAKE_SSH_PRIVATE_KEY" > "$key"
    fi
    [ -s "$key" ] || [ -n "${PKR_VAR_ssh_password:-}" ] || {
      echo 'generate: set the secret BAKE_SSH_PRIVATE_KEY: the private key that the machine or template lets in' >&2
      exit 1
    }
    ;;
esac
umask 022
npx --no-install gen packer --blueprint "$BLUEPRINT" --role "$ROLE" --builder "$BUILDER" --arch "$ARCH" "${options[@]}" -o "$OUT"
