#!/bin/bash
# Run as root, last: takes away what no two machines may share. The session that runs it stays usable until the shutdown.
[ -n "$BASH_VERSION" ] || exec bash "$0" "$@"
set -uo pipefail
cd "$(dirname "$0")" || exit 1
shopt -s nullglob
builder=${LEAVEN_BUILDER:-${SUDO_USER:-root}}
quietly() { "$@" > /dev/null 2>&1 || :; }
empty() { for file in "$@"; do [ ! -f "$file" ] || : > "$file"; done; }
# drop_in FILE LINE…
drop_in() {
  mkdir -p "${1%/*}"
  printf '%s\n' "${@:2}" > "$1"
}

echo 'generalize.sh: packages'
quietly systemctl stop kubelet.service containerd.service
if command -v apt-get > /dev/null; then
  quietly apt-get clean
  rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin
else
  quietly subscription-manager unregister
  quietly subscription-manager clean
  quietly "$(command -v dnf || echo yum)" clean all
  rm -rf /var/cache/dnf/* /var/cache/yum/*
fi

echo 'generalize.sh: cloud-init and network'
quietly cloud-init clean --logs --seed
# what installers leave behind keeps cloud-init from its work, or from its data source
rm -rf /var/lib/cloud/{instance,instances,seed,data,sem} /etc/cloud/cloud-init.disabled /etc/cloud/ds-identify.cfg \
  /etc/cloud/cloud.cfg.d/{*installer*,*curtin*,subiquity*} /etc/netplan/{50-cloud-init,*installer*}.yaml \
  /etc/network/interfaces.d/50-cloud-init /etc/NetworkManager/system-connections/cloud-init-*
for file in /etc/sysconfig/network-scripts/ifcfg-*; do ! grep -q 'Created by cloud-init' "$file" || rm "$file"; done
rm -rf /etc/udev/rules.d/*persistent-net* /etc/sudoers.d/90-cloud-init-users \
  /var/lib/dhcp/* /var/lib/dhclient/* /var/lib/dhcpcd/* /var/lib/NetworkManager/{*lease*,secret_key,timestamps,seen-bssids}
# An empty machine-id makes every clone a new DHCP client at each re-installation; a MAC stays.
drop_in /etc/systemd/networkd.conf.d/10-leaven.conf '[DHCPv4]' DUIDType=link-layer '[DHCPv6]' DUIDType=link-layer
[ ! -d /etc/NetworkManager ] ||
  drop_in /etc/NetworkManager/conf.d/10-leaven.conf '[connection]' ipv4.dhcp-client-id=mac ipv6.dhcp-duid=ll

echo 'generalize.sh: identity'
sed -i '/^127\.0\.1\.1[[:space:]]/d' /etc/hosts
empty /etc/hostname /etc/machine-id
[ ! -d /var/lib/dbus ] || ln -sfn /etc/machine-id /var/lib/dbus/machine-id
rm -f /etc/ssh/ssh_host_*key* /root/.ssh/authorized_keys* /home/*/.ssh/authorized_keys* \
  /var/lib/systemd/{random-seed,credential.secret} /boot/efi/loader/random-seed /boot/loader/random-seed \
  /etc/nvme/host{id,nqn} /etc/lvm/devices/system.devices /var/lib/containerd/io.containerd.grpc.v1.introspection/uuid
[ ! -e /etc/iscsi/initiatorname.iscsi ] || echo 'GenerateName=yes' > /etc/iscsi/initiatorname.iscsi
# it would save a new seed on the way down
quietly systemctl mask --runtime systemd-random-seed.service

echo 'generalize.sh: logs and traces'
# the last name wins, whatever its folder
drop_in /run/systemd/journald.conf.d/zz-leaven.conf '[Journal]' Storage=volatile
quietly systemctl restart systemd-journald.service
quietly systemctl stop rsyslog.service syslog.socket
rm -rf /var/log/journal/* /var/log/installer /var/log/*.gz /var/log/*.[0-9] /var/log/*/*.gz /var/log/*/*.[0-9] \
  /var/crash/* /var/lib/systemd/coredump/* /root/.*_history /home/*/.*_history /swap.img /swapfile /var/tmp/*
find /var/log -type f -exec truncate -s 0 {} +
sync
quietly fstrim -a

# The builder's session needs its user, its sudo and this folder until the very end.
cat > /run/leaven-last.sh <<LAST
rm -rf '$PWD' /etc/ssh/ssh_host_*key* /var/lib/systemd/random-seed /var/lib/cloud/instances
: > /etc/machine-id
[ '$builder' = root ] || { userdel -rf '$builder'; rm -f '/etc/sudoers.d/$builder' ; }
rm -f /root/.ssh/authorized_keys /root/.*_history
find /var/log -type f -exec truncate -s 0 {} +
sync
LAST
quietly systemctl reset-failed leaven-last.service
systemctl -q is-active leaven-last.service ||
  systemd-run --quiet --unit leaven-last --property Type=oneshot --property RemainAfterExit=yes \
    --property 'ExecStop=/bin/bash /run/leaven-last.sh' /bin/true || exit
exec bash ./verify.sh hygiene
