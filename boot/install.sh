#!/bin/sh
# Makes this machine ready for its cluster from the bundle that this file lies in, without any network: packages, release files,
# configuration, first-boot program, container images. Nothing is touched before everything was verified, and it can be run again.
# POSIX sh with coreutils, awk and the package manager; `tables` says what there is (boot/README.md of Leaven has its columns).
set -eu
export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive
tab=$(printf '\t')

usage() {
  cat <<'EOF'
usage: sh install.sh [--role ROLE] [--sha256 SUM] [--verify]

  --role ROLE   control-plane or worker; needed when the bundle has both
  --sha256 SUM  checksum that SHA256SUMS itself must have, as `gen bundle` printed it
  --verify      only check that the bundle is whole
EOF
}
say() { echo "install.sh: $*"; }
die() { say "$*" >&2; exit 1; }
rows() { sed -n "s|^$1$tab||p" tables; }
# of ROLE TABLE: the rows of one role, without it
of() { rows "$2" | sed -n "s|^$1$tab||p"; }

# verify: every file that the list names, and in image archives every blob, so that the message says what exactly is damaged
verify() {
  [ -e SHA256SUMS ] || die "this bundle is not complete: it has no SHA256SUMS. Copy it again"
  [ -z "$1" ] || [ "$(sha256sum <SHA256SUMS | cut -c-64)" = "$1" ] || die "SHA256SUMS is not the one whose checksum is $1"
  bad=$(sha256sum -c --quiet SHA256SUMS 2>/dev/null | sed -n 's/: FAILED.*//p')
  [ -n "$bad" ] || { sha256sum -c --status SHA256SUMS && return; die "SHA256SUMS itself is damaged. Copy the bundle again"; }
  for file in $bad; do
    [ -e "$file" ] || { say "$file is missing" >&2; continue; }
    say "$file is damaged" >&2
    # shellcheck disable=SC2016 # tar's own shell expands it
    case $file in *.tar) tar -xf "$file" --wildcards '*blobs/sha256/*' --to-command='[ "$(sha256sum | cut -c-64)" = "${TAR_FILENAME##*/}" ] || echo "install.sh:   blob $TAR_FILENAME"' >&2 2>/dev/null || : ;; esac
  done
  die "nothing was installed. Copy these files again"
}

# The bundle was made for one release and one processor.
fits() {
  rows bundle | {
    IFS=$tab read -r cluster _ kubernetes os release architecture
    # shellcheck source=/dev/null
    . /etc/os-release
    case $(uname -m) in x86_64) own=amd64 ;; aarch64) own=arm64 ;; *) own=$(uname -m) ;; esac
    # 9.4 is a 9
    case "$ID $VERSION_ID. $own" in
      "$os $release."*" $architecture") ;;
      *) die "this bundle is for $os $release on $architecture, and this machine is $ID ${VERSION_ID:-} on $own" ;;
    esac
    say "cluster $cluster, Kubernetes $kubernetes, $role"
  }
}

