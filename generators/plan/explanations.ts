/** What `gen explain` says of what comes up when a blueprint is planned: versions, texts, and lints. */
import type { Explanations } from '../model/diagnostic.ts'

const proxies = 'https://kubernetes.io/docs/reference/networking/virtual-ips/#proxy-modes'

const versions: Explanations = {
  'blueprint/unknown-kubernetes': {
    severity: 'error',
    cause: 'We have no facts of this version: its images, its kubeadm API, what it refuses.',
    example: `kubernetes:
  version: 1.99.0`,
    fix: 'Take one of the minors in the hint, or a newer gen.',
    source: 'https://kubernetes.io/releases/',
  },
  'blueprint/patch-beyond-known': {
    severity: 'warning',
    cause:
      'The patch is newer than this gen. Its images are most likely those of the newest patch that we know.',
    example: `kubernetes:
  version: 1.31.99`,
    fix: 'Compare with kubeadm config images list of that version, or take a newer gen.',
    source: 'https://kubernetes.io/releases/patch-releases/',
  },
  'blueprint/unknown-release': {
    severity: 'error',
    cause: 'We do not know this release of the distribution: its packages, kernel and cgroups.',
    example: `os:
  release: "24.40"`,
    fix: 'Take one of the releases in the hint.',
  },
}

const texts: Explanations = {
  'blueprint/one-text': {
    severity: 'error',
    cause:
      'A file or hook has its text either here, under content, or in a file beside the blueprint, under file.',
    example: `files:
  - { path: /etc/motd }`,
    fix: 'Give one of the two.',
  },
  'blueprint/unreadable-file': {
    severity: 'error',
    cause: 'A file that the blueprint names could not be read as text.',
    example: `files:
  - { path: /etc/motd, file: texts/motd }`,
    fix: 'Write its path relative to the blueprint; it has to be UTF-8 and at most 1 MiB.',
  },
  'blueprint/template-syntax': {
    severity: 'error',
    cause: 'The text is a Mustache template, and its braces do not close, or a section does not end.',
    example: `files:
  - { path: /etc/motd, template: true, content: "{{#nodes}} no end" }`,
    fix: 'Close the tag. For braces of another language set other delimiters in the first line: {{=<% %>=}}.',
    source: 'https://mustache.github.io/mustache.5.html',
  },
  'blueprint/unknown-variable': {
    severity: 'error',
    cause: 'The template asks for a name that we do not promise. Mustache would write nothing in its place.',
    example: `files:
  - { path: /etc/motd, template: true, content: "{{clusterNam}}" }`,
    fix: 'Take a name from the list in blueprints/README.md.',
  },
  'blueprint/path-conflict': {
    severity: 'error',
    cause: 'Two owners write one file on a node, usually files and a provider.',
    example: `files:
  - { path: /etc/crictl.yaml, content: "" }`,
    fix: 'Remove the file. What is generated can be changed with overrides and the provider’s options.',
  },
}

const overrides: Explanations = {
  'blueprint/unknown-override': {
    severity: 'warning',
    cause:
      'The patch sets a field that the document does not have in any version that we know. The node would ignore or refuse it.',
    example: `overrides:
  kubelet:
    maxPod: 200`,
    fix: 'Correct the name; if the field is new, allow the warning under lint.',
    source: 'https://kubernetes.io/docs/reference/config-api/kubelet-config.v1beta1/',
  },
  'blueprint/idle-override': {
    severity: 'warning',
    cause:
      'The patch deletes what is not there, or sets what is so anyway. It may be misspelt, or no longer be needed.',
    example: `overrides:
  kubelet:
    cgroupDriver: systemd`,
    fix: 'Compare with what is generated (gen userdata --role master), and correct or remove it.',
    source: 'https://www.rfc-editor.org/rfc/rfc7386',
  },
}

