/** Keys and certificates that a group's nodes get, and who may read them. */
import type { FileSpec, SecretJson } from '../model/contribution.ts'
import { identityFolder } from '../model/node-paths.ts'
import type { ClusterPlan } from '../model/plan.ts'
import type { CertifiedKey, ClusterSecrets } from '../model/secrets.ts'
import { kubeconfigOfFiles } from '../secrets/kubeconfig.ts'
import type { GroupSketch } from './group.ts'
import { discoveryFile, encryptionFile, hostPort } from './kubeadm.ts'

export function keyFiles(
  plan: ClusterPlan,
  group: GroupSketch,
  secrets: ClusterSecrets,
): readonly FileSpec[] {
  return [
    ...authorities(group, secrets),
    ...identity(plan, group, secrets),
    ...encryption(plan, group, secrets),
  ]
}

/** Every node gets the CA certificate; only control planes get keys, so that one can still join next year. */
function authorities({ role }: GroupSketch, secrets: ClusterSecrets): readonly FileSpec[] {
  const folder = '/etc/leaven/pki'
  const { kubernetes, etcd, frontProxy } = secrets.authorities
  const certificate = (name: string, text: string) => publicFile(`${folder}/${name}`, text)
  if (role === 'worker') return [certificate('ca.crt', kubernetes.certificate)]
  const pair = (name: string, { certificate: text, key }: CertifiedKey): readonly FileSpec[] => [
    certificate(`${name}.crt`, text),
    { path: `${folder}/${name}.key`, mode: 0o600, body: { kind: 'secret', text: key } },
  ]
  return [
    ...pair('ca', kubernetes),
    ...pair('etcd/ca', etcd),
    ...pair('front-proxy-ca', frontProxy),
    certificate('sa.pub', secrets.serviceAccount.publicKey),
    {
      path: `${folder}/sa.key`,
      mode: 0o600,
      body: { kind: 'secret', text: secrets.serviceAccount.privateKey },
    },
  ]
}

/**
 * The client with which a node joins. A control plane's may do everything: it holds the CA's key anyway, and has to
 * clean up after a join that lost power. kubeadm copies the files into the kubeconfigs that it writes.
 */
function identity(plan: ClusterPlan, { role }: GroupSketch, secrets: ClusterSecrets): readonly FileSpec[] {
  if (role === 'worker' && plan.bootstrap.credential === 'token') return []
  const client = role === 'worker' ? secrets.clients.workerBootstrap : secrets.clients.controlPlane
  if (client === undefined) return []
  const [caFile, certificateFile, keyFile] = ['ca.crt', 'client.crt', 'client.key'].map(
    (name) => `${identityFolder}/${name}`,
  ) as [string, string, string]
  const document = kubeconfigOfFiles({
    cluster: plan.name,
    user: 'leaven',
    server: `https://${hostPort(plan.endpoint.host, plan.endpoint.port)}`,
    caFile,
    certificateFile,
    keyFile,
  })
  return [
    { path: discoveryFile, mode: 0o600, body: { kind: 'yaml', documents: [document] } },
    publicFile(caFile, secrets.authorities.kubernetes.certificate),
    publicFile(certificateFile, client.certificate),
    { path: keyFile, mode: 0o600, body: { kind: 'secret', text: client.key } },
  ]
}

/** https://kubernetes.io/docs/tasks/administer-cluster/encrypt-data/ */
function encryption(plan: ClusterPlan, { role }: GroupSketch, secrets: ClusterSecrets): readonly FileSpec[] {
  if (!plan.kubernetes.encryptionAtRest || role === 'worker') return []
  const document: SecretJson = {
    apiVersion: 'apiserver.config.k8s.io/v1',
    kind: 'EncryptionConfiguration',
    resources: [
      {
        resources: ['secrets'],
        providers: [
          { secretbox: { keys: [{ name: 'leaven-1', secret: secrets.encryptionKey }] } },
          { identity: {} },
        ],
      },
    ],
  }
  return [{ path: encryptionFile, mode: 0o600, body: { kind: 'secret-yaml', documents: [document] } }]
}

function publicFile(path: string, text: string): FileSpec {
  return { path, mode: 0o644, body: { kind: 'text', text } }
}
