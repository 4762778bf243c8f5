/** What may be shown of a cluster's secrets. */
import type { CertifiedKey, ClusterSecrets } from '../model/secrets.ts'
import { type CertificateFacts, describeCertificate, publicKeyName } from './inspect.ts'

export interface CertificateSummary extends CertificateFacts {
  /** As the file names it, such as `authorities.kubernetes`. */
  readonly name: string
}

export interface SecretsSummary {
  readonly cluster: string
  readonly createdAt: string
  readonly caCertHash: string
  /** The public half of the bootstrap token. */
  readonly bootstrapTokenId: string
  /** `ecdsa-p256`, `rsa-2048` */
  readonly serviceAccountKey: string
  readonly certificates: readonly CertificateSummary[]
}

/** Everything that identifies the secrets, and no value that must stay secret. */
export function describeSecrets(secrets: ClusterSecrets): SecretsSummary {
  const { authorities, clients } = secrets
  const pairs: readonly (readonly [string, CertifiedKey | undefined])[] = [
    ...Object.entries(authorities).map(([name, pair]) => [`authorities.${name}`, pair] as const),
    ...Object.entries(clients).map(([name, pair]) => [`clients.${name}`, pair] as const),
  ]
  return {
    cluster: secrets.cluster,
    createdAt: secrets.createdAt,
    caCertHash: secrets.caCertHash,
    bootstrapTokenId: tokenId(secrets),
    serviceAccountKey: publicKeyName(secrets.serviceAccount.publicKey),
    certificates: pairs.flatMap(([name, pair]) =>
      pair === undefined ? [] : [{ name, ...describeCertificate(pair.certificate) }],
    ),
  }
}

/** The six characters before the dot: an identifier, which the API server shows as well. */
export function tokenId({ bootstrapToken }: ClusterSecrets): string {
  return bootstrapToken.reveal().slice(0, 6)
}
