/** The HTTP proxy, for every service of ours that speaks to the outside. */
import type { FileSpec } from '../../model/contribution.ts'
import type { ClusterPlan } from '../../model/plan.ts'

/**
 * leaven.service is among them for its downloads and package managers; kubeadm, which it runs, hands the
 * variables on to the control plane's pods: so the list of exceptions has to be complete.
 */
export function proxyFiles(plan: ClusterPlan): readonly FileSpec[] {
  if (plan.proxy === undefined) return []
  const { http, https } = plan.proxy
  const variables = { HTTP_PROXY: http, HTTPS_PROXY: https, NO_PROXY: noProxy(plan).join(',') }
  const lines = [
    '[Service]',
    // curl reads http_proxy in lower case only, Go reads either.
    ...Object.entries(variables).flatMap(([name, value]) => [
      environment(name, value),
      environment(name.toLowerCase(), value),
    ]),
  ]
  return [plan.runtime.unit, 'kubelet.service', 'leaven.service'].map((unit) => ({
    path: `/etc/systemd/system/${unit}.d/http-proxy.conf`,
    mode: 0o644,
    body: { kind: 'lines', lines },
  }))
}

/** The user's exceptions, and everything inside the cluster: addresses one by one, for curl before 7.86. */
export function noProxy({ proxy, network, endpoint, nodes }: ClusterPlan): readonly string[] {
  return [
    ...new Set([
      'localhost',
      '127.0.0.1',
      '::1',
      // Clouds' metadata services.
      '169.254.169.254',
      endpoint.host,
      ...(endpoint.address === undefined ? [] : [endpoint.address]),
      ...nodes.flatMap(({ name, address, secondAddress }) =>
        [name, address ?? [], secondAddress ?? []].flat(),
      ),
      ...network.podSubnet.split(','),
      ...network.serviceSubnet.split(','),
      '.svc',
      `.${network.dnsDomain}`,
      ...(proxy?.noProxy ?? []),
    ]),
  ]
}

/** One quoted assignment; `%` begins a specifier in units, and URLs have it in passwords (systemd.exec(5)). */
function environment(name: string, value: string): string {
  return `Environment="${name}=${value.replace(/[\\"]/g, '\\$&').replaceAll('%', '%%')}"`
}
