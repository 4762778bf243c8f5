/** A secrets file from the disk: who may read it is part of whether it is right. */
import type { Diagnostic } from '../model/diagnostic.ts'
import { type Expectation, maxSecretsBytes, type ParsedSecrets, parseSecrets } from '../secrets/file.ts'
import { FileError, readFileLimited } from './files.effect.ts'

export interface SecretsFile extends ParsedSecrets {
  /** The whole file; empty where it could not be read. */
  readonly text: string
}

/**
 * Reads and checks `<name>.secrets.yaml`. Never throws: what is wrong is in `diagnostics`.
 * @param path also how messages name the file
 */
export async function readSecretsFile(path: string, expected: Expectation): Promise<SecretsFile> {
  const refuse = (code: Diagnostic['code'], message: string, hint?: string): SecretsFile => ({
    text: '',
    diagnostics: [{ code, severity: 'error', path: [], message, ...(hint ? { hint } : {}) }],
  })
  try {
    const { bytes, mode } = await readFileLimited(path, maxSecretsBytes)
    if ((mode & 0o077) !== 0)
      return refuse(
        'secrets/open-to-others',
        `${path}: others may read this file (mode ${mode.toString(8).padStart(4, '0')})`,
        `chmod 600 ${path}`,
      )
    const text = decode(bytes)
    if (text === undefined)
      return refuse('secrets/not-utf8', `${path}: not UTF-8 text, so not a secrets file`)
    return { text, ...parseSecrets(text, path, expected) }
  } catch (cause) {
    if (!(cause instanceof FileError)) throw cause
    const hint = cause.reason === 'missing' ? 'gen secrets create makes the cluster one' : undefined
    return refuse(cause.reason === 'missing' ? 'secrets/missing' : 'secrets/unreadable', cause.message, hint)
  }
}

function decode(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return undefined
  }
}
