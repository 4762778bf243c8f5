/** What one provider adds to a small cluster, and what its rules say of it. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll } from 'vitest'
import { loadKubernetesTable } from '../../generators/effects/assets.effect.ts'
import type { Blueprint } from '../../generators/model/blueprint.ts'
import type { Contribution, FileSpec } from '../../generators/model/contribution.ts'
import { type JsonObject, mergePatch } from '../../generators/model/json.ts'
import type { ClusterPlan } from '../../generators/model/plan.ts'
import type { Role } from '../../generators/model/role.ts'
import type { ClusterSecrets } from '../../generators/model/secrets.ts'
import { planCluster } from '../../generators/plan/cluster.ts'
import type { Provider } from '../../generators/providers/provider.ts'
import { cloud, os, runtime } from '../../generators/registry.ts'
import { renderBody } from '../../generators/render/file.ts'

export const table = loadKubernetesTable()
const axes = { os, runtime, cloud } as const satisfies Readonly<Record<string, readonly Provider[]>>
type Axis = keyof typeof axes

const base: JsonObject = {
  apiVersion: 'leaven/v1',
  kind: 'Cluster',
  name: 'prod',
  kubernetes: { version: '1.31.4' },
  endpoint: { provider: 'kube-vip', address: '172.31.253.60', name: 'api.prod.internal' },
  nodes: [
    { name: 'm1', role: 'control-plane', address: '172.31.253.61' },
    { name: 'm2', role: 'control-plane', address: '172.31.253.62' },
    { name: 'w1', role: 'worker' },
  ],
}

export function blueprint(patch: JsonObject = {}): Blueprint {
  return mergePatch(base, patch) as unknown as Blueprint
}

export function planOf(patch: JsonObject = {}): ClusterPlan {
  const { plan, diagnostics } = planCluster(blueprint(patch), table)
  if (plan === undefined) throw new Error(JSON.stringify(diagnostics))
  return plan
}

export function contributed(axis: Axis, patch: JsonObject = {}, role: Role = 'control-plane'): Contribution {
  const plan = planOf(patch)
  const provider = chosen(axis, plan)
  // None of these three axes reads a secret.
  return provider?.contribute?.(plan, { role, pool: undefined }, {} as ClusterSecrets) ?? {}
}

function chosen(axis: Axis, plan: ClusterPlan): Provider | undefined {
  return axes[axis].find(({ name }) => name === plan[axis].provider)
}

export function fileOf(contribution: Contribution, path: string): string {
  const file = contribution.files?.find((entry) => entry.path === path)
  if (file === undefined)
    throw new Error(`no ${path} among ${contribution.files?.map((entry) => entry.path)}`)
  return textOf(file)
}

export function codes(axis: Axis, patch: JsonObject): readonly string[] {
  const plan = planOf(patch)
  const provider = chosen(axis, plan)
  return (provider?.rules?.(plan, blueprint(patch)) ?? []).map(({ severity, code }) => `${severity} ${code}`)
}

/** The file's text as it would be laid down. */
export function textOf({ body }: FileSpec): string {
  return renderBody(body)
}

const scratch = mkdtempSync(join(tmpdir(), 'leaven-providers-'))
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

/** Writes a file below a folder of this test file's own, and returns its path. */
export function written(name: string, text: string): string {
  const path = join(scratch, name)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
  return path
}
