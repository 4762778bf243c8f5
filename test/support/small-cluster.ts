/** Three masters and what a test says about them. */
import type { GroupPlan } from '../../generators/model/plan.ts'
import { compileWithSecrets, userDataOf } from './compiled.ts'

export interface Parts {
  readonly kubernetes?: object
  readonly endpoint?: object
  readonly cni?: object
  readonly network?: object
  readonly etcd?: object
  readonly masters?: number
  readonly workers?: readonly object[]
  readonly rest?: object
}

export function blueprint({ masters = 3, workers = [], ...parts }: Parts): object {
  return {
    name: 'prod',
    kubernetes: { version: '1.31.4', ...parts.kubernetes },
    endpoint: { address: '172.31.253.60', ...parts.endpoint },
    network: { ...parts.network, cni: parts.cni ?? { provider: 'none' } },
    ...(parts.etcd ? { etcd: parts.etcd } : {}),
    nodes: [
      ...Array.from({ length: masters }, (_, n) => ({
        name: `m${n + 1}`,
        role: 'control-plane',
        address: `172.31.253.${61 + n}`,
      })),
      ...workers,
    ],
    ...parts.rest,
  }
}

export const worker = (n: number, address = `172.31.253.${80 + n}`) => ({
  name: `w${n}`,
  role: 'worker',
  address,
})

export async function compiled(parts: Parts) {
  const result = await compileWithSecrets(blueprint(parts))
  const group = (name: string): GroupPlan => {
    const found = result.groups.find((entry) => entry.name === name)
    if (found === undefined) throw new Error(`no group ${name}`)
    return found
  }
  return { ...result, group, text: (name: string) => userDataOf(result, group(name)) }
}
