/** Pulumi: three control planes on EC2, each with the text that the blueprint makes for it. `pulumi up` runs this. */
import * as aws from '@pulumi/aws'
import { loadCluster } from 'leaven'

const cluster = await loadCluster('cluster.yaml')
const masters = await cluster.userData({ role: 'master' })

export const instances = cluster.plan.nodes
  .filter((node) => node.role === 'control-plane')
  .map(
    (node) =>
      new aws.ec2.Instance(node.name, {
        ami: 'ami-0123456789abcdef0',
        instanceType: 'm6i.large',
        subnetId: 'subnet-0123456789abcdef0',
        privateIp: node.address,
        // Bytes, since the text may be gzipped; whoever reads the state of the stack reads the CA's key in it.
        userDataBase64: masters.base64,
        // Pods are kept away from user-data by first boot; this keeps tokenless requests away, too.
        metadataOptions: { httpTokens: 'required', httpPutResponseHopLimit: 1 },
      }),
  )
