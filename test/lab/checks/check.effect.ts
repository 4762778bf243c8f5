import { type Cluster, machineOf, type Node } from '../cluster.effect.ts'
import { Hopeless } from '../exec.effect.ts'
import { isOn } from '../machine.effect.ts'

/** One thing that must hold of a formed cluster. */
export type Check = {
  readonly name: string
  /** It only reads files on our side, so it may hold without a running cluster. */
  readonly offline?: true
  /** Returns when it holds. Fails closed: what cannot be read or counted does not hold. @throws with what was seen */
  run(cluster: Cluster): Promise<unknown>
}

export type CheckResult = {
  readonly name: string
  readonly seconds: number
  readonly problem: string | undefined
}

/** Runs every check, whatever the ones before it found. */
export async function runChecks(
  cluster: Cluster,
  checks: readonly Check[],
  show: (line: string) => void = console.log,
): Promise<readonly CheckResult[]> {
  const results: CheckResult[] = []
  for (const check of checks) {
    const start = Date.now()
    const problem = await check.run(cluster).then(
      () => undefined,
      (error: unknown) => (error instanceof Error ? error.message : String(error)),
    )
    const seconds = Math.round((Date.now() - start) / 100) / 10
    const result = { name: check.name, seconds, problem }
    show(
      `  ${problem === undefined ? 'ok  ' : 'FAIL'} ${check.name}${problem ? `: ${problem}` : ''}${seconds > 5 ? ` (${Math.round(seconds)} s)` : ''}`,
    )
    results.push(result)
  }
  return results
}

/** @throws when `seen` is not `wanted`, both as JSON */
export function expectEqual(what: string, seen: unknown, wanted: unknown): void {
  const [a, b] = [JSON.stringify(seen), JSON.stringify(wanted)]
  if (a !== b) throw new Error(`${what}: ${a}, wanted ${b}`)
}

export function expectThat(holds: boolean, problem: string): void {
  if (!holds) throw new Error(problem)
}

/** Declared nodes that are powered on. @throws when there is none: nothing can be shown by a dead cluster */
export function nodesOn(cluster: Cluster, role?: Node['role']): readonly Node[] {
  const on = cluster.topology.nodes.filter(
    (node) => (!role || node.role === role) && isOn(machineOf(cluster, node)),
  )
  if (on.length === 0 && (!role || cluster.topology.nodes.some((node) => node.role === role))) {
    throw new Hopeless(`no ${role ?? 'node'} is on`)
  }
  return on
}
