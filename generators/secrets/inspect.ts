/** Reads certificates and keys with node:crypto alone: this is on the path of every command. */
import { createHash, createPrivateKey, createPublicKey, type KeyObject, X509Certificate } from 'node:crypto'
import type { KeyAlgorithm } from '../model/secrets.ts'

/** What a certificate says, for a person. */
export interface CertificateFacts {
  /** `CN=kube-vip, O=system:masters` */
  readonly subject: string
  readonly notBefore: Date
  readonly notAfter: Date
  readonly keyAlgorithm: string
}

/**
 * kubeadm's caCertHashes entry: SHA-256 over the DER of the SubjectPublicKeyInfo.
 * https://kubernetes.io/docs/reference/setup-tools/kubeadm/kubeadm-join/#token-based-discovery-with-ca-pinning
 * @param certificate PEM
 * @returns `sha256:<hex>`
 */
export function caCertHash(certificate: string): string {
  const spki = new X509Certificate(certificate).publicKey.export({ type: 'spki', format: 'der' })
  return `sha256:${createHash('sha256').update(spki).digest('hex')}`
}

/** @param certificate PEM */
export function describeCertificate(certificate: string): CertificateFacts {
  const x509 = new X509Certificate(certificate)
  return {
    subject: x509.subject.split('\n').reverse().join(', '),
    notBefore: new Date(x509.validFrom),
    notAfter: new Date(x509.validTo),
    keyAlgorithm: keyName(x509.publicKey),
  }
}

/** @param publicKey PEM */
export function publicKeyName(publicKey: string): string {
  return keyName(createPublicKey(publicKey))
}

/** `ecdsa-p256`, `rsa-2048`, or what else it is. */
function keyName(key: KeyObject): string {
  const { modulusLength, namedCurve } = key.asymmetricKeyDetails ?? {}
  if (key.asymmetricKeyType === 'rsa') return `rsa-${modulusLength}`
  if (key.asymmetricKeyType === 'ec')
    return namedCurve === 'prime256v1' ? 'ecdsa-p256' : `ecdsa-${namedCurve}`
  return key.asymmetricKeyType ?? 'unknown'
}

/**
 * Which of our two algorithms a CA belongs to; larger RSA keys and curves count as their family.
 * @param certificate PEM
 * @returns undefined for a key that kubeadm does not load (it takes RSA and ECDSA only)
 */
export function keyAlgorithmOf(certificate: string): KeyAlgorithm | undefined {
  const type = new X509Certificate(certificate).publicKey.asymmetricKeyType
  return type === 'rsa' ? 'rsa-2048' : type === 'ec' ? 'ecdsa-p256' : undefined
}

/**
 * Whether the service-account key is ECDSA, which kubeadm before September 2022 refuses when a control plane joins:
 * `facts.supports.ecdsaServiceAccountKey`. https://github.com/kubernetes/kubeadm/issues/2756
 * @param publicKey PEM
 */
export function isEllipticKey(publicKey: string): boolean {
  return createPublicKey(publicKey).asymmetricKeyType === 'ec'
}

/**
 * What is wrong with a certificate and the key that should belong to it.
 * @param issuer PEM of the CA that must have signed it; undefined for a CA, which must have signed itself
 * @returns a clause such as `the key does not belong to the certificate`, without any value; undefined when all is well
 */
export function pairProblem(certificate: string, key: string, issuer?: string): string | undefined {
  const count = certificate.split('-----BEGIN CERTIFICATE-----').length - 1
  if (count !== 1) return `${count} certificates where there must be exactly one`
  const x509 = attempt(() => new X509Certificate(certificate))
  if (x509 === undefined) return 'the certificate is damaged'
  const privateKey = attempt(() => createPrivateKey(key))
  if (privateKey === undefined) return 'the key is damaged or encrypted'
  if (!['rsa', 'ec'].includes(privateKey.asymmetricKeyType ?? '')) return 'the key is neither RSA nor ECDSA'
  if (!x509.checkPrivateKey(privateKey)) return 'the key does not belong to the certificate'
  if (issuer === undefined) return x509.ca ? undefined : 'the certificate is not one of a CA'
  const authority = attempt(() => new X509Certificate(issuer))
  if (authority !== undefined && !(x509.checkIssued(authority) && x509.verify(authority.publicKey)))
    return 'the certificate is not signed by authorities.kubernetes'
  return undefined
}

/** The same for a bare key pair. */
export function keyPairProblem(publicKey: string, privateKey: string): string | undefined {
  const own = attempt(() => createPrivateKey(privateKey))
  if (own === undefined) return 'the private key is damaged or encrypted'
  const stated = publicKey.includes('PRIVATE KEY') ? undefined : attempt(() => createPublicKey(publicKey))
  if (stated === undefined) return 'the public key is damaged'
  const derived = createPublicKey(own).export({ type: 'spki', format: 'der' })
  if (!derived.equals(stated.export({ type: 'spki', format: 'der' })))
    return 'the private key does not belong to the public key'
  return undefined
}

function attempt<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch {
    return undefined
  }
}
