/** Whom a registry's certificate has to be signed by, and the certificate that we show it. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { rootCertificates, type SecureContextOptions } from 'node:tls'
import { SourceError } from '../../images/source.ts'

export interface TrustOptions {
  readonly env: Readonly<Record<string, string | undefined>>
  /** PEM files that hold for every registry. */
  readonly caFiles?: readonly string[]
  /** PEM files of one registry, by the name that images have. */
  readonly caFilesOf?: Readonly<Record<string, readonly string[]>>
}

/** Where distributions keep what the machine trusts; Node has a list of its own, which no administrator adds to. */
const bundles = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
  '/etc/ssl/cert.pem',
]

/**
 * @param host as images name the registry, with its port
 * @throws SourceError when a file that was named cannot be read
 */
export function trust(host: string, options: TrustOptions): SecureContextOptions {
  const { env, caFiles = [], caFilesOf = {} } = options
  const named = [...caFiles, ...(caFilesOf[host] ?? [])].map(readNamed)
  const folders = certificateFolders(host, env).filter(existsSync)
  const files = folders.flatMap((folder) =>
    readdirSync(folder)
      .sort()
      .map((name) => join(folder, name)),
  )
  const own = files.filter((file) => file.endsWith('.crt')).map(readNamed)
  const client = files.find((file) => file.endsWith('.cert') && existsSync(keyOf(file)))
  return {
    ca: [...systemCertificates(env), ...named, ...own],
    ...(client === undefined ? {} : { cert: readNamed(client), key: readNamed(keyOf(client)) }),
  }
}

/** Docker's and Podman's places: https://docs.docker.com/engine/security/certificates/ */
function certificateFolders(host: string, { HOME }: TrustOptions['env']): readonly string[] {
  return [
    '/etc/docker/certs.d',
    '/etc/containers/certs.d',
    ...(HOME === undefined ? [] : [join(HOME, '.config/containers/certs.d'), join(HOME, '.docker/certs.d')]),
  ].map((folder) => join(folder, host))
}

function systemCertificates(env: TrustOptions['env']): readonly string[] {
  const bundle = env['SSL_CERT_FILE'] ?? bundles.find(existsSync)
  const extra = env['NODE_EXTRA_CA_CERTS']
  return [
    ...(bundle === undefined ? rootCertificates : [readNamed(bundle)]),
    ...(extra === undefined || extra === '' || !existsSync(extra) ? [] : [readNamed(extra)]),
  ]
}

function keyOf(certificate: string): string {
  return certificate.replace(/\.cert$/, '.key')
}

function readNamed(file: string): string {
  try {
    const text = readFileSync(file, 'utf8')
    if (/-----BEGIN [A-Z ]+-----/.test(text)) return text
  } catch (cause) {
    throw new SourceError('denied', `${file} cannot be read: ${(cause as NodeJS.ErrnoException).code}`)
  }
  throw new SourceError('denied', `${file} is no PEM file`, 'openssl x509 -inform der turns DER into PEM')
}
