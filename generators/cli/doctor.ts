import { findProgram, versionOf } from '../effects/programs.effect.ts'
import { type Command, flag } from './command.ts'

interface Need {
  readonly program: string
  /** Asks it for its version. */
  readonly ask: string
  readonly commands: readonly string[]
  readonly why: string
  /** Where it comes from. */
  readonly get: string
}

/** What commands call. Everything else needs nothing but Node.js. */
const needs: readonly Need[] = [
  {
    program: 'xorriso',
    ask: '-version',
    commands: ['gen seed --iso'],
    why: 'writes the ISO image of a seed',
    get: 'apt-get install xorriso',
  },
  {
    program: 'ctr',
    ask: '--version',
    commands: ['--from containerd:'],
    why: 'reads images of a containerd that runs here',
    get: 'it comes with containerd: apt-get install containerd',
  },
  {
    program: 'packer',
    ask: 'version',
    commands: ['packer build in the folders of gen packer'],
    why: 'makes machine images',
    get: 'apt-get install packer (1.6.6), or https://developer.hashicorp.com/packer/install',
  },
  {
    program: 'apt-get',
    ask: '--version',
    commands: ['gen bundle for Debian and Ubuntu'],
    why: 'finds and fetches packages with all that they depend on',
    get: 'run gen bundle on Debian or Ubuntu, or in a container of one',
  },
  {
    program: 'dnf',
    ask: '--version',
    commands: ['gen bundle for Rocky and Alma'],
    why: 'finds and fetches packages with all that they depend on',
    get: 'apt-get install dnf rpm',
  },
  {
    program: 'createrepo_c',
    ask: '--version',
    commands: ['gen bundle for Rocky and Alma'],
    why: "lists the packages of the bundle's repository",
    get: 'apt-get install createrepo-c',
  },
  {
    program: 'gpg',
    ask: '--version',
    commands: ['gen bundle'],
    why: "signs the bundle's repository of packages",
    get: 'apt-get install gpg gpg-agent gpgv',
  },
]

interface Checkup extends Need {
  readonly path: string | undefined
  readonly version: string | undefined
}

export const doctor: Command = {
  name: 'doctor',
  summary: 'say what this machine lacks for which command',
  usage: '[--json]',
  description:
    'Ends with 1 when something is missing. Commands that are not listed need nothing but Node.js.',
  options: { json: { type: 'boolean', description: 'for programs' } },
  async run(invocation, io) {
    const path = io.env['PATH'] ?? ''
    const found = await Promise.all(
      needs.map(async (need): Promise<Checkup> => {
        const file = findProgram(need.program, path)
        return { ...need, path: file, version: file && (await versionOf(file, need.ask)) }
      }),
    )
    if (flag(invocation, 'json'))
      await io.stdout(
        `${JSON.stringify({ node: process.version, platform: process.platform, programs: found }, null, 2)}\n`,
      )
    else
      await io.stdout(`node ${process.version.slice(1)}: ok, for every command\n${found.map(line).join('')}`)
    return found.every((program) => program.path !== undefined) ? 0 : 1
  },
}

function line({ program, path, version, commands, why, get }: Checkup): string {
  const whom = commands.join(', ')
  if (path !== undefined) return `${program} ${version ?? '(version unknown)'}: ok, for ${whom}\n`
  return `${program}: missing, which ${whom} needs: it ${why}\n  hint: ${get}\n`
}
