#!/bin/bash
# Run as root on the machine that becomes an image: lays down what was uploaded beside it, then `leaven bake`.
[ -n "$BASH_VERSION" ] || exec bash "$0" "$@"
set -euo pipefail
cd "$(dirname "$0")"
export DEBIAN_FRONTEND=noninteractive
fail() {
  echo "bake.sh: FAILED: $*" >&2
  exit 1
}
[ "$(id -u)" = 0 ] || fail 'it needs root'

# cloud-init's first boot and the daily updates hold dpkg's lock; 2 is "done, with warnings".
if command -v cloud-init > /dev/null; then
  echo 'bake.sh: waiting for cloud-init'
  code=0
  timeout 900 cloud-init status --wait > /dev/null || code=$?
  case $code in
    0 | 2) ;;
    124) fail 'cloud-init has not ended for 15 minutes: cloud-init status --long' ;;
    *) echo "bake.sh: cloud-init ended with $code, going on" ;;
  esac
fi
for unit in apt-daily apt-daily-upgrade dnf-makecache packagekit; do
  # until the next boot only
  systemctl mask --runtime --now "$unit.timer" "$unit.service" > /dev/null 2>&1 || :
done

echo 'bake.sh: laying down files'
while IFS=$'\t' read -r mode sum path; do
  echo "$sum  root$path" | sha256sum --check --status || fail "root$path did not arrive as it was generated"
  cmp -s "root$path" "$path" || install -D -m "$mode" "root$path" "$path"
  chmod "$mode" "$path"
done < contents
chmod 700 /etc/leaven

mkdir -p /var/lib/leaven/images
chmod 700 /var/lib/leaven
for archive in images/*.tar images/*.tar.gz; do
  [ -e "$archive" ] || continue
  if [ -e "$archive.sha256" ]; then
    [ "$(cut -d' ' -f1 "$archive.sha256")" = "$(sha256sum "$archive" | cut -d' ' -f1)" ] ||
      fail "$archive: its sha256 is not the one in $archive.sha256"
  fi
  # the disk of a builder is small
  mv "$archive" /var/lib/leaven/images/
done
if [ -d bundle ]; then
  mkdir -p /var/lib/leaven/bundle
  cp -a bundle/. /var/lib/leaven/bundle/
fi
# What an air-gapped node takes from its bundle comes from the network where an image is made, unless there is a bundle here too.
[ -e /var/lib/leaven/bundle/tables ] || rm -f /usr/local/lib/leaven/bundle

systemctl daemon-reload
# kubelet's packages start it, and it fails in a loop until kubeadm has run
systemctl mask --runtime kubelet.service > /dev/null 2>&1 || :
/usr/local/sbin/leaven bake
systemctl unmask --runtime kubelet.service > /dev/null 2>&1 || :
rm -f /etc/leaven/node.env /etc/leaven/tables /usr/local/lib/leaven/{bake,bundle}
# The manifests of add-ons stay, everything else is installed.
[ ! -e /var/lib/leaven/bundle/tables ] || (
  cd /var/lib/leaven/bundle
  rm -rf packages files images place tables bundle.json install.sh SHA256SUMS
)
mkdir -p out
bash ./inventory.sh > out/sbom.cdx.json
install -m 644 out/sbom.cdx.json /etc/leaven/sbom.cdx.json
install -m 644 /etc/leaven/baked.json out/baked.json
chmod 755 . out
echo "bake.sh: done: $(tr -d '\n ' < /etc/leaven/baked.json | cut -c1-160)…"
