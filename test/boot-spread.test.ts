/** Both CoreDNS replicas start on the init node, the only one there is; it moves one as soon as another can have it. */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const program = join(import.meta.dirname, '../boot/control-plane')

const masters = ['m1', 'm2', 'm3'].map((name) => `${name}   Ready   control-plane,master   5m   v1.20.2`)
const pod = (name: string, node: string, status = 'Running') =>
  `${name}   1/1   ${status}   2 (5m ago)   7m   10.244.0.9   ${node}   <none>   <none>`

interface Cluster {
  /** As `kubectl get nodes --no-headers` prints them. */
  readonly nodes: readonly string[]
  /** Likewise with `-o wide`; none when the API does not answer. */
  readonly pods: readonly string[]
}

/** What one round of it changes: marks on disk, pods that are deleted; and whether it will look again. */
function round({ nodes, pods }: Cluster): readonly string[] {
  const script = `
    . "$0"
    T=$'\\t' LEAVEN_SPREAD_DNS=1
    rows() { printf '%s\\tcontrol-plane\\t-\\t-\\t-\\t-\\t-\\n' m1 m2 m3; printf 'w1\\tworker\\t-\\t-\\t-\\t-\\t-\\n'; }
    is() { false; }
    mark() { echo "mark $1"; }
    kc() { case "$*" in *'get pods'*) echo "$PODS" ;; *'get nodes'*) echo "$NODES" ;; *) echo "$@" >&2 ;; esac; }
    later || echo again`
  const env = { ...process.env, NODES: nodes.join('\n'), PODS: pods.join('\n') }
  const said = execFileSync('bash', ['-c', `exec 2>&1; ${script}`, program], { env, encoding: 'utf8' })
  return said.trim().split('\n')
}

const moved = 'delete pod --wait=false -n kube-system dns-b'

test.each<[string, Cluster, readonly string[]]>([
  [
    'on two nodes',
    { nodes: masters, pods: [pod('dns-a', 'm1'), pod('dns-b', 'w1')] },
    ['mark dns-spread', 'again'],
  ],
  ['on one of several', { nodes: masters, pods: [pod('dns-a', 'm1'), pod('dns-b', 'm1')] }, [moved, 'again']],
  [
    'on the only node',
    { nodes: masters.slice(0, 1), pods: [pod('dns-a', 'm1'), pod('dns-b', 'm1')] },
    ['again'],
  ],
  [
    'on one, and no other is ready',
    {
      nodes: [...masters.slice(0, 1), 'm2   NotReady   <none>   5s   v1.20.2'],
      pods: [pod('dns-a', 'm1'), pod('dns-b', 'm1')],
    },
    ['again'],
  ],
  [
    'one that goes does not count',
    { nodes: masters, pods: [pod('dns-0', 'm1', 'Terminating'), pod('dns-a', 'w1'), pod('dns-b', 'w1')] },
    [moved, 'again'],
  ],
  [
    'what comes for one that goes is not there yet',
    { nodes: masters, pods: [pod('dns-a', 'm1'), pod('dns-b', 'm1', 'Terminating')] },
    ['again'],
  ],
  [
    'on a control plane that may still join anew',
    {
      nodes: [...masters.slice(0, 2), 'master-3   Ready   <none>   9s   v1.20.2'],
      pods: [pod('dns-a', 'm1'), pod('dns-b', 'master-3')],
    },
    ['again'],
  ],
  ['nobody answers', { nodes: [], pods: [] }, ['again']],
])('CoreDNS %s', (_, cluster, expected) => {
  expect(round(cluster)).toEqual(expected)
})
