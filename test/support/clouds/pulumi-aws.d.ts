/** As much of @pulumi/aws as examples/pulumi.ts uses, after its published types; the package is far larger than ours. */
declare module '@pulumi/aws' {
  export namespace ec2 {
    class Instance {
      constructor(
        name: string,
        args: {
          ami?: string
          instanceType?: string
          subnetId?: string
          privateIp?: string | undefined
          userDataBase64?: string
          metadataOptions?: { httpTokens?: string; httpPutResponseHopLimit?: number }
        },
      )
    }
  }
}