packages() {
  names=$(of "$role" packages | tr '\t' '\n')
  [ -n "$names" ] || return 0
  scratch=$(mktemp -d)
  if [ -e packages/InRelease ]; then from_apt; else from_dnf; fi
  rm -rf "$scratch"
}
# No other source would answer; apt's own user may not be allowed to look in here.
from_apt() {
  command -v apt-get >/dev/null || die "there is no apt-get here"
  echo "deb [signed-by=$here/packages/bundle.gpg] file:$here/packages ./" >"$scratch/bundle.list"
  printf '%s;\n' "Dir::Etc::SourceList \"$scratch/bundle.list\"" 'Dir::Etc::SourceParts "-"' 'APT::Sandbox::User "root"' \
    'DPkg::Lock::Timeout "600"' 'Dpkg::Options:: "--force-confold"' >"$scratch/apt.conf"
  export APT_CONFIG="$scratch/apt.conf"
  dpkg --configure -a
  apt-get -y -q update
  # shellcheck disable=SC2086 # one word a package
  apt-get -y -q install --no-install-recommends --allow-change-held-packages $names
  apt-mark hold kubelet kubeadm kubectl >/dev/null 2>&1 || :
  unset APT_CONFIG
}
# bundle.asc vouches for the list of packages, keys.asc for each of them.
from_dnf() {
  command -v dnf >/dev/null || die "there is no dnf here"
  printf '%s\n' '[main]' reposdir=/dev/null plugins=0 install_weak_deps=0 '[leaven]' name=leaven "baseurl=file://$here/packages" gpgcheck=1 repo_gpgcheck=1 \
    "gpgkey=file://$here/packages/bundle.asc file://$here/packages/keys.asc" metadata_expire=1 module_hotfixes=1 >"$scratch/dnf.conf"
  # shellcheck disable=SC2046 # one word a package
  dnf -y -c "$scratch/dnf.conf" install --disableexcludes=all $(echo "$names" | sed 's/=/-/')
}

downloads() {
  of "$role" downloads | while IFS=$tab read -r file destination mode kind; do
    case $kind in
      tar:*) mkdir -p "$destination" && tar -xf "$file" -C "$destination" --no-same-owner --strip-components "${kind#tar:}" ;;
      *) install -D -m "$mode" "$file" "$destination" ;;
    esac
    say "$destination"
  done
}

place() {
  of "$role" place | while IFS=$tab read -r file destination mode; do
    cmp -s "$file" "$destination" || install -D -m "$mode" "$file" "$destination"
  done
  if [ -d /run/systemd/system ]; then
    systemctl daemon-reload
    systemd-modules-load 2>/dev/null || /lib/systemd/systemd-modules-load || :
    sysctl -q -p /etc/sysctl.d/90-leaven.conf || :
    ! systemctl -q is-enabled containerd 2>/dev/null || systemctl restart containerd
  fi
}

images() {
  command -v ctr >/dev/null || { say 'no container images: there is no ctr here'; return; }
  for attempt in 1 2 3 4 5 6 7 8 9 10; do
    timeout 10 ctr version >/dev/null 2>&1 && break
    [ "$attempt" -lt 10 ] || die 'containerd does not answer: start it and run this again'
    ! [ -d /run/systemd/system ] || systemctl start containerd || :
    sleep 2
  done
  for archive in images/*.tar; do
    [ ! -e "$archive" ] || ctr -n k8s.io images import "$archive" >/dev/null || die "$archive: containerd refused it"
  done
  have=$(ctr -n k8s.io images check)
  of "$role" images | while read -r reference; do
    echo "$have" | grep -q "^$reference .* complete " || die "$reference is not (completely) in containerd"
    ctr -n k8s.io images label "$reference" io.cri-containerd.pinned=pinned >/dev/null
    say "$reference"
  done
}

role='' sum='' only=''
while [ $# -gt 0 ]; do
  case $1 in
    --role) role=${2:?a role} && shift ;;
    --sha256) sum=${2:?a checksum} && shift ;;
    --verify) only=1 ;;
    -h | --help) usage && exit ;;
    *) usage >&2 && exit 2 ;;
  esac
  shift
done
case $role in master) role=control-plane ;; esac
cd "$(dirname "$0")"
here=$(pwd -P)
verify "$sum"
[ -z "$only" ] || { say 'every file is as it was made'; exit 0; }
roles=$(rows bundle | cut -f2)
[ -n "$role" ] || role=$roles
case $role in
  *,*) role='' ;; # several, and nobody said which
esac
case ,$roles, in
  *,"${role:-?}",*) ;;
  *) die "whose machine is this? give --role: one of $roles" ;;
esac
[ "$(id -u)" = 0 ] || die 'this needs root: sudo sh install.sh'
fits
packages
downloads
place
images
say "ready. With user-data this machine goes on by itself (systemctl start leaven); without, use kubeadm join"
