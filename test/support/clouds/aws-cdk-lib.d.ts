/** As much of aws-cdk-lib as examples/cdk.ts uses, after its published types; the package is far larger than ours. */
declare module 'aws-cdk-lib' {
  export class App {}
  export class Stack {
    constructor(scope: App, id: string)
  }
}
declare module 'aws-cdk-lib/aws-ec2' {
  import type { Stack } from 'aws-cdk-lib'
  export class CfnLaunchTemplate {
    constructor(
      scope: Stack,
      id: string,
      props: {
        launchTemplateData: {
          imageId?: string
          instanceType?: string
          userData?: string
          metadataOptions?: { httpTokens?: string; httpPutResponseHopLimit?: number }
        }
      },
    )
  }
}
