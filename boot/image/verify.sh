#!/bin/bash
# Does this machine hold what its blueprint wants of an image? After baking: `verify.sh`; after generalising: `verify.sh hygiene`.
# Words that must split are left unquoted on purpose.
# shellcheck disable=SC2046,SC2013
# Changes nothing. One line for each check that fails, all of them; exit 1 if there is one.
[ -n "$BASH_VERSION" ] || exec bash "$0" "$@"
set -uo pipefail
cd "$(dirname "$0")" || exit 1
export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
tab=$'\t' passed=0 failed=0

# check WHAT COMMAND…: the command says why not
check() {
  local what=$1 why
  shift
  if why=$("$@" 2>&1); then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    echo "verify: FAILED: $what${why:+: ${why//$'\n'/; }}"
  fi
}
rows() { sed -n "s|^$1$tab||p" root/etc/leaven/tables; }
no() { # what is there although it must not be
  [ $# = 0 ] || { echo "there is $*" && return 1; }
}

# ---- what was baked ----
file() { # MODE SUM PATH
  [ -e "$3" ] || { echo 'missing' && return 1; }
  echo "$2  $3" | sha256sum --check --status || { echo 'not as it was generated' && return 1; }
  [ "$(stat -c %a "$3")" = "${1#0}" ] || { echo "mode $(stat -c %a "$3"), not ${1#0}" && return 1; }
}
kubernetes() { # PROGRAM: its version
  local have
  have=$("$@" | grep -oE 'v[0-9]+\.[0-9]+\.[0-9]+[^" ]*' | head -n 1)
  [ "$have" = "v$LEAVEN_KUBERNETES_VERSION" ] || { echo "version ${have:-unknown}, not v$LEAVEN_KUBERNETES_VERSION" && return 1; }
}
package() {
  if command -v dpkg-query > /dev/null; then
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2> /dev/null)" = installed ]
  else
    rpm -q --whatprovides "$1" > /dev/null
  fi || { echo 'not installed' && return 1; }
}
enabled() { systemctl is-enabled "$1"; }
active() { systemctl is-active "$1"; }
cri() { ctr plugins ls | awk '$2=="cri" {print; if ($NF!="ok") bad=1; n++} END {exit bad || !n}'; }
# Not the kernel that runs: an upgrade in this build boots another one.
boot_kernel() {
  local kernel
  kernel=$(grubby --default-kernel 2> /dev/null | sed 's#.*/vmlinuz-##')
  [ -n "$kernel" ] || kernel=$(find /boot -maxdepth 1 -name 'vmlinuz-*' ! -name '*rescue*' | sed 's#.*/vmlinuz-##' | sort -V | tail -n 1)
  echo "${kernel:-$(uname -r)}"
}
module() { # KERNEL NAME
  # not with -n: that only says where the file would be
  modinfo -k "$1" "$2" > /dev/null 2>&1 && return
  grep -qE "/${2//_/[-_]}\.ko" "/lib/modules/$1/modules.builtin" 2> /dev/null && return
  # a container has the kernel of its host
  [ "$1" = "$(uname -r)" ] && [ -d "/sys/module/$2" ] && return
  echo "kernel $1 has none: install its extra modules, or another kernel"
  return 1
}
# What the next boot will set, in systemd-sysctl's order: files of all folders by their names, the last one wins.
next_sysctl() {
  local file
  find /etc/sysctl.d /run/sysctl.d /usr/local/lib/sysctl.d /usr/lib/sysctl.d -name '*.conf' 2> /dev/null |
    awk -F/ '!seen[$NF]++ {print $NF "\t" $0}' | sort | cut -f2 | while read -r file; do cat "$file" && echo; done |
    sed -nE 's#^[[:space:]]*-?([a-z][^=[:space:]]*)[[:space:]]*=[[:space:]]*(.*[^[:space:]])[[:space:]]*$#\1\t\2#p' |
    awk -F'\t' '{gsub("/", ".", $1); last[$1]=$2} END {for (k in last) print k "\t" last[k]}'
}
sysctl_is() { # KEY VALUE
  local next now
  next=$(awk -F'\t' -v k="$1" '$1==k {print $2}' <<< "$planned")
  [ "$next" = "$2" ] || { echo "the next boot sets ${next:-nothing}, not $2: a later file in sysctl.d" && return 1; }
  # br_netfilter's keys are there once it is loaded
  now=$(sysctl -n "$1" 2> /dev/null) || return 0
  [ "$now" = "$2" ] || { echo "is $now, not $2" && return 1; }
}
image() {
  grep -q "^$1 .* complete " <<< "$images" || { echo "not completely in containerd: $(grep "^$1 " <<< "$images" || echo 'missing')" && return 1; }
  grep -q "^$1 .*io.cri-containerd.pinned=pinned" <<< "$labels" || { echo 'not pinned: kubelet may delete it' && return 1; }
}
# `ctr images check` asks containerd's database alone, so a blob without its file is complete to it.
content() {
  local digest bad=0
  for digest in $(ctr -n k8s.io content ls -q); do
    [ "$(ctr -n k8s.io content get "$digest" 2> /dev/null | sha256sum)" = "${digest#sha256:}  -" ] || { echo "$digest is missing or damaged" && bad=1; }
  done
  return $bad
}
expected() { # KEY=VALUE of what user-data will ask for
  local have
  have=$(grep -m 1 -o "\"${1%%=*}\": *\"[^\"]*" /etc/leaven/baked.json | sed 's/.*"//')
  [[ $have =~ ^"${1#*=}"([^0-9]|$) ]] || { echo "has ${have:-none}" && return 1; }
}
swap_in_fstab() { grep -E '^[^#].*[[:space:]]swap[[:space:]]' /etc/fstab; }

