/** Certificates as kubeadm makes them. Only commands that create certificates import this: it loads an ASN.1 library. */
import { createHash, createPrivateKey, createPublicKey, type KeyObject, X509Certificate } from 'node:crypto'
import { AsnConvert, OctetString } from '@peculiar/asn1-schema'
import * as asn1 from '@peculiar/asn1-x509'
import { Secret } from '../model/secret.ts'
import type { CertifiedKey, KeyAlgorithm } from '../model/secrets.ts'
import { createKey, privateKeyPem, type Randomness, signDeterministically } from './keys.ts'

const second = 1000
const day = 24 * 60 * 60 * second

/**
 * A fresh VM's clock may run hours behind until NTP has answered, and a certificate from the future breaks its first
 * boot; kubeadm itself backdates by five minutes only.
 */
const backdate = 1 * day

/** kubeadm's own validity of a CA. https://kubernetes.io/docs/setup/best-practices/certificates/ */
const authorityLifetime = 10 * 365 * day

export interface Making {
  readonly keyAlgorithm: KeyAlgorithm
  readonly now: Date
  readonly randomness: Randomness
}

/**
 * A self-signed CA like kubeadm's: CN, and the same as a DNS name, which kubeadm adds since Go stopped reading CNs.
 * @param commonName `kubernetes`, `etcd-ca` or `front-proxy-ca`
 */
export async function createAuthority(commonName: string, making: Making): Promise<CertifiedKey> {
  const key = await createKey(making.keyAlgorithm, making.randomness)
  const name = nameOf([[commonNameId, commonName]])
  const start = wholeSeconds(making.now)
  const use = asn1.KeyUsageFlags
  return certify({
    key,
    signer: key,
    subject: name,
    issuer: name,
    notBefore: new Date(start - backdate),
    notAfter: new Date(start + authorityLifetime),
    randomness: making.randomness,
    extensions: [
      critical(
        asn1.id_ce_keyUsage,
        new asn1.KeyUsage(use.digitalSignature | use.keyEncipherment | use.keyCertSign),
      ),
      critical(asn1.id_ce_basicConstraints, new asn1.BasicConstraints({ cA: true })),
      extension(asn1.id_ce_subjectKeyIdentifier, new asn1.SubjectKeyIdentifier(keyIdentifier(key))),
      extension(
        asn1.id_ce_subjectAltName,
        new asn1.SubjectAlternativeName([new asn1.GeneralName({ dNSName: commonName })]),
      ),
    ],
  })
}

export interface ClientSubject {
  /** The user, to Kubernetes. */
  readonly commonName: string
  /** The group, to Kubernetes. */
  readonly organization: string
  /** How long it is valid, in milliseconds; as long as its CA when absent, and never longer. */
  readonly lifetime?: number
}

/** A client certificate for the API server, signed by the cluster's CA. */
export async function issueClient(
  subject: ClientSubject,
  authority: CertifiedKey,
  making: Making,
): Promise<CertifiedKey> {
  const ca = AsnConvert.parse(new X509Certificate(authority.certificate).raw, asn1.Certificate).tbsCertificate
  const caKeyIdentifier = ca.extensions?.find(({ extnID }) => extnID === asn1.id_ce_subjectKeyIdentifier)
  const key = await createKey(making.keyAlgorithm, making.randomness)
  const start = wholeSeconds(making.now)
  const end = subject.lifetime === undefined ? Number.POSITIVE_INFINITY : start + subject.lifetime
  const use = asn1.KeyUsageFlags
  return certify({
    key,
    signer: createPrivateKey(authority.key.reveal()),
    subject: nameOf([
      [organizationId, subject.organization],
      [commonNameId, subject.commonName],
    ]),
    issuer: ca.subject,
    notBefore: new Date(Math.max(start - backdate, ca.validity.notBefore.getTime().getTime())),
    notAfter: new Date(Math.min(end, ca.validity.notAfter.getTime().getTime())),
    randomness: making.randomness,
    extensions: [
      critical(asn1.id_ce_keyUsage, new asn1.KeyUsage(use.digitalSignature | use.keyEncipherment)),
      extension(asn1.id_ce_extKeyUsage, new asn1.ExtendedKeyUsage([asn1.id_kp_clientAuth])),
      critical(asn1.id_ce_basicConstraints, new asn1.BasicConstraints({ cA: false })),
      // An imported CA may have none; verifiers compare the two where both are there.
      ...(caKeyIdentifier === undefined ? [] : [authorityKeyIdentifier(caKeyIdentifier)]),
    ],
  })
}

