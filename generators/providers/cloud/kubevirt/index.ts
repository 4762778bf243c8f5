import { warning } from '../../../model/diagnostic.ts'
import type { CloudProvider } from '../../provider.ts'

export const kubevirt: CloudProvider = {
  name: 'kubevirt',
  summary:
    'KubeVirt with the text in a Secret (cloudInitNoCloud.secretRef); written inline it may have 2,048 bytes only.',
  options: {},
  // What a Secret holds.
  userDataLimit: 1_048_576,
  measured: 'raw',
  encodings: ['plain', 'mime'],
  arp: true,
  nodeName: 'declared',
  source: 'https://kubevirt.io/user-guide/user_workloads/startup_scripts/',
  rules: ({ endpoint }) =>
    endpoint.vip === undefined
      ? []
      : [
          warning(
            'kubevirt/vip-needs-bridge',
            ['endpoint', 'address'],
            `${endpoint.vip} can only move between VMs on a bridged network: the pod network gives each VM one address`,
            'attach the control planes to a Multus network with a bridge binding, or use endpoint.provider: external',
          ),
        ],
}
