/** The example cluster with a patch on it: the text of one group, or what is wrong. */
import { readFileSync } from 'node:fs'
import { parse } from 'yaml'
import { type Compiled, compile } from '../../generators/compile.ts'
import { builtInBlueprint, loadKubernetesTable } from '../../generators/effects/assets.effect.ts'
import type { Diagnostic } from '../../generators/model/diagnostic.ts'
import { type Json, mergePatch } from '../../generators/model/json.ts'
import type { ClusterPlan } from '../../generators/model/plan.ts'
import type { Texts } from '../../generators/plan/texts.ts'
import { userDataOf } from './compiled.ts'
import { fixedSecrets } from './secrets.ts'

export { scratchFolder } from './secrets.ts'

const example = parse(Buffer.from(builtInBlueprint('ha-kube-vip')).toString()) as Json
export const guide = readFileSync('blueprints/README.md', 'utf8')

function blueprint(patch: object): Uint8Array {
  return new TextEncoder().encode(JSON.stringify({ ...(mergePatch(example, {}) as object), ...patch }))
}

const kubernetes = loadKubernetesTable()

export function compiled(patch: object, texts: Texts = {}): Compiled {
  return compile({ file: 'cluster.yaml', blueprint: blueprint(patch), kubernetes, texts })
}

export function codesOf(patch: object, texts: Texts = {}): readonly Diagnostic[] {
  return compiled(patch, texts).diagnostics
}

export function plan(patch: object = {}): ClusterPlan {
  const { plan: decided, diagnostics } = compiled(patch)
  if (decided === undefined) throw new Error(JSON.stringify(diagnostics))
  return decided
}

export async function textOfGroup(patch: object, name: string, texts: Texts = {}): Promise<string> {
  const inputs = { file: 'cluster.yaml', blueprint: blueprint(patch), kubernetes, texts }
  const result = compile({ ...inputs, secrets: await fixedSecrets() })
  const group = result.groups?.find((entry) => entry.name === name)
  if (group === undefined) throw new Error(JSON.stringify(result.diagnostics, null, 1))
  return userDataOf(result as Required<Compiled>, group)
}
