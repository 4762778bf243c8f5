/** An existing `/etc/kubernetes/pki` on the disk. */
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { join } from 'node:path'
import { type Diagnostic, error } from '../model/diagnostic.ts'
import { Secret } from '../model/secret.ts'
import type { CertifiedKey } from '../model/secrets.ts'
import type { ExistingPki } from '../secrets/create.ts'
import { keyPairProblem, pairProblem } from '../secrets/inspect.ts'
import { privateKeyPem } from '../secrets/keys.ts'
import { FileError, readFileLimited } from './files.effect.ts'

const maxPemBytes = 64 * 1024

/**
 * Reads the CAs and the service-account key that kubeadm keeps there, and checks that each key fits.
 * @returns `pki` unless `diagnostics` has an error
 */
export async function readPkiFolder(
  folder: string,
): Promise<{ readonly pki?: ExistingPki; readonly diagnostics: readonly Diagnostic[] }> {
  const diagnostics: Diagnostic[] = []
  const fail = (message: string, hint?: string) =>
    void diagnostics.push(error('secrets/import', [], message, hint))
  const read = async (name: string): Promise<string> => {
    const path = join(folder, name)
    try {
      return Buffer.from((await readFileLimited(path, maxPemBytes)).bytes).toString()
    } catch (cause) {
      if (!(cause instanceof FileError)) throw cause
      fail(cause.message, cause.reason === 'missing' && name.endsWith('.key') ? externalCa : undefined)
      return ''
    }
  }
  const readPair = async (name: string): Promise<CertifiedKey> => {
    const [certificate, key] = [await read(`${name}.crt`), await read(`${name}.key`)]
    const problem = certificate && key ? pairProblem(certificate, key) : undefined
    if (problem) fail(`${join(folder, name)}.crt and .key: ${problem}`)
    return { certificate, key: new Secret(key) }
  }
  const kubernetes = await readPair('ca')
  const etcd = await readPair('etcd/ca')
  const frontProxy = await readPair('front-proxy-ca')
  const [publicKey, serviceAccountKey] = [await read('sa.pub'), await read('sa.key')]
  const problem = publicKey && serviceAccountKey ? keyPairProblem(publicKey, serviceAccountKey) : undefined
  if (problem) fail(`${join(folder, 'sa.pub')} and sa.key: ${problem}`)
  if (diagnostics.length > 0) return { diagnostics }
  return {
    diagnostics,
    pki: {
      kubernetes: plain(kubernetes),
      etcd: plain(etcd),
      frontProxy: plain(frontProxy),
      serviceAccountKey: privateKeyPem(createPrivateKey(serviceAccountKey)),
    },
  }
}

const externalCa = 'new control planes need every CA key: a cluster with an external CA cannot be imported'

/** The same certificate and key in the forms that we write, without the text that openssl puts around them. */
function plain({ certificate, key }: CertifiedKey): CertifiedKey {
  return {
    certificate: new X509Certificate(certificate).toString(),
    key: new Secret(privateKeyPem(createPrivateKey(key.reveal()))),
  }
}
