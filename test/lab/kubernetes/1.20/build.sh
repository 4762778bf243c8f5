#!/bin/bash
# Builds Kubernetes 1.20.2 from Debian 12's source package, which carries the whole tree with vendor/.
# usage: build.sh WORK OUT   WORK keeps sources and Go's build cache, OUT receives the binaries
set -euo pipefail
work=$1 out=$2
tree=$work/kubernetes
mkdir -p "$work" "$out"

# This machine's own archive, but with its deb-src index, in a private apt state.
mirror=$(sed -n 's/^URIs: *//p' /etc/apt/sources.list.d/debian.sources | head -1)
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
apt=(apt-get -o Dir::State::lists="$work/lists" -o Dir::Etc::sourceparts=/dev/null -o Dir::Etc::sourcelist="$work/sources.list")
if [ ! -e "$work/unpacked" ]; then
  mkdir -p "$work/lists/partial"
  printf '%s [signed-by=%s] %s bookworm main\n' deb "$keyring" "$mirror" deb-src "$keyring" "$mirror" > "$work/sources.list"
  cd "$work"
  "${apt[@]}" update
  "${apt[@]}" source --download-only kubernetes
  "${apt[@]}" download golang-github-modern-go-reflect2-dev
  rm -rf "$tree" "$work/reflect2"
  dpkg-source --no-check -x kubernetes_*.dsc "$tree"
  # The vendored reflect2 1.0.1 dereferences nil on every map since Go 1.18, so kubeadm init panics:
  # https://github.com/modern-go/reflect2/issues/26. Debian packages 1.0.2, the fix.
  dpkg-deb -x golang-github-modern-go-reflect2-dev_*.deb "$work/reflect2"
  rm -rf "$tree/vendor/github.com/modern-go/reflect2"
  cp -r "$work/reflect2/usr/share/gocode/src/github.com/modern-go/reflect2" "$tree/vendor/github.com/modern-go/"
  touch "$work/unpacked"
fi

cd "$tree"
mkdir -p "$work/home" .go/src/k8s.io
ln -sfn ../../.. .go/src/k8s.io/kubernetes
export PATH=/usr/lib/go-1.19/bin:$PATH HOME=$work/home GOCACHE=$work/gocache GOPATH=$tree/.go
export GO111MODULE=off GOFLAGS='' CGO_ENABLED=0 GOROOT=/usr/lib/go-1.19
export KUBE_GIT_VERSION=v1.20.2 KUBE_GIT_MAJOR=1 KUBE_GIT_MINOR=20 KUBE_GIT_TREE_STATE=archive
export KUBE_GIT_COMMIT=faecb196815e248d3ecfb03c680a4507229c2a56 SOURCE_DATE_EPOCH=1610544000
programs=(kubeadm kubelet kubectl kube-apiserver kube-controller-manager kube-scheduler kube-proxy)
make WHAT="${programs[*]/#/cmd/}" GOLDFLAGS='-s -w'
for program in "${programs[@]}"; do
  install -m 0755 "_output/local/go/bin/$program" "$out/"
done

# kubelet's sandbox holder is C: https://github.com/kubernetes/kubernetes/tree/v1.20.2/build/pause
gcc -Os -static -DVERSION=v3.2 -o "$out/pause" build/pause/linux/pause.c
strip "$out/pause"

# With the wrong reflect2 this is where it would panic.
"$out/kubeadm" config print init-defaults --component-configs KubeletConfiguration > /dev/null
"$out/kubeadm" version -o short | grep -qx v1.20.2
