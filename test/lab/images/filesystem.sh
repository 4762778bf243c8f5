#!/bin/bash
# Lays out the files of one image: programs, and the shared libraries they need, taken from the machines' base.
# usage: filesystem.sh BASE OUT [PATH_OF_BINARY | needs:NAME]…
set -euo pipefail
base=$1 out=$2
shift 2
mkdir -p "$out/usr/local/bin"

# What ldd finds, resolved inside the base and put under /usr; Debian's /lib and /lib64 are links to there.
libraries() { # LDD…
  local library
  while read -r library; do
    mkdir -p "$out/usr$(dirname "${library#/usr}")"
    cp -L "$base$library" "$out/usr${library#/usr}"
  done < <("$@" 2> /dev/null | grep -o '/[^ ]*')
}

with_libraries() { # FILE_IN_BASE…
  local file
  for file in "$@"; do
    mkdir -p "$out/$(dirname "$file")"
    cp -L "$base/$file" "$out/$file"
    libraries chroot "$base" ldd "/$file"
  done
}

iptables() {
  local family name
  with_libraries usr/sbin/xtables-nft-multi usr/sbin/xtables-legacy-multi
  for family in iptables ip6tables; do
    for name in "$family" "$family-save" "$family-restore"; do
      ln -s xtables-nft-multi "$out/usr/sbin/$name"
      ln -s xtables-legacy-multi "$out/usr/sbin/${name/tables/tables-legacy}"
    done
  done
  # Matches are opened at run time, so the program's own ldd does not show what they need (libm for statistic):
  # without it kube-proxy is Ready and fails as soon as a service has two endpoints.
  (cd "$base" && with_libraries usr/lib/x86_64-linux-gnu/xtables/*.so)
  cp "$base"/etc/{protocols,ethertypes} "$out/etc/" 2> /dev/null || true
}

for item in "$@"; do
  case $item in
    needs:iptables) mkdir -p "$out/etc" "$out/run" "$out/tmp" && iptables ;;
    needs:conntrack) with_libraries usr/sbin/conntrack ;;
    needs:ipset) with_libraries usr/sbin/ipset ;;
    needs:kmod) with_libraries usr/bin/kmod && mkdir -p "$out/usr/sbin" && ln -s ../bin/kmod "$out/usr/sbin/modprobe" ;;
    needs:pause) gcc -Os -static -o "$out/pause" "$(dirname "$0")/pause.c" && strip "$out/pause" ;;
    needs:*) echo "filesystem.sh: $item is unknown" >&2 && exit 1 ;;
    */coredns | */kube-vip) cp "$item" "$out/" ;;
    *) cp "$item" "$out/usr/local/bin/" ;;
  esac
  [[ $item == needs:* ]] || libraries ldd "$item"
done
for directory in bin sbin lib lib64; do
  [ ! -d "$out/usr/$directory" ] || ln -sfn "usr/$directory" "$out/$directory"
done
# Prove that what was laid out also starts here.
for program in "$out"/usr/sbin/{iptables,ipset,conntrack}; do
  [ ! -e "$program" ] || chroot "$out" "${program#"$out"}" --version > /dev/null
done
if [ -e "$out/usr/sbin/iptables" ]; then
  for match in statistic comment conntrack addrtype recent mark; do
    chroot "$out" /usr/sbin/iptables -m "$match" -h > /dev/null
  done
fi