const network: Explanations = {
  'blueprint/arp-on-cloud': {
    severity: 'error',
    cause:
      'The endpoint moves by gratuitous ARP, and this cloud routes by its own tables: only the node that holds it reaches it.',
    example: `cloud: { provider: aws }`,
    fix: 'Make a load balancer of the cloud and use endpoint.provider: external, or BGP where its routers speak it.',
    source: 'https://github.com/kube-vip/kube-vip/issues/556',
  },
  'blueprint/endpoint-outside-subnet': {
    severity: 'error',
    cause:
      'An address that moves by ARP is found by neighbours of one subnet only, and a control plane is in another.',
    example: `endpoint:
  address: 172.31.254.60`,
    fix: 'Take an address of the control planes’ subnet; if that is larger than a /24 set network.prefix.',
    source: 'https://kube-vip.io/docs/about/architecture/',
  },
  'blueprint/address-in-dhcp-range': {
    severity: 'warning',
    cause: 'The DHCP server may lease the address to another machine, and then two answer for it.',
    example: `network:
  dhcpRange: 172.31.253.50-172.31.253.99`,
    fix: 'Take an address outside of the range, or reserve it in the server and narrow the range here.',
    source: 'https://www.rfc-editor.org/rfc/rfc2131#section-3.1',
  },
  'blueprint/pod-subnet-too-small': {
    severity: 'error',
    cause:
      'This network gives each node a /24 of the pod subnet by declaration, and there are more nodes than parts.',
    example: `network:
  podSubnet: 10.244.0.0/23
  cni: { provider: bridge }`,
    fix: 'Take a larger pod subnet before the cluster exists: it cannot grow later.',
  },
  'blueprint/ipvs-deprecated': {
    severity: 'warning',
    cause: 'kube-proxy’s ipvs mode is deprecated since Kubernetes 1.35 and will go.',
    example: `kubernetes:
  version: 1.35.0
  proxyMode: ipvs`,
    fix: 'Leave proxyMode out, or set nftables.',
    source: proxies,
  },
  'blueprint/nftables-too-early': {
    severity: 'error',
    cause:
      'kube-proxy’s nftables mode is stable since Kubernetes 1.33; before, it is behind a gate or not there.',
    example: `kubernetes:
  version: 1.28.9
  proxyMode: nftables`,
    fix: 'Set ipvs or iptables, or take Kubernetes 1.33 or newer.',
    source: proxies,
  },
  'blueprint/nftables-kernel': {
    severity: 'error',
    cause: 'kube-proxy’s nftables mode needs Linux 5.13, and this release boots an older kernel.',
    example: `kubernetes:
  version: 1.34.1
  proxyMode: nftables
os: { provider: debian, release: "11" }`,
    fix: 'Set proxyMode: iptables, or take a newer release.',
    source: 'https://kubernetes.io/docs/reference/networking/virtual-ips/#proxy-mode-nftables',
  },
}

