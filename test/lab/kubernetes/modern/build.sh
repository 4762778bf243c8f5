#!/usr/bin/env bash
# Builds a Kubernetes of today, and what a cluster needs beside it, as static binaries.
#   build.sh OUTPUT_DIR    needs Go >= 1.24 and a Go module proxy; run it again and only what changed is built
# OUTPUT_DIR gets every binary, OUTPUT_DIR/cni the CNI plugins. Versions are those of go.mod and addons.mod.
set -euo pipefail

usage() { echo "usage: build.sh OUTPUT_DIR" >&2; exit 2; }
[[ $# == 1 && $1 != -* ]] || usage
out=$(realpath -m -- "$1")
cd "$(dirname "${BASH_SOURCE[0]}")"
PATH=$PATH:/usr/local/go/bin
export CGO_ENABLED=0 GOFLAGS='-trimpath -buildvcs=false' GOWORK=off

version_of() { go list -m -f '{{.Version}}' "$@"; }

# Upstream stamps its version at link time; unstamped, kubeadm calls itself v0.0.0 and refuses every skew check.
# Not stamped: the commit (a module does not know it) and the date (the same source shall give the same bytes).
kubernetes_ldflags() {
  local version package flags='-s -w' minor
  version=$(version_of k8s.io/kubernetes)
  minor=${version#v1.}
  for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
    flags+=" -X $package.gitVersion=$version -X $package.gitMajor=1 -X $package.gitMinor=${minor%%.*}"
    flags+=" -X $package.gitCommit= -X $package.gitTreeState=archive"
  done
  echo "$flags"
}

build() { # build NAME MODFILE LDFLAGS OUTPUT PACKAGE...
  local name=$1 modfile=$2 ldflags=$3 output=$4 start=$SECONDS
  shift 4
  nice -n 10 go build -modfile="$modfile" -ldflags="$ldflags" -o "$output" "$@"
  echo "$name: $((SECONDS - start)) s"
}

mkdir -p "$out/cni"
plugins=github.com/containernetworking/plugins
build kubernetes go.mod "$(kubernetes_ldflags)" "$out/" tool
build etcd addons.mod '-s -w' "$out/etcd" go.etcd.io/etcd/server/v3
build etcd-tools addons.mod '-s -w' "$out/" go.etcd.io/etcd/etcdctl/v3 go.etcd.io/etcd/etcdutl/v3
build coredns addons.mod '-s -w' "$out/" github.com/coredns/coredns
build cni addons.mod "-s -w -X $plugins/pkg/utils/buildversion.BuildVersion=$(version_of -modfile=addons.mod $plugins)" "$out/cni/" \
  $plugins/plugins/{ipam/host-local,main/bridge,main/loopback,meta/portmap}
du -sh -- "$out"
