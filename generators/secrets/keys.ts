/** Keys, tokens and signatures that follow from the randomness that is passed in. */
import { createPrivateKey, type KeyObject, sign } from 'node:crypto'
import type { KeyAlgorithm } from '../model/secrets.ts'

/** Where unpredictable values come from; tests pass a fixed source. */
export interface Randomness {
  readonly bytes: (count: number) => Uint8Array
  /** A new 2048-bit RSA private key: the search for primes is not ours to repeat from bytes. */
  readonly rsaKey: () => KeyObject
}

export async function createKey(algorithm: KeyAlgorithm, randomness: Randomness): Promise<KeyObject> {
  if (algorithm === 'rsa-2048') return randomness.rsaKey()
  const { p256 } = await import('@noble/curves/nist.js')
  // 48 bytes reduced to a scalar leave no measurable bias. FIPS 186-5, A.2.1.
  const secret = p256.utils.randomSecretKey(randomness.bytes(48))
  const point = p256.getPublicKey(secret, false)
  const base64url = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64url')
  return createPrivateKey({
    format: 'jwk',
    key: {
      kty: 'EC',
      crv: 'P-256',
      d: base64url(secret),
      x: base64url(point.subarray(1, 33)),
      y: base64url(point.subarray(33)),
    },
  })
}

/**
 * The PEM form that kubeadm itself writes and every client-go reads: SEC1 for ECDSA, PKCS#1 for RSA.
 * https://pkg.go.dev/k8s.io/client-go/util/keyutil#ParsePrivateKeyPEM
 */
export function privateKeyPem(key: KeyObject): string {
  return key.export({ format: 'pem', type: key.asymmetricKeyType === 'ec' ? 'sec1' : 'pkcs1' }).toString()
}

/**
 * Signs with SHA-256 so that the same message always gives the same bytes: PKCS#1 v1.5 for RSA, RFC 6979 for P-256.
 * @returns the DER that a certificate holds
 */
export async function signDeterministically(key: KeyObject, message: Uint8Array): Promise<Uint8Array> {
  if (key.asymmetricKeyType === 'rsa') return sign('sha256', message, key)
  const { p256 } = await import('@noble/curves/nist.js')
  const { d } = key.export({ format: 'jwk' })
  if (key.asymmetricKeyDetails?.namedCurve !== 'prime256v1' || d === undefined)
    return sign('sha256', message, key)
  return p256.sign(message, Buffer.from(d, 'base64url'), { lowS: false, format: 'der' })
}

const tokenAlphabet = 'abcdefghijklmnopqrstuvwxyz0123456789'

/**
 * A bootstrap token, `[a-z0-9]{6}.[a-z0-9]{16}`.
 * https://kubernetes.io/docs/reference/access-authn-authz/bootstrap-tokens/#token-format
 */
export function createToken(randomness: Randomness): string {
  let characters = ''
  while (characters.length < 22)
    // 252 is the largest multiple of 36 in a byte; what lies above would favour the first letters.
    for (const byte of randomness.bytes(32)) if (byte < 252) characters += tokenAlphabet[byte % 36]
  return `${characters.slice(0, 6)}.${characters.slice(6, 22)}`
}
