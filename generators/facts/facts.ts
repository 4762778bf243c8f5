/**
 * Facts of Kubernetes as data, and the one place where versions are compared.
 * Callers ask `facts.supports.x`, never a number. The table is read by an effect and passed in.
 */
export type KubeadmApi = 'v1beta2' | 'v1beta3' | 'v1beta4'

/** Named after the feature; every one is decided in the JSON of the minor. */
export interface KubernetesSupports {
  /** `kubeadm join` fails when /etc/kubernetes/manifests already holds a static pod. */
  readonly manifestsDirPreflight: boolean
  /** Control planes join etcd as learners by default, so several may join at once. */
  readonly etcdLearner: boolean
  /** etcd takes `experimental-*` flags (3.5 and older). */
  readonly etcdExperimentalFlags: boolean
  /** admin.conf is bound by RBAC and super-admin.conf exists on the init node. */
  readonly superAdminConf: boolean
  /** The kubeadm gate ControlPlaneKubeletLocalMode exists and may be set. */
  readonly localModeGate: boolean
  /** Target `kubeletconfiguration` of kubeadm patches. */
  readonly kubeletConfigurationPatches: boolean
  /** `kubeadm config validate` */
  readonly configValidate: boolean
  readonly nftablesProxy: boolean
  readonly ipvsDeprecated: boolean
  /** The kubelet does not start on a cgroup v1 host unless told to. */
  readonly cgroupV1Refused: boolean
  /** The kubelet speaks CRI v1; otherwise only v1alpha2, which containerd 2 no longer has. */
  readonly criV1: boolean
  readonly criV1Only: boolean
  readonly dualStack: boolean
  /** The kubelet can run with swap on (NodeSwap beta or GA). */
  readonly nodeSwap: boolean
}
