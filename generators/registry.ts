/** The product's table of contents: every variant on one line. A test compares it with the folders. */
import { amazonEbs } from './providers/builder/amazon-ebs/index.ts'
import { azureArm } from './providers/builder/azure-arm/index.ts'
import { googlecompute } from './providers/builder/googlecompute/index.ts'
import { hypervIso } from './providers/builder/hyperv-iso/index.ts'
import { nullBuilder } from './providers/builder/null/index.ts'
import { openstackImage } from './providers/builder/openstack/index.ts'
import { proxmoxClone } from './providers/builder/proxmox-clone/index.ts'
import { proxmoxIso } from './providers/builder/proxmox-iso/index.ts'
import { qemu } from './providers/builder/qemu/index.ts'
import { virtualboxIso } from './providers/builder/virtualbox-iso/index.ts'
import { vsphereClone } from './providers/builder/vsphere-clone/index.ts'
import { vsphereIso } from './providers/builder/vsphere-iso/index.ts'
import { aws } from './providers/cloud/aws/index.ts'
import { azure } from './providers/cloud/azure/index.ts'
import { digitalocean } from './providers/cloud/digitalocean/index.ts'
import { gcp } from './providers/cloud/gcp/index.ts'
import { hetzner } from './providers/cloud/hetzner/index.ts'
import { kubevirt } from './providers/cloud/kubevirt/index.ts'
import { metal } from './providers/cloud/metal/index.ts'
import { nocloud } from './providers/cloud/nocloud/index.ts'
import { openstack } from './providers/cloud/openstack/index.ts'
import { proxmox } from './providers/cloud/proxmox/index.ts'
import { vsphere } from './providers/cloud/vsphere/index.ts'
import { bridge } from './providers/cni/bridge/index.ts'
import { calico } from './providers/cni/calico/index.ts'
import { flannel } from './providers/cni/flannel/index.ts'
import { none } from './providers/cni/none/index.ts'
import { awsNlb } from './providers/endpoint/aws-nlb/index.ts'
import { external } from './providers/endpoint/external/index.ts'
import { keepalivedHaproxy } from './providers/endpoint/keepalived-haproxy/index.ts'
import { kubeVip } from './providers/endpoint/kube-vip/index.ts'
import { stacked } from './providers/etcd/stacked/index.ts'
import { alma } from './providers/os/alma/index.ts'
import { centos } from './providers/os/centos/index.ts'
import { debian } from './providers/os/debian/index.ts'
import { rhel } from './providers/os/rhel/index.ts'
import { rocky } from './providers/os/rocky/index.ts'
import { ubuntu } from './providers/os/ubuntu/index.ts'
import type {
  BuilderProvider,
  CloudProvider,
  CniProvider,
  EndpointProvider,
  OsProvider,
  Provider,
  RuntimeProvider,
} from './providers/provider.ts'
import { containerd } from './providers/runtime/containerd/index.ts'

export const os: readonly OsProvider[] = [ubuntu, debian, rocky, alma, rhel, centos]
export const runtime: readonly RuntimeProvider[] = [containerd]
export const endpoint: readonly EndpointProvider[] = [kubeVip, keepalivedHaproxy, external, awsNlb]
export const etcd: readonly Provider[] = [stacked]
export const cni: readonly CniProvider[] = [calico, flannel, bridge, none]
export const cloud: readonly CloudProvider[] = [
  nocloud,
  metal,
  aws,
  azure,
  gcp,
  openstack,
  vsphere,
  proxmox,
  kubevirt,
  hetzner,
  digitalocean,
]
export const builder: readonly BuilderProvider[] = [
  qemu,
  nullBuilder,
  amazonEbs,
  vsphereIso,
  vsphereClone,
  proxmoxIso,
  proxmoxClone,
  googlecompute,
  azureArm,
  openstackImage,
  virtualboxIso,
  hypervIso,
]
