/** The cluster's secrets as the compiler takes them in: an input, like the blueprint. */
import type { Secret } from './secret.ts'

export type KeyAlgorithm = 'ecdsa-p256' | 'rsa-2048'

export interface CertifiedKey {
  /** PEM, public. */
  readonly certificate: string
  /** PEM: SEC1/PKCS#8 or PKCS#1, as kubeadm reads it. */
  readonly key: Secret
}

export interface ClusterSecrets {
  readonly cluster: string
  /** RFC 3339, UTC; when the secrets were made. */
  readonly createdAt: string
  readonly keyAlgorithm: KeyAlgorithm
  readonly authorities: {
    readonly kubernetes: CertifiedKey
    readonly etcd: CertifiedKey
    readonly frontProxy: CertifiedKey
  }
  /** PEM key pair that signs service-account tokens. */
  readonly serviceAccount: { readonly publicKey: string; readonly privateKey: Secret }
  /** `[a-z0-9]{6}.[a-z0-9]{16}` */
  readonly bootstrapToken: Secret
  /** 32 bytes, base64, for encryption at rest. */
  readonly encryptionKey: Secret
  readonly clients: {
    /** O=system:masters: a control plane joins with it, and kube-vip holds its lease with it from the first minute. */
    readonly controlPlane: CertifiedKey
    /** May join and no more. Made on request and expiring: a worker's text never holds a lasting credential. */
    readonly workerBootstrap?: CertifiedKey
  }
  /** `sha256:<hex>` of the Kubernetes CA's public key, as kubeadm's caCertHashes wants it. */
  readonly caCertHash: string
}