const nodes: Explanations = {
  'blueprint/cgroup-v1': {
    severity: 'error',
    cause: 'The release boots with cgroup v1, where the kubelet does not start since Kubernetes 1.35.',
    example: `kubernetes:
  version: 1.35.0
os: { provider: ubuntu, release: "20.04" }`,
    fix: 'Take a release with cgroup v2, or Kubernetes 1.34 or older.',
    source: 'https://kubernetes.io/docs/concepts/architecture/cgroups/#deprecation-of-cgroup-v1',
  },
  'blueprint/unknown-feature-gate': {
    severity: 'error',
    cause:
      'kubernetes.featureGates are those of kubeadm itself, and it stops at one that it does not have, or no longer has.',
    example: `kubernetes:
  version: 1.36.0
  featureGates: { ControlPlaneKubeletLocalMode: true }`,
    fix: 'Remove it; gates of the components go under extraArgs: { feature-gates: … } or overrides.kubelet.featureGates.',
    source: 'https://kubernetes.io/docs/reference/setup-tools/kubeadm/kubeadm-init/#feature-gates',
  },
  'blueprint/restricted-label': {
    severity: 'error',
    cause:
      'The kubelet does not start when it is to give itself a label of Kubernetes’ own domains, such as a role.',
    example: `nodes:
  - { name: m1, role: control-plane, address: 172.31.253.61 }
  - { name: w1, role: worker, labels: { node-role.kubernetes.io/gpu: "" } }`,
    fix: 'Use a domain of your own, or label the node with kubectl after it has joined.',
    source: 'https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#noderestriction',
  },
  'blueprint/below-kubeadm-minimum': {
    severity: 'error',
    cause:
      'kubeadm’s preflight checks NumCPU and Mem refuse control planes with less than 2 CPUs or 1,700 MiB.',
    example: `nodes:
  - { name: m1, role: control-plane, address: 172.31.253.61, resources: { cpus: 1, memoryGiB: 1 } }`,
    fix: 'Give the machine more; for a test, bootstrap.ignorePreflight: [NumCPU, Mem].',
    source:
      'https://kubernetes.io/docs/setup/production-environment/tools/kubeadm/install-kubeadm/#before-you-begin',
  },
  'blueprint/control-plane-too-small': {
    severity: 'warning',
    cause:
      'API server and etcd grow with the number of nodes: 4 CPUs and 8 GiB up to 5 nodes, 16 GiB up to 20, 8 CPUs and 32 GiB up to 100, 16 and 64 up to 200, then 32 and 128.',
    example: `nodes:
  - { name: m1, role: control-plane, address: 172.31.253.61, resources: { cpus: 4, memoryGiB: 8 } }
pools:
  - { name: burst, maxNodes: 50 }`,
    fix: 'Give control planes what the hint says, or allow the warning: for tests smaller is enough.',
    source: 'https://help.aliyun.com/document_detail/98886.html',
  },
  'blueprint/moving-tag-offline': {
    severity: 'warning',
    cause:
      'With the tag latest, or none, the kubelet pulls the image at every start, although it was imported. Offline that fails.',
    example: `airgap: { enabled: true }
files:
  - path: /etc/kubernetes/manifests/proxy.yaml
    content: |
      image: registry.internal/proxy:latest`,
    fix: 'Name a version or a digest, or set imagePullPolicy: IfNotPresent and allow the warning.',
    source: 'https://kubernetes.io/docs/concepts/containers/images/#imagepullpolicy-defaulting',
  },
  'blueprint/user-data-too-large': {
    severity: 'error',
    cause: 'The text of a role has more bytes than the cloud takes, even compressed.',
    fix: 'Bake a machine image and set bootstrap.prebaked: true, keep ECDSA keys, and move files into the image.',
    source: 'https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-add-user-data.html',
  },
}

/** `lint.allow` itself. */
const allowances: Explanations = {
  'blueprint/unknown-code': {
    severity: 'warning',
    cause: 'lint.allow names a code that no rule has.',
    example: `lint:
  allow:
    - { code: stacked/even-member, reason: the fourth replaces m1 }`,
    fix: 'Write the code as it is printed in brackets; gen explain lists all.',
  },
  'blueprint/allowed-error': {
    severity: 'error',
    cause:
      'lint.allow names an error. Warnings may not apply to you; errors mean that the cluster would not come up.',
    example: `lint:
  allow:
    - { code: blueprint/endpoint-is-node, reason: I know what I do }`,
    fix: 'Correct what the error reports and remove the entry.',
  },
  'blueprint/unused-allow': {
    severity: 'warning',
    cause:
      'lint.allow names a warning that does not come up any more. Left there, it would hide the next one.',
    example: `lint:
  allow:
    - { code: stacked/even-members, reason: the fourth replaces m1 }`,
    fix: 'Remove the entry.',
  },
}

export const explanations: Explanations = {
  ...versions,
  ...texts,
  ...overrides,
  ...network,
  ...nodes,
  ...allowances,
}
