import type { Explanations } from '../../../model/diagnostic.ts'

export const explanations: Explanations = {
  'keepalived-haproxy/port-taken': {
    severity: 'error',
    cause: 'HAProxy runs on the nodes that run the API servers, and two programs cannot listen on one port.',
    example: `endpoint:
  provider: keepalived-haproxy
  address: 172.31.253.60
  port: 6443`,
    fix: 'Leave endpoint.port out (8443), or move the API servers with kubernetes.apiServer.port.',
    source: 'https://github.com/kubernetes/kubeadm/blob/main/docs/ha-considerations.md#haproxy-configuration',
  },
  'keepalived-haproxy/mixed-families': {
    severity: 'error',
    cause: 'VRRP speaks in the IP family of its VIP, so neighbours need an address of that family.',
    example: `endpoint:
  provider: keepalived-haproxy
  address: fd00::60`,
    fix: 'Give VIP and control planes addresses of one family.',
    source: 'https://www.rfc-editor.org/rfc/rfc9568',
  },
}
