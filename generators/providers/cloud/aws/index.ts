import type { Diagnostic } from '../../../model/diagnostic.ts'
import type { ClusterPlan } from '../../../model/plan.ts'
import type { CloudProvider } from '../../provider.ts'
import { metadataRules } from '../metadata.ts'

export const aws: CloudProvider = {
  name: 'aws',
  summary: 'Amazon EC2: 16 KB of user-data, gzip welcome; no ARP, so the endpoint is a load balancer or BGP.',
  options: {},
  // Raw, before base64. IMDS hands the bytes on as they are, so gzip reaches cloud-init.
  userDataLimit: 16_384,
  measured: 'raw',
  encodings: ['plain', 'gzip', 'mime'],
  arp: false,
  nodeName: 'imds-local-hostname',
  source: 'https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-add-user-data.html',
  rules: (plan) => [...metadataRules(plan), ...nodeNames(plan)],
}

/** `ip-10-0-0-61.eu-west-1.compute.internal`, or `i-0123….eu-west-1.compute.internal` for names by resource. */
const privateDnsName = /^(ip-|i-)[a-z0-9-]+(\.[a-z0-9-]+)*\.internal$/

/** Until a Node has its provider ID, its name is all that leads AWS's controller to the instance. */
function nodeNames({ nodes }: ClusterPlan): readonly Diagnostic[] {
  const index = nodes.findIndex(({ name }) => !privateDnsName.test(name))
  const node = nodes[index]
  if (node === undefined) return []
  return [
    {
      code: 'aws/node-name',
      severity: 'info',
      path: ['nodes', index, 'name'],
      message: `${node.name} is not the private DNS name of an instance, by which AWS's cloud controller finds nodes`,
      hint: 'without that controller any name is right; with it, put the nodes into pools: they take their private DNS names',
    },
  ]
}
