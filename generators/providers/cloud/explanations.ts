/** Of all clouds: each has few. */
import type { Explanations } from '../../model/diagnostic.ts'

export const explanations: Explanations = {
  'cloud/metadata-open': {
    severity: 'warning',
    cause:
      'Whoever asks 169.254.169.254 from a node gets its user-data, pods too; on control planes that holds the CA keys.',
    example: `cloud: { provider: hetzner }
endpoint: { provider: external, address: 203.0.113.10 }
bootstrap:
  blockMetadata: false`,
    fix: 'Leave blockMetadata out. Pods that need the cloud’s identities can get them in other ways.',
    source: 'https://github.com/kubernetes-sigs/cluster-api/issues/1739',
  },
  'aws/node-name': {
    severity: 'info',
    cause:
      'AWS’s cloud controller finds an instance by its private DNS name, until the Node has a provider ID.',
    example: `cloud: { provider: aws }
endpoint: { provider: external, name: api.prod.example.com }`,
    fix: 'Without that controller nothing. With it, put the nodes into pools, which take their private DNS names.',
    source: 'https://cloud-provider-aws.sigs.k8s.io/prerequisites/#node-names',
  },
  'aws/node-name-unknown': {
    severity: 'error',
    cause:
      'AWS’s cloud controller is to run here, and it would take a Node away whose name is not an instance’s private DNS name.',
    example: `cloud: { provider: aws, cloudController: true }
endpoint: { provider: external, name: api.prod.example.com }`,
    fix: 'Declare nodes by their private DNS names, which follow from their addresses; members of pools find theirs out.',
    source: 'https://cloud-provider-aws.sigs.k8s.io/prerequisites/#node-names',
  },
  'azure/secrets-in-custom-data': {
    severity: 'warning',
    cause: 'Azure shows custom data to whoever may read the VM, and asks to keep secrets out of it.',
    example: `cloud: { provider: azure }
endpoint: { provider: external, address: 203.0.113.10 }`,
    fix: 'Keep the text out of templates and state files; first boot removes its copies on the node. Then allow the warning.',
    source: 'https://learn.microsoft.com/en-us/azure/virtual-machines/custom-data',
  },
  'kubevirt/vip-needs-bridge': {
    severity: 'warning',
    cause: 'On the pod network each VM has one address, so a VIP cannot move from one to another.',
    example: `cloud: { provider: kubevirt }`,
    fix: 'Attach the control planes to a Multus network with a bridge binding, or use endpoint.provider: external.',
    source: 'https://kubevirt.io/user-guide/network/interfaces_and_networks/',
  },
  'openstack/allowed-address-pairs': {
    severity: 'warning',
    cause: 'Neutron drops packets from an address that the port does not own, and the VIP is one.',
    example: `cloud: { provider: openstack }`,
    fix: 'Add the VIP to the allowed address pairs of every control plane’s port, then allow the warning.',
    source:
      'https://docs.openstack.org/neutron/latest/admin/archives/introduction.html#allowed-address-pairs',
  },
  'proxmox/no-identity': {
    severity: 'warning',
    cause: 'With a snippet Proxmox writes no host name, so a machine must know itself by address or MAC.',
    example: `cloud: { provider: proxmox }
nodes:
  - { name: m1, role: control-plane, address: 172.31.253.61 }
  - { name: w1, role: worker }`,
    fix: 'Add mac: the VM’s, from qm config VMID, or an address.',
    source: 'https://pve.proxmox.com/wiki/Cloud-Init_Support',
  },
  'vsphere/encoding-key': {
    severity: 'info',
    cause:
      'guestinfo.userdata holds gzip+base64, and without guestinfo.userdata.encoding cloud-init takes it for text.',
    example: `cloud: { provider: vsphere }`,
    fix: 'Set guestinfo.userdata.encoding to gzip+base64 beside it.',
    source: 'https://docs.cloud-init.io/en/latest/reference/datasources/vmware.html',
  },
}
