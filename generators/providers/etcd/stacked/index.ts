import type { Provider } from '../../provider.ts'

export const stacked: Provider = {
  name: 'stacked',
  summary: 'One etcd member on every control plane, run by kubeadm.',
  options: {},
}
