/** Which machine images a command is about: roles × builders of a blueprint, checked before anything is written. */
import { suggestion } from '../blueprint/schema.ts'
import { type Checked, check, completeImage, inOrder } from '../compile.ts'
import { loadKubernetesTable } from '../effects/assets.effect.ts'
import { readTexts } from '../effects/texts.effect.ts'
import { type Diagnostic, hasErrors } from '../model/diagnostic.ts'
import type { Lock } from '../model/lock.ts'
import { parseRole, type Role, roleSpellings } from '../model/role.ts'
import { architectureOf, planMachine } from '../plan/machine.ts'
import type { Texts } from '../plan/texts.ts'
import type { Architecture, BuilderProvider, MachinePlan } from '../providers/provider.ts'
import * as registry from '../registry.ts'
import { flag, type Invocation, type Io, type OptionSpec, text, UsageError } from './command.ts'
import { type BlueprintText, readBlueprint } from './inputs.effect.ts'
import { readLock } from './lock-file.effect.ts'
import { readReporting, report } from './report.ts'

export const machineOptions: Readonly<Record<string, OptionSpec>> = {
  role: {
    type: 'string',
    value: 'ROLE',
    description: 'control-plane (or master), worker',
    default: 'both',
  },
  builder: {
    type: 'string',
    short: 'B',
    value: 'NAME,…',
    description: `what makes the machine: ${registry.builder.map(({ name }) => name).join(', ')}`,
    default: 'those of bake.builders, else qemu',
  },
  arch: {
    type: 'string',
    value: 'amd64|arm64',
    description: "the machine's processor",
    default: 'os.architecture',
  },
}

export interface Machines {
  readonly checked: Checked
  readonly blueprint: BlueprintText
  readonly machines: readonly MachinePlan[]
  readonly texts: Texts
  /** What `gen lock` wrote: what is baked in has its checksums. */
  readonly lock: Lock | undefined
}

interface Asked {
  readonly roles: readonly Role[]
  readonly builders: readonly BuilderProvider[] | undefined
  readonly architecture: Architecture | undefined
}

function readAsked(invocation: Invocation): Asked {
  const word = text(invocation, 'role')
  const role = word === undefined ? undefined : parseRole(word)
  if (word !== undefined && role !== 'control-plane' && role !== 'worker')
    throw new UsageError(`there is no role named ${word}`, suggestion(word, Object.keys(roleSpellings)))
  const arch = text(invocation, 'arch')
  if (arch !== undefined && arch !== 'amd64' && arch !== 'arm64')
    throw new UsageError(`there are no machines with ${arch}`, suggestion(arch, ['amd64', 'arm64']))
  return {
    roles: role === undefined ? ['control-plane', 'worker'] : [role],
    builders: text(invocation, 'builder')?.split(',').map(findBuilder),
    architecture: arch,
  }
}

function findBuilder(name: string): BuilderProvider {
  const found = registry.builder.find((entry) => entry.name === name.trim())
  if (found !== undefined) return found
  const known = registry.builder.map((entry) => entry.name)
  throw new UsageError(`there is no builder named ${name}`, suggestion(name, known))
}

/**
 * Every problem is printed before anything is written.
 * @returns undefined when the command has to end with exit code 1
 * @throws UsageError for a role, a builder or a processor that there is not
 */
export async function planMachines(invocation: Invocation, io: Io): Promise<Machines | undefined> {
  const asked = readAsked(invocation)
  const reporting = readReporting(invocation, io)
  const file = await readBlueprint(invocation, io)
  const checked = check({ file: file.file, blueprint: file.bytes, kubernetes: loadKubernetesTable() })
  const { plan, blueprint, source } = checked
  const texts = await readTexts(blueprint, file.folder)
  if (plan === undefined || blueprint === undefined || hasErrors(checked.diagnostics)) {
    await report(checked, checked.diagnostics, reporting, io, false)
    return undefined
  }
  const lock = await readLock(file.folder, plan.name)
  const written = Object.keys(blueprint.bake?.builders ?? {}).map(findBuilder)
  const builders = asked.builders ?? (written.length > 0 ? written : [findBuilder('qemu')])
  const architecture = asked.architecture ?? architectureOf(plan)
  const planned = asked.roles.flatMap((role) =>
    builders.map((builder) => planMachine(plan, blueprint, { role, builder, architecture }, lock)),
  )
  const machines = planned.flatMap((entry) => entry.planned ?? [])
  const images = machines.map((machine) =>
    completeImage(forMachine(checked, machine), machine.role, texts, lock),
  )
  const found: readonly Diagnostic[] = [
    ...checked.diagnostics,
    ...planned.flatMap(({ diagnostics }) => diagnostics),
    ...images.flatMap(({ diagnostics }) => diagnostics),
  ]
  const all = inOrder(source, found)
  await report(checked, all, reporting, io, false)
  const refused = flag(invocation, 'strict') && all.some(({ severity }) => severity === 'warning')
  return hasErrors(all) || refused ? undefined : { checked, blueprint: file, machines, texts, lock }
}

/** What is downloaded follows the machine's processor, whatever the blueprint's other nodes have. */
export function forMachine(checked: Checked, { machine }: MachinePlan): Checked {
  const { plan } = checked
  if (plan === undefined) return checked
  const options = { ...plan.os.options, architecture: machine.architecture }
  return { ...checked, plan: { ...plan, os: { ...plan.os, options } } }
}
