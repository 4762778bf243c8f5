/** Compiles in a test, with secrets that are the same on every machine. */
import { gunzipSync } from 'node:zlib'
import { parse } from 'yaml'
import { type Compiled, compile } from '../../generators/compile.ts'
import { loadKubernetesTable } from '../../generators/effects/assets.effect.ts'
import type { GroupPlan } from '../../generators/model/plan.ts'
import type { ClusterSecrets, KeyAlgorithm } from '../../generators/model/secrets.ts'
import { renderUserData } from '../../generators/render/user-data.ts'
import { createSecrets } from '../../generators/secrets/create.ts'
import { seededRandomness } from './randomness.ts'

export const kubernetes = loadKubernetesTable()
/** Within the validity of everything that the tests make. */
export const noon = new Date('2026-06-01T12:00:00Z')

const made = new Map<string, Promise<ClusterSecrets>>()

/** One set for each kind of key; making keys is slow. */
export function testSecrets(
  cluster: string,
  ecdsaServiceAccountKey: boolean,
  keyAlgorithm: KeyAlgorithm = 'ecdsa-p256',
): Promise<ClusterSecrets> {
  const key = `${cluster} ${ecdsaServiceAccountKey} ${keyAlgorithm}`
  const known =
    made.get(key) ??
    createSecrets({
      cluster,
      keyAlgorithm,
      ecdsaServiceAccountKey,
      now: noon,
      randomness: seededRandomness(key),
    })
  made.set(key, known)
  return known
}

export function compileText(text: string | Uint8Array, secrets?: ClusterSecrets): Compiled {
  const blueprint = typeof text === 'string' ? new TextEncoder().encode(text) : text
  return compile({ file: 'cluster.yaml', blueprint, kubernetes, ...(secrets ? { secrets } : {}) })
}

/** Compiles with secrets that fit the version, and fails loudly when there are errors. */
export async function compileWithSecrets(blueprint: object | string): Promise<Required<Compiled>> {
  const text = typeof blueprint === 'string' ? blueprint : JSON.stringify(blueprint)
  const planned = compileText(text)
  if (planned.plan === undefined || planned.groups === undefined)
    throw new Error(`does not compile: ${JSON.stringify(planned.diagnostics, null, 1)}`)
  const { plan } = planned
  const secrets = await testSecrets(
    plan.name,
    plan.kubernetes.facts.supports.ecdsaServiceAccountKey,
    plan.bootstrap.keyAlgorithm,
  )
  const compiled = compileText(text, secrets)
  if (compiled.plan === undefined || compiled.groups === undefined)
    throw new Error(`does not compile with secrets: ${JSON.stringify(compiled.diagnostics, null, 1)}`)
  return { ...compiled, plan: compiled.plan, groups: compiled.groups }
}

export function userDataOf(compiled: Required<Compiled>, group: GroupPlan): string {
  return renderUserData(group, compiled.plan.name).text
}

export interface WrittenFile {
  readonly path: string
  readonly mode: string
  readonly content: string
}

interface CloudConfig {
  readonly write_files: readonly { path: string; permissions?: string; encoding?: string; content: string }[]
  readonly [key: string]: unknown
}

export function parseUserData(text: string): CloudConfig {
  return parse(text, { version: '1.1' }) as CloudConfig
}

/** The files as cloud-init would lay them down. */
export function filesOf(text: string): readonly WrittenFile[] {
  return parseUserData(text).write_files.map(({ path, permissions, encoding, content }) => ({
    path,
    mode: permissions ?? '0644',
    content:
      encoding === 'gz+b64'
        ? gunzipSync(Buffer.from(content, 'base64')).toString()
        : encoding === 'b64'
          ? Buffer.from(content, 'base64').toString()
          : content,
  }))
}

/** A file that has to be there. */
export function fileAt(text: string, path: string): string {
  const found = filesOf(text).find((file) => file.path === path)
  if (found === undefined) throw new Error(`the user-data has no ${path}`)
  return found.content
}

/** The rows of one of first boot's tables. */
export function tableOf(text: string, name: string): readonly (readonly string[])[] {
  return fileAt(text, '/etc/leaven/tables')
    .split('\n')
    .map((row) => row.split('\t'))
    .filter(([table]) => table === name)
    .map(([, ...cells]) => cells)
}
