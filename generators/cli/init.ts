import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { type Answers, type Suggestion, starterBlueprint, suggestAddresses } from '../blueprint/starter.ts'
import { compile } from '../compile.ts'
import { loadKubernetesTable } from '../effects/assets.effect.ts'
import { createFileAtomic, FileError, writeFileAtomic } from '../effects/files.effect.ts'
import { type OwnAddress, ownAddress } from '../effects/network.effect.ts'
import { hasErrors } from '../model/diagnostic.ts'
import * as registry from '../registry.ts'
import {
  folderName,
  type Read,
  readAddress,
  readCloud,
  readHost,
  readName,
  readNodes,
  readOs,
  readVersion,
  readYes,
  usualVersion,
} from './answers.ts'
import { type Command, flag, type Invocation, type Io, text, UsageError, UserError } from './command.ts'
import { readReporting, report } from './report.ts'

export const init: Command = {
  name: 'init',
  summary: 'ask a few questions and write a commented cluster.yaml',
  usage: '[FILE|-] [--yes] [--name NAME] [--masters N|ADDRESSES] [--endpoint ADDRESS] …',
  description: `Asks for what no option says. Addresses that it proposes are neighbours of this machine's own:
nobody was asked whether they are free.`,
  positionals: 1,
  options: {
    name: { type: 'string', value: 'NAME', description: "the cluster's name", default: "the folder's" },
    kubernetes: { type: 'string', value: 'VERSION', description: 'such as 1.36, or 1.36.1 exactly' },
    cloud: { type: 'string', value: 'CLOUD', description: 'where the machines run', default: 'nocloud' },
    masters: {
      type: 'string',
      value: 'N|ADDRESSES',
      description: 'how many control planes, or their addresses with commas',
      default: '3',
    },
    workers: {
      type: 'string',
      value: 'N|ADDRESSES',
      description: 'how many workers, or their addresses',
      default: '2',
    },
    endpoint: {
      type: 'string',
      value: 'ADDRESS',
      description: 'a free address for the API server; in a cloud the load balancer',
    },
    os: {
      type: 'string',
      value: 'OS[:RELEASE]',
      description: 'what the machines boot, such as debian:12',
      default: 'ubuntu',
    },
    airgapped: { type: 'boolean', description: 'the nodes can fetch nothing' },
    yes: { type: 'boolean', short: 'y', description: 'ask nothing, take what is proposed' },
    force: { type: 'boolean', description: 'replace an existing file' },
  },
  examples: [
    ['gen init', 'answer some questions'],
    ['gen init --yes --endpoint 10.0.0.10 --masters 10.0.0.11,10.0.0.12,10.0.0.13', 'in a script'],
  ],
  async run(invocation, io) {
    const [shown = 'cluster.yaml'] = invocation.positionals
    const path = shown.startsWith('/') ? shown : join(io.cwd, shown)
    const replace = flag(invocation, 'force')
    if (shown !== '-' && !replace && existsSync(path))
      throw new UserError(`${shown} exists already`, 'name another file, or replace it with --force')
    const answers = await converse(invocation, io)
    if (answers === undefined) {
      io.stderr('\ngen: stopped, nothing was written\n')
      return 130
    }
    return (await write(answers, { shown, path, replace }, invocation, io)) ? 0 : 1
  },
}

/** Asks on the terminal; with --yes it takes what is proposed. */
async function converse(invocation: Invocation, io: Io): Promise<Answers | undefined> {
  if (flag(invocation, 'yes'))
    return collect(
      invocation,
      io.cwd,
      async (_, proposed) => proposed,
      (problem) => {
        throw new UsageError(problem)
      },
    )
  const prompt = io.prompt?.()
  if (prompt === undefined)
    throw new UsageError(
      'there is no terminal to ask on',
      '--yes takes what is proposed for all that no option says',
    )
  const ask: Ask = async (question, proposed) => {
    const line = await prompt.ask(`${question}${proposed === '' ? '' : ` [${proposed}]`}: `)
    return line === undefined ? undefined : line.trim() || proposed
  }
  const answers = collect(invocation, io.cwd, ask, (problem) => io.stderr(`  ${problem}\n`))
  return answers.finally(() => prompt.close())
}

