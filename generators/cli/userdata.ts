import { join } from 'node:path'
import { suggestion } from '../blueprint/schema.ts'
import { writeFileAtomic } from '../effects/files.effect.ts'
import type { GroupPlan } from '../model/plan.ts'
import { parseRole, roleSpellings } from '../model/role.ts'
import { groupNames } from '../plan/cluster.ts'
import type { CloudProvider, UserDataEncoding } from '../providers/provider.ts'
import * as registry from '../registry.ts'
import { type Fitted, fit } from '../render/fit.ts'
import { renderUserData } from '../render/user-data.ts'
import { blueprintOptions, type Command, type Invocation, text, UsageError, UserError } from './command.ts'
import { compileOrReport, type Ready } from './inputs.effect.ts'

const encodings: readonly UserDataEncoding[] = ['plain', 'gzip', 'gzip+base64', 'mime']

export const userdata: Command = {
  name: 'userdata',
  summary: 'print the user-data of a role, a node or a pool',
  usage: '--role master|worker | --node NAME | --pool NAME  [-o FILE]',
  description:
    'All masters get the same text, and so do all workers: paste it into the user-data box of each VM.\nThe text of a master holds private keys.',
  options: {
    ...blueprintOptions,
    role: { type: 'string', value: 'ROLE', description: 'control-plane (or master), worker' },
    node: { type: 'string', value: 'NAME', description: 'the text that this declared node gets' },
    pool: { type: 'string', value: 'NAME', description: 'the text of a pool' },
    target: {
      type: 'string',
      value: 'CLOUD',
      description: 'check against the limits of another cloud',
      default: "the blueprint's cloud",
    },
    encoding: {
      type: 'string',
      value: encodings.join('|'),
      description: 'how the text is wrapped',
      default: 'plain if it fits, else gzip',
    },
    output: {
      type: 'string',
      short: 'o',
      value: 'FILE',
      description: 'write a file (0600) instead of standard output',
    },
  },
  examples: [
    ['gen userdata --role master', 'for every master'],
    ['gen userdata --role worker --target aws -o worker.txt', "checked against AWS's 16,384 bytes"],
  ],
  async run(invocation, io) {
    const target = readTarget(invocation)
    const encoding = readEncoding(invocation)
    checkChoice(invocation, ['role', 'node', 'pool'])
    const ready = await compileOrReport(invocation, io, { withSecrets: true })
    if (ready === undefined) return 1
    const fitted = await fitGroup(ready, pickGroup(invocation, ready), target, encoding)
    const path = text(invocation, 'output')
    if (path !== undefined) {
      await writeFileAtomic(join(path.startsWith('/') ? '' : io.cwd, path), fitted.bytes, 0o600)
      io.stderr(`gen: wrote ${path} (${fitted.size} bytes, ${fitted.encoding})\n`)
      return 0
    }
    if (fitted.encoding === 'gzip' && io.stdoutIsTerminal)
      throw new UserError(
        'the text is gzipped, which a terminal cannot show',
        'write it to a file with -o, or use --encoding gzip+base64',
      )
    await io.stdout(fitted.bytes)
    return 0
  },
}

/** Exactly one of the options that say whose text is meant. @throws UsageError */
export function checkChoice(invocation: Invocation, choices: readonly string[]): void {
  const given = choices.filter((name) => text(invocation, name) !== undefined)
  if (given.length !== 1)
    throw new UsageError(
      given.length === 0 ? 'whose user-data?' : `--${given.join(' and --')} exclude each other`,
      `give one of ${['--role master', '--role worker', ...choices.slice(1).map((name) => `--${name} NAME`)].join(', ')}`,
    )
  const role = text(invocation, 'role')
  if (role !== undefined && parseRole(role) === undefined)
    throw new UsageError(`there is no role named ${role}`, suggestion(role, Object.keys(roleSpellings)))
}

function readTarget(invocation: Invocation): CloudProvider | undefined {
  const name = text(invocation, 'target')
  if (name === undefined) return undefined
  const found = registry.cloud.find((provider) => provider.name === name)
  if (found === undefined)
    throw new UsageError(
      `there is no target named ${name}`,
      suggestion(
        name,
        registry.cloud.map((provider) => provider.name),
      ),
    )
  return found
}

function readEncoding(invocation: Invocation): UserDataEncoding | undefined {
  const name = text(invocation, 'encoding')
  const found = encodings.find((encoding) => encoding === name)
  if (name !== undefined && found === undefined)
    throw new UsageError(`there is no encoding named ${name}`, suggestion(name, encodings))
  return found
}

/**
 * The group that --node, --pool or --role names.
 * @throws UserError
 */
export function pickGroup(invocation: Invocation, { groups, plan }: Ready): GroupPlan {
  const node = text(invocation, 'node')
  const pool = text(invocation, 'pool')
  const role = parseRole(text(invocation, 'role') ?? '')
  if (node !== undefined) {
    const found = groups.find((group) => group.nodes.includes(node))
    if (found) return found
    throw new UserError(
      `the blueprint declares no node named ${node}`,
      suggestion(
        node,
        plan.nodes.map(({ name }) => name),
      ),
    )
  }
  if (pool !== undefined) {
    const found = groups.find((group) => group.pool === pool)
    const known = groups.flatMap((group) => group.pool ?? [])
    if (found) return found
    throw new UserError(
      `the blueprint has no pool named ${pool}`,
      known.length > 0 ? suggestion(pool, known) : 'it has no pools at all',
    )
  }
  const found = groups.find((group) => group.name === groupNames[role ?? 'worker']) ?? onlyPool(groups)
  if (found) return found
  throw new UserError(`the blueprint declares no ${role}`, `add a node or a pool with the role ${role}`)
}

/** Workers that are one pool need no name to be told apart. */
function onlyPool(groups: readonly GroupPlan[]): GroupPlan | undefined {
  const pools = groups.filter((group) => group.pool !== undefined)
  return pools.length === 1 ? pools[0] : undefined
}

/** @throws UserError when nothing fits */
export async function fitGroup(
  { plan }: Ready,
  group: GroupPlan,
  target: CloudProvider | undefined,
  encoding: UserDataEncoding | undefined,
): Promise<Exclude<Fitted, { problem: unknown }>> {
  const cloud = target ?? registry.cloud.find((provider) => provider.name === plan.cloud.provider)
  if (cloud === undefined) throw new Error(`no cloud ${plan.cloud.provider}`)
  const fitted = await fit((how) => renderUserData(group, plan.name, how), cloud, encoding)
  if ('problem' in fitted) throw new UserError(fitted.problem.message, fitted.problem.hint)
  return fitted
}
