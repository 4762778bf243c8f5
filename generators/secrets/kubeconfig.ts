/** A client's kubeconfig, as kubectl, kubeadm's file discovery and kube-vip read it. */
import type { SecretJson } from '../model/contribution.ts'
import { Secret } from '../model/secret.ts'
import type { CertifiedKey } from '../model/secrets.ts'

export interface KubeconfigParts {
  /** `https://host:port` */
  readonly server: string
  /** The name to expect in the server's certificate where `server` is not in it, such as `kubernetes` for 127.0.0.1. */
  readonly tlsServerName?: string
  /** PEM. */
  readonly caCertificate: string
  readonly client: CertifiedKey
  readonly cluster: string
  readonly user: string
}

/**
 * Everything is embedded, so that the file can be copied alone.
 * https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/
 * @returns a `Config` v1 document; the client's key in it is a Secret
 */
export function kubeconfig(parts: KubeconfigParts): { readonly [key: string]: SecretJson } {
  const context = `${parts.user}@${parts.cluster}`
  return {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': context,
    clusters: [
      {
        name: parts.cluster,
        cluster: {
          server: parts.server,
          ...(parts.tlsServerName === undefined ? {} : { 'tls-server-name': parts.tlsServerName }),
          'certificate-authority-data': base64(parts.caCertificate),
        },
      },
    ],
    contexts: [{ name: context, context: { cluster: parts.cluster, user: parts.user } }],
    users: [
      {
        name: parts.user,
        user: {
          'client-certificate-data': base64(parts.client.certificate),
          'client-key-data': new Secret(base64(parts.client.key.reveal())),
        },
      },
    ],
  }
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64')
}