async function write(
  answers: Answers,
  { shown, path, replace }: { readonly shown: string; readonly path: string; readonly replace: boolean },
  invocation: Invocation,
  io: Io,
): Promise<boolean> {
  const blueprint = starterBlueprint(answers)
  const bytes = new TextEncoder().encode(blueprint)
  const checked = compile({ file: shown, blueprint: bytes, kubernetes: loadKubernetesTable() })
  await report(checked, checked.diagnostics, readReporting(invocation, io), io, false)
  if (hasErrors(checked.diagnostics)) {
    io.stderr('gen: nothing was written\n')
    return false
  }
  if (shown === '-') {
    await io.stdout(blueprint)
    return true
  }
  try {
    await (replace ? writeFileAtomic : createFileAtomic)(path, bytes, 0o644)
  } catch (cause) {
    throw cause instanceof FileError ? new UserError(cause.message.replace(path, shown)) : cause
  }
  io.stderr(`gen: wrote ${shown}\n  next: gen secrets create, then gen userdata --role master\n`)
  return true
}

type Ask = (question: string, proposed: string) => Promise<string | undefined>
type Complain = (problem: string) => void

/** Undefined once the user has had enough. */
async function collect(
  invocation: Invocation,
  folder: string,
  ask: Ask,
  complain: Complain,
): Promise<Answers | undefined> {
  const own = ownAddress()
  const proposed = suggestAddresses(own ?? { address: '192.168.1.1', prefix: 24 })
  const answer = answers(invocation, ask, complain)
  try {
    const name = await answer('name', "The cluster's name", folderName(folder), readName)
    const kubernetes = await answer('kubernetes', 'Kubernetes version', usualVersion(), readVersion)
    const cloud = await answer(
      'cloud',
      `Where the machines run (${names(registry.cloud)})`,
      'nocloud',
      readCloud,
    )
    const nodes = await askNodes(answer, proposed, cloud.arp)
    const os = await answer('os', `Operating system (${names(registry.os)})`, 'ubuntu', readOs)
    const airgapped =
      flag(invocation, 'airgapped') ||
      (await answer('airgap', 'Air-gapped: the nodes can fetch nothing (yes, no)', 'no', readYes))
    return {
      name,
      kubernetes,
      cloud: cloud.name,
      external: !cloud.arp,
      ...nodes,
      os,
      airgapped,
      prefix: prefixFor(own, nodes.controlPlanes),
    }
  } catch (cause) {
    if (cause instanceof Stopped) return undefined
    throw cause
  }
}

class Stopped extends Error {}

type Answer = <Value>(name: string, question: string, proposal: string, read: Read<Value>) => Promise<Value>

/** From the command line where it is given there, else from the user, as often as it takes. */
function answers(invocation: Invocation, ask: Ask, complain: Complain): Answer {
  return async (name, question, proposal, read) => {
    const given = text(invocation, name)
    if (given !== undefined) {
      const value = read(given)
      if ('problem' in value) throw new UsageError(`--${name}: ${value.problem}`)
      return value.value
    }
    for (;;) {
      const line = await ask(question, proposal)
      if (line === undefined) throw new Stopped()
      const value = read(line)
      if ('value' in value) return value.value
      complain(value.problem)
    }
  }
}

function names(entries: readonly { readonly name: string }[]): string {
  return entries.map(({ name }) => name).join(', ')
}

async function askNodes(
  answer: Answer,
  proposed: Suggestion,
  arp: boolean,
): Promise<Pick<Answers, 'endpoint' | 'controlPlanes' | 'workers'>> {
  const endpoint = await answer(
    'endpoint',
    arp ? 'A free address for the API server (VIP)' : "The load balancer's address or name",
    arp ? proposed.endpoint : 'api.example.com',
    arp ? readAddress : readHost,
  )
  const controlPlanes = await answer(
    'masters',
    'Control planes: how many, or their addresses',
    '3',
    readNodes(proposed.controlPlanes, 1),
  )
  const workers = await answer(
    'workers',
    'Workers: how many, or their addresses',
    '2',
    readNodes(proposed.workers, 0),
  )
  return { endpoint, controlPlanes, workers }
}

/** The default of 24 is left unsaid; another length matters where the nodes are our neighbours. */
function prefixFor(own: OwnAddress | undefined, nodes: readonly string[]): number | undefined {
  const near = (address: string) => address.split('.').slice(0, 2).join('.')
  return own !== undefined && nodes.every((node) => near(node) === near(own.address)) ? own.prefix : undefined
}
