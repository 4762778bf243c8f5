/** Makes a cluster's secrets, from nothing or around an existing PKI. Pure under its clock and randomness. */
import { createPublicKey } from 'node:crypto'
import { Secret } from '../model/secret.ts'
import type { CertifiedKey, ClusterSecrets, KeyAlgorithm } from '../model/secrets.ts'
import { caCertHash } from './inspect.ts'
import { createKey, createToken, privateKeyPem, type Randomness } from './keys.ts'
import { type ClientSubject, createAuthority, issueClient, type Making } from './x509.ts'

export interface SecretsRequest {
  readonly cluster: string
  readonly keyAlgorithm: KeyAlgorithm
  /** `facts.supports.ecdsaServiceAccountKey`: without it that one key is RSA, whatever `keyAlgorithm` says. */
  readonly ecdsaServiceAccountKey: boolean
  readonly now: Date
  readonly randomness: Randomness
}

/** New CAs, keys, token and clients. The same request gives the same bytes. */
export async function createSecrets(request: SecretsRequest): Promise<ClusterSecrets> {
  const algorithm = request.ecdsaServiceAccountKey ? request.keyAlgorithm : 'rsa-2048'
  return complete(request, {
    kubernetes: await createAuthority('kubernetes', request),
    etcd: await createAuthority('etcd-ca', request),
    frontProxy: await createAuthority('front-proxy-ca', request),
    serviceAccountKey: privateKeyPem(await createKey(algorithm, request.randomness)),
  })
}

/** An existing `/etc/kubernetes/pki`; each pair was checked before. */
export interface ExistingPki {
  readonly kubernetes: CertifiedKey
  readonly etcd: CertifiedKey
  readonly frontProxy: CertifiedKey
  /** PEM; the public key follows from it. */
  readonly serviceAccountKey: string
}

/** Keeps an existing PKI as it is and adds what it lacks: clients, token, encryption key. */
export async function adoptPki(
  request: Omit<SecretsRequest, 'ecdsaServiceAccountKey'>,
  pki: ExistingPki,
): Promise<ClusterSecrets> {
  return complete(request, pki)
}

async function complete(
  request: Making & Pick<SecretsRequest, 'cluster'>,
  pki: ExistingPki,
): Promise<ClusterSecrets> {
  const { randomness } = request
  const publicKey = createPublicKey(pki.serviceAccountKey).export({ type: 'spki', format: 'pem' })
  return {
    cluster: request.cluster,
    createdAt: `${request.now.toISOString().slice(0, 19)}Z`,
    keyAlgorithm: request.keyAlgorithm,
    authorities: { kubernetes: pki.kubernetes, etcd: pki.etcd, frontProxy: pki.frontProxy },
    serviceAccount: { publicKey: publicKey.toString(), privateKey: new Secret(pki.serviceAccountKey) },
    bootstrapToken: new Secret(createToken(randomness)),
    encryptionKey: new Secret(Buffer.from(randomness.bytes(32)).toString('base64')),
    clients: {
      controlPlane: await issueClient(controlPlane, pki.kubernetes, request),
    },
    caCertHash: caCertHash(pki.kubernetes.certificate),
  }
}

/**
 * kube-vip must hold its lease before any RBAC rule exists, and a control plane cleans up after a join that lost power:
 * system:masters is the only group that needs no rule. No boundary is lost, the CA's key lies beside it.
 * https://kubernetes.io/docs/reference/access-authn-authz/rbac/#default-roles-and-role-bindings
 */
const controlPlane: ClientSubject = { commonName: 'leaven:control-plane', organization: 'system:masters' }

/**
 * The group that kubeadm binds its join rules to (kubeadm:get-nodes, kubeadm:nodes-kubeadm-config,
 * kubeadm:kubelet-config, kube-proxy's ConfigMap, CSR creation and approval), so a certificate in it can do what a
 * token can. https://kubernetes.io/docs/reference/setup-tools/kubeadm/implementation-details/
 */
const nodeBootstrap: ClientSubject = {
  commonName: 'leaven:node-bootstrap',
  organization: 'system:bootstrappers:kubeadm:default-node-token',
}

/**
 * A join credential that ends by itself, for text that may be read by more people than a control plane's.
 * @param lifetime milliseconds
 */
export async function issueJoinCertificate(
  authority: CertifiedKey,
  lifetime: number,
  making: Making,
): Promise<CertifiedKey> {
  return issueClient({ ...nodeBootstrap, lifetime }, authority, making)
}

/**
 * An administrator's credential.
 * @param user the name that audit logs show
 * @param lifetime milliseconds
 */
export async function issueAdmin(
  user: string,
  authority: CertifiedKey,
  lifetime: number,
  making: Making,
): Promise<CertifiedKey> {
  return issueClient({ commonName: user, organization: 'system:masters', lifetime }, authority, making)
}