interface CertificateParts {
  readonly key: KeyObject
  readonly signer: KeyObject
  readonly subject: asn1.Name
  readonly issuer: asn1.Name
  readonly notBefore: Date
  readonly notAfter: Date
  readonly randomness: Randomness
  readonly extensions: asn1.Extension[]
}

async function certify(parts: CertificateParts): Promise<CertifiedKey> {
  const serial = Buffer.from(parts.randomness.bytes(8))
  // Positive, never zero and 63 bits, like kubeadm's.
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40
  // RSA states its parameters as NULL, ECDSA leaves them out. RFC 4055 §5, RFC 5758 §3.2.
  const signatureAlgorithm =
    parts.signer.asymmetricKeyType === 'rsa'
      ? new asn1.AlgorithmIdentifier({ algorithm: sha256WithRsaId, parameters: null })
      : new asn1.AlgorithmIdentifier({ algorithm: ecdsaWithSha256Id })
  const tbsCertificate = new asn1.TBSCertificate({
    version: asn1.Version.v3,
    serialNumber: arrayBuffer(serial),
    signature: signatureAlgorithm,
    issuer: parts.issuer,
    validity: new asn1.Validity({ notBefore: parts.notBefore, notAfter: parts.notAfter }),
    subject: parts.subject,
    subjectPublicKeyInfo: AsnConvert.parse(publicKeyDer(parts.key), asn1.SubjectPublicKeyInfo),
    extensions: new asn1.Extensions(parts.extensions),
  })
  const message = new Uint8Array(AsnConvert.serialize(tbsCertificate))
  const der = AsnConvert.serialize(
    new asn1.Certificate({
      tbsCertificate,
      signatureAlgorithm,
      signatureValue: arrayBuffer(await signDeterministically(parts.signer, message)),
    }),
  )
  return {
    certificate: new X509Certificate(Buffer.from(der)).toString(),
    key: new Secret(privateKeyPem(parts.key)),
  }
}

const commonNameId = '2.5.4.3'
const organizationId = '2.5.4.10'
const sha256WithRsaId = '1.2.840.113549.1.1.11'
const ecdsaWithSha256Id = '1.2.840.10045.4.3.2'

function nameOf(attributes: readonly (readonly [type: string, value: string])[]): asn1.Name {
  return new asn1.Name(
    attributes.map(
      ([type, utf8String]) =>
        new asn1.RelativeDistinguishedName([
          new asn1.AttributeTypeAndValue({ type, value: new asn1.AttributeValue({ utf8String }) }),
        ]),
    ),
  )
}

function extension(extnID: string, value: object, isCritical = false): asn1.Extension {
  const extnValue = new OctetString(AsnConvert.serialize(value))
  return new asn1.Extension({ extnID, critical: isCritical, extnValue })
}

function critical(extnID: string, value: object): asn1.Extension {
  return extension(extnID, value, true)
}

function authorityKeyIdentifier(caKeyIdentifier: asn1.Extension): asn1.Extension {
  const { buffer } = AsnConvert.parse(caKeyIdentifier.extnValue, asn1.SubjectKeyIdentifier)
  const keyIdentifier = new asn1.KeyIdentifier(buffer)
  return extension(asn1.id_ce_authorityKeyIdentifier, new asn1.AuthorityKeyIdentifier({ keyIdentifier }))
}

/** SHA-1 of the public key's bits. RFC 5280 §4.2.1.2, method 1: a name, not a protection. */
function keyIdentifier(key: KeyObject): ArrayBuffer {
  const { subjectPublicKey } = AsnConvert.parse(publicKeyDer(key), asn1.SubjectPublicKeyInfo)
  return arrayBuffer(createHash('sha1').update(new Uint8Array(subjectPublicKey)).digest())
}

function publicKeyDer(key: KeyObject): Buffer {
  return createPublicKey(key).export({ type: 'spki', format: 'der' })
}

/** Certificates count whole seconds. */
function wholeSeconds(date: Date): number {
  return Math.floor(date.getTime() / second) * second
}

function arrayBuffer(bytes: Uint8Array): ArrayBuffer {
  return new Uint8Array(bytes).buffer
}
