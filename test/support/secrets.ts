/** Secrets that are the same on every run, and openssl as the second opinion on them. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ClusterSecrets, KeyAlgorithm } from '../../generators/model/secrets.ts'
import { createSecrets } from '../../generators/secrets/create.ts'
import { afterwards } from './afterwards.ts'
import { seededRandomness } from './randomness.ts'

/** When fixed secrets were made. */
export const fixedNow = new Date('2026-11-21T09:00:00.500Z')

export async function fixedSecrets(
  keyAlgorithm: KeyAlgorithm = 'ecdsa-p256',
  cluster = 'prod',
  ecdsaServiceAccountKey = true,
  now = fixedNow,
): Promise<ClusterSecrets> {
  return createSecrets({
    cluster,
    keyAlgorithm,
    ecdsaServiceAccountKey,
    now,
    randomness: seededRandomness(`${cluster}/${keyAlgorithm}`),
  })
}

/** Every value in the secrets that must not be seen: keys, token, encryption key. */
export function secretValues(secrets: ClusterSecrets): readonly string[] {
  const { authorities, clients, serviceAccount, bootstrapToken, encryptionKey } = secrets
  const keys = [...Object.values(authorities), ...Object.values(clients)].map(({ key }) => key.reveal())
  // The first line of an ECDSA key holds the scalar; its last ones repeat the public key.
  const lines = [...keys, serviceAccount.privateKey.reveal()].map((pem) => pem.split('\n')[1] ?? pem)
  return [...lines, bootstrapToken.reveal().slice(7), encryptionKey.reveal()]
}

/** The tree that kubeadm expects in its certificates folder. */
export function writePki(folder: string, secrets: ClusterSecrets): void {
  mkdirSync(join(folder, 'etcd'), { recursive: true })
  const { kubernetes, etcd, frontProxy } = secrets.authorities
  for (const [name, pair] of Object.entries({
    ca: kubernetes,
    'etcd/ca': etcd,
    'front-proxy-ca': frontProxy,
  })) {
    writeFileSync(join(folder, `${name}.crt`), pair.certificate)
    writeFileSync(join(folder, `${name}.key`), pair.key.reveal(), { mode: 0o600 })
  }
  writeFileSync(join(folder, 'sa.pub'), secrets.serviceAccount.publicKey)
  writeFileSync(join(folder, 'sa.key'), secrets.serviceAccount.privateKey.reveal(), { mode: 0o600 })
}

/** A folder of one test file's own, deleted after it. */
export function scratchFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'leaven-secrets-'))
  afterwards(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

export function openssl(args: readonly string[], input?: string | Buffer): Buffer {
  return execFileSync('openssl', args, { input: input ?? '', stdio: ['pipe', 'pipe', 'pipe'] })
}
