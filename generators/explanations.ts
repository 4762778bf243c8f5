/** Every code that can be printed, with what `gen explain` says of it. The texts lie with the rules; here they are listed. */
import { explanations as blueprint } from './blueprint/explanations.ts'
import type { Explanations } from './model/diagnostic.ts'
import { explanations as plan } from './plan/explanations.ts'
import { bake } from './plan/explanations-bake.ts'
import { explanations as cloud } from './providers/cloud/explanations.ts'
import { explanations as cni } from './providers/cni/explanations.ts'
import { explanations as awsNlb } from './providers/endpoint/aws-nlb/explanations.ts'
import { explanations as keepalivedHaproxy } from './providers/endpoint/keepalived-haproxy/explanations.ts'
import { explanations as kubeVip } from './providers/endpoint/kube-vip/explanations.ts'
import { explanations as stacked } from './providers/etcd/stacked/explanations.ts'
import { explanations as os } from './providers/os/explanations.ts'
import { explanations as containerd } from './providers/runtime/containerd/explanations.ts'
import { explanations as secrets } from './secrets/explanations.ts'

export const explanations: Explanations = {
  ...blueprint,
  ...plan,
  ...bake,
  ...secrets,
  ...kubeVip,
  ...keepalivedHaproxy,
  ...awsNlb,
  ...stacked,
  ...cni,
  ...os,
  ...containerd,
  ...cloud,
}
