/** A client's kubeconfig, as kubectl, kubeadm's file discovery and kube-vip read it. */
import type { SecretJson } from '../model/contribution.ts'
import type { JsonObject } from '../model/json.ts'
import { Secret } from '../model/secret.ts'
import type { CertifiedKey } from '../model/secrets.ts'

interface Target {
  /** `https://host:port` */
  readonly server: string
  /** The name to expect in the server's certificate where `server` is not in it, such as `kubernetes` for 127.0.0.1. */
  readonly tlsServerName?: string
  readonly cluster: string
  readonly user: string
}

export interface KubeconfigParts extends Target {
  /** PEM. */
  readonly caCertificate: string
  readonly client: CertifiedKey
}

/** Absolute paths of PEM files. */
export interface KubeconfigFiles extends Target {
  readonly caFile: string
  readonly certificateFile: string
  readonly keyFile: string
}

/**
 * Everything is embedded, so that the file can be copied alone.
 * https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/
 * @returns a `Config` v1 document; the client's key in it is a Secret
 */
export function kubeconfig(parts: KubeconfigParts): { readonly [key: string]: SecretJson } {
  return assemble(
    parts,
    { 'certificate-authority-data': base64(parts.caCertificate) },
    {
      'client-certificate-data': base64(parts.client.certificate),
      'client-key-data': new Secret(base64(parts.client.key.reveal())),
    },
  )
}

/** The same, naming files: half the size in user-data, where the PEM lies anyway. */
export function kubeconfigOfFiles(files: KubeconfigFiles): JsonObject {
  return assemble(
    files,
    { 'certificate-authority': files.caFile },
    { 'client-certificate': files.certificateFile, 'client-key': files.keyFile },
  )
}

function assemble<Value>(
  target: Target,
  authority: JsonObject,
  credentials: Readonly<Record<string, Value>>,
) {
  const context = `${target.user}@${target.cluster}`
  return {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': context,
    clusters: [
      {
        name: target.cluster,
        cluster: {
          server: target.server,
          ...(target.tlsServerName === undefined ? {} : { 'tls-server-name': target.tlsServerName }),
          ...authority,
        },
      },
    ],
    contexts: [{ name: context, context: { cluster: target.cluster, user: target.user } }],
    users: [{ name: target.user, user: credentials }],
  }
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64')
}
