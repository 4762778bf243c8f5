/** AWS CDK: a launch template for the pool `autoscaling` of blueprints/aws.yaml. `cdk deploy` runs this. */
import { App, Stack } from 'aws-cdk-lib'
import { CfnLaunchTemplate } from 'aws-cdk-lib/aws-ec2'
import { BlueprintError, loadCluster } from 'leaven'

try {
  const cluster = await loadCluster('cluster.yaml')
  const workers = await cluster.userData({ pool: 'autoscaling' })
  const stack = new Stack(new App(), 'workers')
  new CfnLaunchTemplate(stack, 'Worker', {
    launchTemplateData: {
      imageId: 'ami-0123456789abcdef0',
      instanceType: 'm6i.large',
      userData: workers.base64,
      // The kubelet asks the metadata service for the node's name; pods do not get there.
      metadataOptions: { httpTokens: 'required', httpPutResponseHopLimit: 1 },
    },
  })
} catch (problem) {
  if (!(problem instanceof BlueprintError)) throw problem
  process.stderr.write(problem.message)
  process.exitCode = 1
}
