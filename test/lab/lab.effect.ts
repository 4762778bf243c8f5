import { spawnSync } from 'node:child_process'
import { parseArgs } from 'node:util'
import { balance } from './balancer.effect.ts'
import { runChecks } from './checks/check.effect.ts'
import { kubernetesOf, nodeNamed, openCluster } from './cluster.effect.ts'
import { type Lab, labNamed } from './host.effect.ts'
import { down, form, ready } from './lifecycle.effect.ts'
import { cutPower, insideOf, machineNamed, powerOn } from './machine.effect.ts'
import { journalOf } from './operator.effect.ts'
import { prepare } from './recipes.effect.ts'
import { type Row, reportOf } from './report.ts'
import {
  checks,
  faults,
  milestonesOf,
  runBare,
  runChaos,
  runDead,
  runFault,
  runTopology,
  type Stage,
} from './suite.effect.ts'
import { explain } from './watch.effect.ts'

const help = `usage: npm run lab -- [COMMAND] [OPTIONS]

  (none)            ha-kube-vip: form, check, dead-cluster, tear down
  --ci              the same and four faults
  --all             every topology and every fault; hours
  up [BLUEPRINT]    form a cluster and leave it running
  check             every check, on what runs
  status            where each node is
  shell NODE        a shell inside; logs NODE: what first boot said
  cut NODE, on NODE  its power
  fault NAME…       from a blank or running cluster, then every check
  chaos             --seed N --cuts N
  bare              the same cluster by hand with kubeadm, for comparison
  build             only what the cache lacks
  list              topologies and faults
  down              remove the lab, however it was left

  --lab ID          another lab beside this one (default lab)
  --blueprint NAME  of test/lab/blueprints (default ha-kube-vip)
  --keep            leave the last cluster running`

const topologies = ['ha-kube-vip', 'ha-keepalived-haproxy', 'single', 'five', 'external', 'modern']

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    ci: { type: 'boolean' },
    all: { type: 'boolean' },
    keep: { type: 'boolean' },
    lab: { type: 'string', default: 'lab' },
    blueprint: { type: 'string', default: 'ha-kube-vip' },
    seed: { type: 'string' },
    cuts: { type: 'string', default: '50' },
  },
})
const lab = labNamed(values.lab)
const blueprint = values.blueprint

/** Runs and always tears down, also when it is interrupted. */
async function suite(work: (stage: Stage) => Promise<readonly Row[]>): Promise<number> {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => {
      console.log(`lab: ${signal}, cleaning up`)
      // Synchronously, by a process of its own: what was under way here must not power anything on meanwhile.
      const again = ['--wait', process.execPath, process.argv[1] as string, 'down', '--lab', lab.id]
      spawnSync('setsid', again, { stdio: 'inherit' })
      process.exit(130)
    })
  }
  await down(lab)
  const start = Date.now()
  const stage: Stage = { lab, blueprint, cluster: undefined }
  let rows: readonly Row[] = []
  try {
    rows = await work(stage)
  } finally {
    if (!values.keep) await down(lab)
  }
  console.log(`\n${Math.round((Date.now() - start) / 1000)} s in all\n${reportOf(rows)}`)
  return rows.length > 0 && rows.every((row) => row.failed === 0) ? 0 : 1
}

async function standard(stage: Stage): Promise<readonly Row[]> {
  const rows = [await runTopology(stage)]
  if (values.ci) for (const fault of faults.filter((one) => one.ci)) rows.push(await runFault(stage, fault))
  rows.push(await runDead(stage))
  return rows
}

async function everything(stage: Stage): Promise<readonly Row[]> {
  const rows = [await runTopology(stage)]
  for (const fault of faults) rows.push(await runFault(stage, fault))
  rows.push(await runDead(stage))
  rows.push(await runBare(stage))
  for (const other of topologies.filter((one) => one !== stage.blueprint)) {
    rows.push(await runTopology({ lab, blueprint: other, cluster: undefined }))
  }
  return rows
}

async function main(command: string | undefined, args: readonly string[]): Promise<number> {
  switch (command) {
    case undefined:
      return suite(values.all ? everything : standard)
    case 'fault': {
      const chosen = args.map((name) => named(name))
      return suite(async (stage) => {
        const rows: Row[] = []
        for (const fault of chosen) rows.push(await runFault(stage, fault))
        return rows
      })
    }
    case 'chaos': {
      const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31))
      return suite(async (stage) => [await runChaos(stage, seed, Number(values.cuts))])
    }
    case 'bare':
      return suite(async (stage) => [await runBare(stage)])
    case 'down':
      await down(lab)
      return 0
    case 'build':
      await prepare(kubernetesOf(args[0] ?? blueprint))
      return 0
    case 'balance':
      return balance(args[0] as string, Number(args[1]), args.slice(2))
    case 'list':
      console.log(`${topologies.join('\n')}\n`)
      for (const { name, story } of faults) console.log(`${name.padEnd(26)}${story}`)
      return 0
    case 'up':
      return up(lab, args[0] ?? blueprint)
    case 'check':
    case 'status':
    case 'shell':
    case 'logs':
    case 'cut':
    case 'on':
      return onRunning(command, args[0])
    default:
      console.log(help)
      return command === 'help' ? 0 : 2
  }
}

async function up(where: Lab, of: string): Promise<number> {
  await down(where)
  const { milestones } = await form(where, await ready(where, of), of)
  console.log(milestonesOf(milestones))
  return 0
}

async function onRunning(command: string, name: string | undefined): Promise<number> {
  const cluster = openCluster(lab, await prepare(kubernetesOf(blueprint)))
  const machine = () => machineNamed(lab, name ?? '')
  if (command === 'status') console.log(explain(cluster))
  if (command === 'cut') await cutPower(machine())
  if (command === 'on') await powerOn(machine())
  if (command === 'logs')
    console.log(await journalOf(cluster, nodeNamed(cluster, name ?? ''), 'leaven', 1000))
  if (command === 'shell') {
    const [program, ...rest] = [...insideOf(machine()), 'bash', '-l']
    return spawnSync(program as string, rest, { stdio: 'inherit' }).status ?? 1
  }
  if (command !== 'check') return 0
  const results = await runChecks(cluster, checks)
  const failed = results.filter((result) => result.problem !== undefined).length
  console.log(`${results.length - failed} passed, ${failed} failed`)
  return failed === 0 ? 0 : 1
}

function named(name: string) {
  const fault = faults.find((one) => one.name === name)
  if (!fault) throw new Error(`no fault ${name}; \`list\` tells their names`)
  return fault
}

try {
  process.exitCode = await main(positionals[0], positionals.slice(1))
} catch (error) {
  console.error(`lab: ${error instanceof Error ? error.message : String(error)}`)
  process.exitCode = 1
}