baked() {
  local mode sum path name kernel key value
  # shellcheck source=/dev/null
  . root/etc/leaven/node.env
  while IFS=$tab read -r mode sum path; do
    case $path in */node.env | /etc/leaven/tables | */leaven/bake | */leaven/bundle) ;; *) check "file $path" file "$mode" "$sum" "$path" ;; esac
  done < contents
  for name in $LEAVEN_BAKED_EXPECT; do check "baked.json $name" expected "$name"; done
  check kubeadm kubernetes kubeadm version -o short
  check kubelet kubernetes kubelet --version
  check kubectl kubernetes kubectl version --client -o json
  for name in ctr containerd runc crictl conntrack ipset ipvsadm iptables ethtool socat ip modprobe curl openssl; do
    check "program $name" command -v "$name"
  done
  for name in loopback bridge host-local portmap; do check "CNI plugin $name" test -x "/opt/cni/bin/$name"; done
  for name in $(rows packages | tr '\t' '\n' | sed 's/=.*//'); do check "package $name" package "$name"; done
  while IFS=$tab read -r _ name; do check "service $name enabled" enabled "$name"; done < <(rows services)
  check "service $LEAVEN_RUNTIME_UNIT" active "$LEAVEN_RUNTIME_UNIT"
  check "containerd's CRI" cri
  check kubelet.service systemctl cat kubelet.service
  kernel=$(boot_kernel)
  for name in $(grep -v '^#' /etc/modules-load.d/leaven.conf); do check "kernel module $name" module "$kernel" "$name"; done
  planned=$(next_sysctl)
  while IFS='= ' read -r key value; do check "sysctl $key" sysctl_is "$key" "$value"; done < /etc/sysctl.d/90-leaven.conf
  if [ "$LEAVEN_SWAP" = off ]; then
    check 'no swap' no $(tail -n +2 /proc/swaps | awk '{print $1}') $(swap_in_fstab | awk '{print $1 " in fstab"}')
  fi
  if [ -n "$(rows images)" ] && { [ "$LEAVEN_AIRGAPPED" = 1 ] || grep -q '"registry\|": "sha256:' /etc/leaven/baked.json; }; then
    images=$(ctr -n k8s.io images check)
    labels=$(ctr -n k8s.io images ls)
    for name in $(rows images); do check "image $name" image "$name"; done
    check 'blobs of images' content
  fi
  check 'no secrets, no cluster' no $(find /etc/leaven/node.env /etc/leaven/pki /etc/leaven/kubeadm /etc/kubernetes/pki \
    /etc/kubernetes/*.conf /var/lib/kubelet/pki /var/lib/etcd/member -prune 2> /dev/null)
}

# ---- what no two machines may share ----
found() { find "$@" 2> /dev/null | head -n 3; }
hygiene() {
  check 'machine-id empty' test ! -s /etc/machine-id
  check "D-Bus's machine-id" test -L /var/lib/dbus/machine-id -o ! -e /var/lib/dbus/machine-id
  check 'no SSH host keys' no $(found /etc/ssh -name 'ssh_host_*key*')
  check 'no authorized keys' no $(found /root/.ssh /home/*/.ssh -name 'authorized_keys*' -size +0)
  check 'cloud-init clean' no $(found /var/lib/cloud/instance /var/lib/cloud/instances /var/lib/cloud/seed -mindepth 1) \
    $(found /etc/cloud/cloud-init.disabled /etc/cloud/ds-identify.cfg /etc/cloud/cloud.cfg.d/{*installer*,*curtin*,subiquity*})
  check 'logs empty' no $(found /var/log -type f -size +64k) $(found /var/log -name '*.gz' -o -name '*.[0-9]' -o -name '*.journal')
  check 'no random seed' no $(found /var/lib/systemd/random-seed /var/lib/systemd/credential.secret /boot/efi/loader/random-seed)
  check 'no DHCP leases' no $(found /var/lib/dhcp /var/lib/dhclient /var/lib/NetworkManager -type f \( -name '*lease*' -o -name secret_key \))
  check 'DHCP identity by MAC' grep -q '^DUIDType=link-layer' /etc/systemd/networkd.conf.d/10-leaven.conf
  check 'no builder user' goes
  check 'no package lists' no $(found /var/lib/apt/lists -maxdepth 1 -type f ! -name lock) $(found /var/cache/apt/archives -name '*.deb') \
    $(found /var/cache/dnf /var/cache/yum -type f)
  check 'no shell history' no $(found /root /home -maxdepth 2 -name '.*_history')
  check "no identity of containerd's own" no $(found /var/lib/containerd/io.containerd.grpc.v1.introspection -name uuid)
  check 'no network cards by name' no $(found /etc/udev/rules.d -name '*persistent-net*' -size +0)
}
# The builder's own session is the last one: its user goes when the machine shuts down.
goes() {
  local user=${LEAVEN_BUILDER:-${SUDO_USER:-root}}
  [ "$user" = root ] || ! id "$user" > /dev/null 2>&1 || systemctl -q is-active leaven-last.service || { echo "$user stays" && return 1; }
}

case ${1:-} in
  '') baked ;;
  hygiene) hygiene ;;
  *) echo 'usage: verify.sh [hygiene]' >&2 && exit 2 ;;
esac
echo "verify: $passed passed, $failed failed"
[ "$failed" = 0 ]
