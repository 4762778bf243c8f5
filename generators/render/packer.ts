/** A planned machine → the folder that `packer build` takes as it is. */
import type { Artifact } from '../model/artifact.ts'
import type { Blueprint } from '../model/blueprint.ts'
import type { JsonObject } from '../model/json.ts'
import type { ClusterPlan, ImagePlan } from '../model/plan.ts'
import type { Installer, MachinePlan, OsProvider } from '../providers/provider.ts'
import * as registry from '../registry.ts'
import { renderBody } from './file.ts'
import { provisionArtifacts } from './provision.ts'

export interface PackerInputs {
  readonly plan: ClusterPlan
  readonly bake: Blueprint['bake']
  readonly planned: MachinePlan
  readonly image: ImagePlan
  /** A line of a .pub file; undefined where Packer makes a key of its own. */
  readonly sshPublicKey: string | undefined
  /** The texts of packer/ and packer/<builder>/, by their names there. */
  readonly templates: Readonly<Record<string, string>>
}

/** Whether root is let in by a key of the user's: on machines that are seeded or installed. */
export function needsKey({ machine: { base } }: MachinePlan): boolean {
  return base.kind === 'cloud-image' || base.kind === 'installer'
}

/** Paths are relative to the machine's own folder. */
export function packerArtifacts(inputs: PackerInputs): readonly Artifact[] {
  const { planned, templates, image } = inputs
  return [
    ...Object.entries(templates).map(([path, text]) =>
      // One word in a file that is otherwise as it lies in packer/: HCL wants a literal there.
      open(path, text.replace('source.BUILDER.node', `source.${planned.builder.name}.node`)),
    ),
    open('node.auto.pkrvars.json', `${JSON.stringify(variables(inputs), null, 2)}\n`),
    ...answers(inputs),
    ...provisionArtifacts(image).map((file) => ({ ...file, path: `provision/${file.path}` })),
  ]
}

function variables({ plan, bake, planned }: PackerInputs): JsonObject {
  const { builder, machine, options, role, user } = planned
  return {
    image_name: machine.name,
    facts: {
      cluster: plan.name,
      role,
      kubernetes: plan.kubernetes.version,
      [plan.runtime.provider]: plan.runtime.version,
      os: `${plan.os.provider} ${plan.os.release}`,
      architecture: machine.architecture,
    },
    ssh_username: user,
    ...(bake?.cpus === undefined ? {} : { cpus: bake.cpus }),
    ...(bake?.memoryMiB === undefined ? {} : { memory_mib: bake.memoryMiB }),
    ...(bake?.diskGiB === undefined ? {} : { disk_gib: bake.diskGiB }),
    ...builder.variables(machine, options),
  }
}

/** What the machine fetches from Packer's HTTP server: a NoCloud seed, or the answers of an installer. */
function answers({ plan, planned, sshPublicKey = '' }: PackerInputs): readonly Artifact[] {
  const { machine, builder } = planned
  if (!needsKey(planned)) return []
  const key = sshPublicKey.trim().split(/\s+/).slice(0, 2).join(' ')
  const os: OsProvider | undefined = registry.os.find(({ name }) => name === plan.os.provider)
  if (os === undefined) throw new Error(`no os ${plan.os.provider}`)
  const files =
    machine.base.kind === 'cloud-image'
      ? seed(key)
      : os.installer.answers({
          architecture: machine.architecture,
          sshPublicKey: key,
          packages: builder.guestPackages?.[os.installer.name] ?? [],
          repository: os.baseImages[plan.os.release]?.repository,
          httpProxy: plan.proxy?.http,
        })
  return Object.entries(files).map(([name, body]) =>
    open(`http/${name}`, `${name === 'user-data' ? '#cloud-config\n' : ''}${renderBody(body)}`),
  )
}

/** Root by key: no user that would have to be removed, and no password at all. */
function seed(key: string): ReturnType<Installer['answers']> {
  return {
    'meta-data': {
      kind: 'yaml',
      documents: [{ 'instance-id': 'leaven-bake', 'local-hostname': 'leaven-bake' }],
    },
    'user-data': {
      kind: 'yaml',
      documents: [
        {
          disable_root: false,
          ssh_pwauth: false,
          users: [{ name: 'root', lock_passwd: true, ssh_authorized_keys: [key] }],
        },
      ],
    },
  }
}

function open(path: string, text: string): Artifact {
  return { path, bytes: new TextEncoder().encode(text), mode: 0o644, secret: false }
}
