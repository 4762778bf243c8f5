import { join } from 'node:path'
import { completeImage } from '../compile.ts'
import { placeArchives } from '../effects/archive/place.effect.ts'
import { packerTemplates } from '../effects/assets.effect.ts'
import { FileError } from '../effects/files.effect.ts'
import type { Artifact } from '../model/artifact.ts'
import type { MachinePlan } from '../providers/provider.ts'
import { manifestOf } from '../render/artifacts.ts'
import { packerArtifacts } from '../render/packer.ts'
import { blueprintOptions, type Command, text, UserError } from './command.ts'
import { forMachine, machineOptions, planMachines } from './machines.effect.ts'
import { outputFolder, replaceArtifacts } from './output.effect.ts'
import { checkedArchives, publicKey } from './packer-inputs.effect.ts'

const { secrets: _, ...options } = blueprintOptions

export const packer: Command = {
  name: 'packer',
  summary: 'write folders that packer build makes machine images from',
  usage: '[--role ROLE] [--builder NAME,…] [--arch ARCH] [--ssh-key FILE] [--images FILE] [-o DIR]',
  description:
    'One folder for each role and builder: <role>/<builder>-<arch>. In it: packer init plugins && packer build .\nNo secret of the cluster is read, and none gets into an image.',
  options: {
    ...options,
    ...machineOptions,
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
    const found = await planMachines(invocation, io)
    if (found === undefined) return 1
    const { checked, machines, texts, lock } = found
    const sshPublicKey = await publicKey(invocation, io, checked, machines)
    const archives = await checkedArchives(invocation, io, machines)
    const { plan, blueprint } = checked
    if (plan === undefined || blueprint === undefined) throw new Error('a plan without errors')
    const folder = outputFolder(text(invocation, 'output'), join('out', plan.name, 'packer'), io)
    const made = machines.map((planned) => {
      const { image } = completeImage(forMachine(checked, planned), planned.role, texts, lock)
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
