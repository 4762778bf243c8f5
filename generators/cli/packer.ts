import { join } from 'node:path'
import { suggestion } from '../blueprint/schema.ts'
import { type Checked, check, completeImage, inOrder } from '../compile.ts'
import { placeArchives } from '../effects/archive/place.effect.ts'
import { loadKubernetesTable, packerTemplates } from '../effects/assets.effect.ts'
import { FileError } from '../effects/files.effect.ts'
import { readTexts } from '../effects/texts.effect.ts'
import type { Artifact } from '../model/artifact.ts'
import { type Diagnostic, hasErrors } from '../model/diagnostic.ts'
import { parseRole, type Role, roleSpellings } from '../model/role.ts'
import { architectureOf, planMachine } from '../plan/machine.ts'
import type { Architecture, BuilderProvider, MachinePlan } from '../providers/provider.ts'
import * as registry from '../registry.ts'
import { manifestOf } from '../render/artifacts.ts'
import { packerArtifacts } from '../render/packer.ts'
import {
  blueprintOptions,
  type Command,
  flag,
  type Invocation,
  type Io,
  text,
  UsageError,
  UserError,
} from './command.ts'
import { readBlueprint } from './inputs.effect.ts'
import { outputFolder, replaceArtifacts } from './output.effect.ts'
import { checkedArchives, publicKey } from './packer-inputs.effect.ts'
import { readReporting, report } from './report.ts'

const { secrets: _, ...options } = blueprintOptions

export const packer: Command = {
  name: 'packer',
  summary: 'write folders that packer build makes machine images from',
  usage: '[--role ROLE] [--builder NAME,…] [--arch ARCH] [--ssh-key FILE] [--images FILE] [-o DIR]',
  description:
    'One folder for each role and builder: <role>/<builder>-<arch>. In it: packer init plugins && packer build .\nNo secret of the cluster is read, and none gets into an image.',
  options: {
    ...options,
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
    'ssh-key': {
      type: 'string',
      value: 'FILE',
      description:
        'public key for machines that are seeded or installed; PKR_VAR_ssh_private_key_file names its other half',
      default: 'bake.sshPublicKey',
    },
    images: {
      type: 'string',
      value: 'FILE',
      multiple: true,
      description: "archive of the role's container images, to import while baking; may be repeated",
    },
    output: {
      type: 'string',
      short: 'o',
      value: 'DIR',
      description: 'where to',
      default: 'out/<cluster>/packer',
    },
  },
  examples: [
    ["ssh-keygen -t ed25519 -N '' -f bake-key", 'once'],
    [
      'gen packer --role worker --builder qemu --ssh-key bake-key.pub',
      'out/<cluster>/packer/worker/qemu-amd64',
    ],
    ['gen packer --builder null,vsphere-clone', 'both roles; settings come from bake.builders'],
  ],
  async run(invocation, io) {
    const asked = readAsked(invocation)
    const found = await planImages(invocation, io, asked)
    if (found === undefined) return 1
    const { checked, machines, texts } = found
    const sshPublicKey = await publicKey(invocation, io, checked, machines)
    const archives = await checkedArchives(invocation, io, machines)
    const { plan, blueprint } = checked
    if (plan === undefined || blueprint === undefined) throw new Error('a plan without errors')
    const folder = outputFolder(text(invocation, 'output'), join('out', plan.name, 'packer'), io)
    const made = machines.map((planned) => {
      const { image } = completeImage(forMachine(checked, planned), planned.role, texts)
      if (image === undefined) throw new Error('an image without errors')
      const templates = packerTemplates(planned.builder.name)
      const artifacts = packerArtifacts({
        plan,
        bake: blueprint.bake,
        planned,
        image,
        sshPublicKey,
        templates,
      })
      return { path: machineFolder(planned), artifacts }
    })
    for (const { path, artifacts } of made)
      await write(join(folder.path, path), artifacts, archives, plan.name)
    const names = made.map(({ path }) => `gen: wrote ${join(folder.shown, path)}\n`)
    io.stderr(`${names.join('')}gen: in each of them: packer init plugins && packer build .\n`)
    return 0
  },
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

/** Every problem is printed before anything is written. */
async function planImages(invocation: Invocation, io: Io, asked: Asked) {
  const reporting = readReporting(invocation, io)
  const { file, bytes, folder } = await readBlueprint(invocation, io)
  const checked = check({ file, blueprint: bytes, kubernetes: loadKubernetesTable() })
  const { plan, blueprint, source } = checked
  const texts = await readTexts(blueprint, folder)
  if (plan === undefined || blueprint === undefined || hasErrors(checked.diagnostics)) {
    await report(checked, checked.diagnostics, reporting, io, false)
    return undefined
  }
  const written = Object.keys(blueprint.bake?.builders ?? {}).map(findBuilder)
  const builders = asked.builders ?? (written.length > 0 ? written : [findBuilder('qemu')])
  const planned = asked.roles.flatMap((role) =>
    builders.map((builder) =>
      planMachine(plan, blueprint, role, builder, asked.architecture ?? architectureOf(plan)),
    ),
  )
  const machines = planned.flatMap((entry) => entry.planned ?? [])
  const images = machines.map((machine) => completeImage(forMachine(checked, machine), machine.role, texts))
  // What `check` says of builders that nobody asked for stays out; what is asked for is said once.
  const found: readonly Diagnostic[] = [
    ...checked.diagnostics.filter(({ code }) => !code.startsWith('bake/')),
    ...planned.flatMap(({ diagnostics }) => diagnostics),
    ...images.flatMap(({ diagnostics }) => diagnostics.filter(({ code }) => !code.startsWith('bake/'))),
  ]
  const all = inOrder(source, found)
  await report(checked, all, reporting, io, false)
  const refused = flag(invocation, 'strict') && all.some(({ severity }) => severity === 'warning')
  return hasErrors(all) || refused ? undefined : { checked, machines, texts }
}

/** What is downloaded follows the machine's processor, whatever the blueprint's other nodes have. */
function forMachine(checked: Checked, { machine }: MachinePlan): Checked {
  const { plan } = checked
  if (plan === undefined) return checked
  const options = { ...plan.os.options, architecture: machine.architecture }
  return { ...checked, plan: { ...plan, os: { ...plan.os, options } } }
}

/** Below the output folder. */
function machineFolder({ role, builder, machine }: MachinePlan): string {
  return join(role, `${builder.name}-${machine.architecture}`)
}

async function write(
  path: string,
  artifacts: readonly Artifact[],
  archives: readonly string[],
  cluster: string,
): Promise<void> {
  await replaceArtifacts({ path, shown: path }, artifacts, manifestOf(cluster, artifacts))
  try {
    await placeArchives(join(path, 'provision/images'), archives)
  } catch (cause) {
    if (!(cause instanceof FileError)) throw cause
    throw new UserError(cause.message, 'choose another folder with -o')
  }
}
