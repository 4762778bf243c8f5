#!/bin/bash
# Builds Kubernetes 1.20.2 from Debian 12's source package, which carries the whole tree with vendor/.
# usage: build.sh OUTPUT_DIR   gets every binary that components.json names; sources and Go's build cache stay in ~/.cache
set -euo pipefail
out=$(realpath -m -- "${1:?usage: build.sh OUTPUT_DIR}")
here=$(dirname "$(realpath "${BASH_SOURCE[0]}")")
work=$HOME/.cache/leaven/lab/work/kubernetes-1.20
tree=$work/kubernetes
mkdir -p "$work" "$out/cni"

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
  rm -rf ./*.deb "$tree" "$work/debian"
  "${apt[@]}" download golang-github-modern-go-reflect2-dev etcd-server etcd-client containernetworking-plugins
  for package in *.deb; do dpkg-deb -x "$package" "$work/debian"; done
  dpkg-source --no-check -x kubernetes_*.dsc "$tree"
  # The vendored reflect2 1.0.1 dereferences nil on every map since Go 1.18, so kubeadm init panics:
  # https://github.com/modern-go/reflect2/issues/24. Debian packages 1.0.2, the fix.
  rm -rf "$tree/vendor/github.com/modern-go/reflect2"
  cp -r "$work/debian/usr/share/gocode/src/github.com/modern-go/reflect2" "$tree/vendor/github.com/modern-go/"
  touch "$work/unpacked"
fi

install -m 0755 "$work"/debian/usr/bin/etcd{,ctl} "$out/"
install -m 0755 "$work"/debian/usr/lib/cni/{bridge,host-local,loopback,portmap} "$out/cni/"
for program in coredns crictl; do "$here/../../programs/build.sh" "$program" "$out"; done

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

# With the wrong reflect2 this is where it would panic.
"$out/kubeadm" config print init-defaults --component-configs KubeletConfiguration > /dev/null
"$out/kubeadm" version -o short | grep -qx v1.20.2
