import type { Contribution } from '../../../model/contribution.ts'
import { type Diagnostic, error } from '../../../model/diagnostic.ts'
import type { ClusterPlan } from '../../../model/plan.ts'
import type { CloudProvider } from '../../provider.ts'
import { metadataRules } from '../metadata.ts'

export const aws: CloudProvider = {
  name: 'aws',
  summary: 'Amazon EC2: 16 KB of user-data, gzip welcome; no ARP, so the endpoint is a load balancer or BGP.',
  options: {
    cloudController: {
      description:
        "AWS's cloud controller will run here (an add-on of yours): the kubelet waits for it, and nodes have their private DNS names.",
      type: 'boolean',
      default: false,
      examples: [true],
    },
    etcdVolume: {
      description:
        "Size in GiB of an EBS volume of its own for etcd's data on control planes; 0: the root volume.",
      type: 'integer',
      minimum: 0,
      maximum: 1024,
      default: 0,
      examples: [20],
    },
    etcdDevice: {
      description:
        'What the node calls that volume: the second NVMe disk on Nitro instances without instance store, /dev/xvdf on Xen.',
      type: 'string',
      pattern: '^/dev/[a-z0-9]+$',
      expect: 'a device such as /dev/nvme1n1',
      default: '/dev/nvme1n1',
      examples: ['/dev/xvdf'],
    },
  },
  // Raw, before base64. IMDS hands the bytes on as they are, so gzip reaches cloud-init.
  userDataLimit: 16_384,
  measured: 'raw',
  encodings: ['plain', 'gzip', 'mime'],
  arp: false,
  nodeName: 'imds-local-hostname',
  source: 'https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-add-user-data.html',
  rules: (plan) => [...metadataRules(plan), ...nodeNames(plan)],
  contribute: (plan, { role }) => {
    const volume = role === 'control-plane' && etcdVolume(plan) > 0 ? etcdMount(plan) : {}
    const kubeletArgs = hasCloudController(plan) ? { 'cloud-provider': 'external' } : {}
    return { ...volume, kubeadm: { ...volume.kubeadm, kubeletArgs } }
  },
}

/** GiB; 0: none. */
export function etcdVolume({ cloud }: ClusterPlan): number {
  return Number(cloud.options['etcdVolume'] ?? 0)
}

export function etcdDevice({ cloud }: ClusterPlan): string {
  return String(cloud.options['etcdDevice'] ?? '/dev/nvme1n1')
}

function hasCloudController({ cloud }: ClusterPlan): boolean {
  return cloud.options['cloudController'] === true
}

const label = 'leaven-etcd'

/**
 * cloud-init makes the file system, once; the label finds it on later boots, whatever the disk is called then. etcd's
 * pod would start on an empty folder without it, so the kubelet waits for the mount.
 */
function etcdMount(plan: ClusterPlan): Contribution {
  const { dataDir } = plan.etcd
  const unit = `${escapedPath(dataDir)}.mount`
  const lines = (path: string, content: readonly string[]) =>
    ({ path, mode: 0o644, body: { kind: 'lines', lines: content } }) as const
  return {
    cloudConfig: {
      fs_setup: [
        { label, filesystem: 'ext4', device: etcdDevice(plan), partition: 'none', overwrite: false },
      ],
    },
    files: [
      lines(`/etc/systemd/system/${unit}`, [
        '[Mount]',
        `What=/dev/disk/by-label/${label}`,
        `Where=${dataDir}`,
        'Type=ext4',
        '[Install]',
        'WantedBy=multi-user.target',
      ]),
      lines('/etc/systemd/system/kubelet.service.d/20-etcd.conf', ['[Unit]', `RequiresMountsFor=${dataDir}`]),
    ],
    services: [{ phase: 'system', unit }],
    // ext4 keeps lost+found there.
    kubeadm: { ignorePreflight: [`DirAvailable-${dataDir.replaceAll('/', '-')}`] },
  }
}

/** As systemd-escape --path has it: the file has to be named after the folder. */
function escapedPath(path: string): string {
  return path
    .slice(1)
    .replaceAll(/[^a-zA-Z0-9_./]/g, (char) => `\\x${char.charCodeAt(0).toString(16)}`)
    .replaceAll('/', '-')
}

/** `ip-10-0-0-61.eu-west-1.compute.internal`, or `i-0123….eu-west-1.compute.internal` for names by resource. */
const privateDnsName = /^(ip-|i-)[a-z0-9-]+(\.[a-z0-9-]+)*\.internal$/

/** Until a Node has its provider ID, its name is all that leads AWS's controller to the instance. */
function nodeNames(plan: ClusterPlan): readonly Diagnostic[] {
  const index = plan.nodes.findIndex(({ name }) => !privateDnsName.test(name))
  const node = plan.nodes[index]
  if (node === undefined) return []
  const path = ['nodes', index, 'name']
  const message = `${node.name} is not the private DNS name of an instance, by which AWS's cloud controller finds nodes`
  if (hasCloudController(plan))
    return [
      error(
        'aws/node-name-unknown',
        path,
        message,
        'name it as EC2 will: ip-10-0-1-11.eu-central-1.compute.internal has the address 10.0.1.11; or put it into a pool',
      ),
    ]
  return [
    {
      code: 'aws/node-name',
      severity: 'info',
      path,
      message,
      hint: 'without that controller any name is right; with it, put the nodes into pools: they take their private DNS names',
    },
  ]
}
