/** The table of commands. Each is loaded when it is called. */
import type { Command } from './command.ts'

export interface Entry {
  readonly name: string
  readonly summary: string
  readonly load: () => Promise<Command>
}

/** In the order of the help text. */
export const groups: readonly { readonly title: string; readonly commands: readonly Entry[] }[] = [
  {
    title: 'blueprint:',
    commands: [
      {
        name: 'init',
        summary: 'ask a few questions and write a commented cluster.yaml',
        load: async () => (await import('./init.ts')).init,
      },
      {
        name: 'example',
        summary: 'print a built-in blueprint to start from',
        load: async () => (await import('./example.ts')).example,
      },
      {
        name: 'validate',
        summary: 'check a blueprint and say everything that is wrong with it',
        load: async () => (await import('./validate.ts')).validate,
      },
      {
        name: 'explain',
        summary: 'explain the code of a problem: cause, example, fix',
        load: async () => (await import('./explain.ts')).explain,
      },
      {
        name: 'plan',
        summary: 'show what was decided, secrets withheld',
        load: async () => (await import('./plan.ts')).plan,
      },
      {
        name: 'diff',
        summary: 'show what a change of blueprint changes on the nodes',
        load: async () => (await import('./diff.ts')).diff,
      },
      {
        name: 'secrets',
        summary: "make, show, import and renew the cluster's secrets",
        load: async () => (await import('./secrets.ts')).secrets,
      },
    ],
  },
  {
    title: 'nodes:',
    commands: [
      {
        name: 'userdata',
        summary: 'print the user-data of a role, a node or a pool',
        load: async () => (await import('./userdata.ts')).userdata,
      },
      {
        name: 'seed',
        summary: 'write NoCloud seeds: user-data, meta-data and network-config of each node',
        load: async () => (await import('./seed.ts')).seed,
      },
      {
        name: 'build',
        summary: 'write everything of a cluster into one folder, with a manifest',
        load: async () => (await import('./build.ts')).build,
      },
      {
        name: 'kubeconfig',
        summary: "make an administrator's kubeconfig",
        load: async () => (await import('./kubeconfig.ts')).kubeconfigCommand,
      },
    ],
  },
  {
    title: 'air gap:',
    commands: [
      {
        name: 'images',
        summary: 'list, export, verify, compare and push container images for nodes without a network',
        load: async () => (await import('./images.ts')).images,
      },
      {
        name: 'lock',
        summary: 'pin every image by digest and every download by checksum',
        load: async () => (await import('./lock.ts')).lock,
      },
      {
        name: 'bundle',
        summary: 'write all that nodes without a network install, as a folder or a tar file',
        load: async () => (await import('./bundle.ts')).bundle,
      },
    ],
  },
  {
    title: 'on AWS:',
    commands: [
      {
        name: 'ami',
        summary: 'find base images on EC2; list, deprecate and prune those that we baked',
        load: async () => (await import('./ami.ts')).ami,
      },
      {
        name: 'launch',
        summary: 'launch the nodes of a role on EC2, and destroy what was launched',
        load: async () => (await import('./launch.ts')).launch,
      },
    ],
  },
  {
    title: 'machine images:',
    commands: [
      {
        name: 'packer',
        summary: 'write folders that packer build makes machine images from',
        load: async () => (await import('./packer.ts')).packer,
      },
      {
        name: 'ci',
        summary: 'write a pipeline that bakes them, for GitHub or GitLab',
        load: async () => (await import('./ci.ts')).ci,
      },
      {
        name: 'provenance',
        summary: 'say what a baked image was made of, and where',
        load: async () => (await import('./provenance.ts')).provenance,
      },
    ],
  },
  {
    title: 'about:',
    commands: [
      {
        name: 'schema',
        summary: "print the blueprint's JSON Schema, for editors",
        load: async () => (await import('./schema.ts')).schema,
      },
      {
        name: 'facts',
        summary: 'show what we know about a Kubernetes version, with sources',
        load: async () => (await import('./facts.ts')).factsCommand,
      },
      {
        name: 'doctor',
        summary: 'say what this machine lacks for which command',
        load: async () => (await import('./doctor.ts')).doctor,
      },
      {
        name: 'completion',
        summary: 'print a completion script for bash, zsh or fish',
        load: async () => (await import('./completion.ts')).completion,
      },
    ],
  },
]
