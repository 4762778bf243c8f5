#!/bin/bash
# A machine image for one Kubernetes: the base, its programs as upstream's packages lay them down, its container images.
# usage: bake.sh BASE KUBERNETES IMAGES_TAR OUT VERSION
set -euo pipefail
base=$1 kubernetes=$2 images=$3 out=$4 version=$5
root=$out/root
cp -a "$base" "$root"

install -m 0755 "$kubernetes"/{kubeadm,kubelet,kubectl} "$root/usr/bin/"
[ ! -e "$kubernetes/crictl" ] || install -m 0755 "$kubernetes/crictl" "$root/usr/bin/"
echo 'runtime-endpoint: unix:///run/containerd/containerd.sock' > "$root/etc/crictl.yaml"
mkdir -p "$root/opt/cni/bin"
install -m 0755 "$kubernetes"/cni/* "$root/opt/cni/bin/"

# https://github.com/kubernetes/release/tree/master/cmd/krel/templates/latest/kubelet
units=$root/usr/lib/systemd/system
mkdir -p "$units/kubelet.service.d" "$root/etc/kubernetes/manifests"
cat > "$units/kubelet.service" <<'UNIT'
[Unit]
Description=kubelet: The Kubernetes Node Agent
Documentation=https://kubernetes.io/docs/
Wants=network-online.target
After=network-online.target

[Service]
ExecStart=/usr/bin/kubelet
Restart=always
StartLimitInterval=0
RestartSec=10

[Install]
WantedBy=multi-user.target
UNIT
cat > "$units/kubelet.service.d/10-kubeadm.conf" <<'UNIT'
[Service]
Environment="KUBELET_KUBECONFIG_ARGS=--bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf --kubeconfig=/etc/kubernetes/kubelet.conf"
Environment="KUBELET_CONFIG_ARGS=--config=/var/lib/kubelet/config.yaml"
EnvironmentFile=-/var/lib/kubelet/kubeadm-flags.env
EnvironmentFile=-/etc/default/kubelet
ExecStart=
ExecStart=/usr/bin/kubelet $KUBELET_KUBECONFIG_ARGS $KUBELET_CONFIG_ARGS $KUBELET_KUBEADM_ARGS $KUBELET_EXTRA_ARGS
UNIT

"$(dirname "$0")/container.sh" "$root"
rm -f "$root"/etc/systemd/system/multi-user.target.wants/{haproxy,keepalived}.service # installed, in use only where asked

containerd=$(chroot "$root" containerd --version | grep -oE '[0-9]+\.[0-9]+\.[0-9]+' | head -1)
boot=$(dirname "$0")/../../../boot
install -D -m 0755 "$boot/leaven" "$root/usr/local/sbin/leaven"
install -D -m 0644 -t "$root/usr/local/lib/leaven" "$boot"/{control-plane,imds}
install -m 0644 "$boot/leaven.service" "$root/etc/systemd/system/leaven.service"
mkdir -p "$root/etc/systemd/system/multi-user.target.d" "$root/etc/leaven" "$root/var/lib/leaven/images"
printf '[Unit]\nWants=leaven.service\n' > "$root/etc/systemd/system/multi-user.target.d/leaven.conf"
chmod 0700 "$root/etc/leaven" "$root/var/lib/leaven"
printf '{ "role": "control-plane", "kubernetes": "%s", "containerd": "%s" }\n' "${version#v}" "$containerd" > "$root/etc/leaven/baked.json"
archive=$root/var/lib/leaven/images/images.tar
cp "$images" "$archive"

# Images are imported here, once: a containerd of the image's own, in its own mounts and processes.
# shellcheck disable=SC2016 # expanded by the inner shell
unshare --mount --propagation private --pid --fork --kill-child bash -euc '
  mount -t proc proc "$1/proc"
  mount -t tmpfs tmpfs "$1/run"
  mount --rbind /dev "$1/dev"
  printf "version = 2\ndisabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n" > "$1/run/containerd.toml"
  chroot "$1" containerd -c /run/containerd.toml -l error &
  for _ in $(seq 100); do ! chroot "$1" ctr version > /dev/null 2>&1 || break; sleep 0.1; done
  chroot "$1" ctr -n k8s.io images import /var/lib/leaven/images/images.tar > /dev/null
  kill %1
  wait || true' bake "$root"

stat -c %s-%Y "$archive" > "$root/var/lib/leaven/imported-images.tar" # as `leaven bake` says it

# Hygiene: nothing of this image may be shared by machines as their own.
: > "$root/etc/machine-id"
rm -rf "$root/var/lib/dbus/machine-id" "$root"/etc/ssh/ssh_host_* "$root/var/lib/cloud" "$root"/var/log/*.log
# /var apart: every machine gets its own, the large and never rewritten parts by hard links.
mv "$root/var" "$out/var"
mkdir "$root/var"
