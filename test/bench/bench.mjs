// What `gen` costs, on this machine and next to what Node itself costs here. Never fails on a figure.
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'

const gen = join(import.meta.dirname, '../../dist/gen.js')
const folder = mkdtempSync(join(tmpdir(), 'leaven-bench-'))
const rounds = 15

/** Runs Node once. @returns wall time in milliseconds */
function time(args, cwd = folder) {
  const began = performance.now()
  const { status, signal, stderr } = spawnSync(process.execPath, args, { cwd })
  const wall = performance.now() - began
  if (status !== 0) throw new Error(`node ${args.join(' ')} ended with ${status ?? signal}: ${stderr}`)
  return wall
}

function median(values) {
  return [...values].sort((one, other) => one - other)[Math.floor(values.length / 2)]
}

/** Alternating, so that whatever else the machine does hits both alike. */
function startUp() {
  const userdata = [gen, 'userdata', '--role', 'master', '-o', 'user-data']
  time(userdata)
  const node = []
  const own = []
  for (let round = 0; round < rounds; round += 1) {
    node.push(time(['-e', '0']))
    own.push(time(userdata))
  }
  const ratio = median(own) / median(node)
  console.log(
    `gen userdata: ${median(own).toFixed(0)} ms, node -e 0: ${median(node).toFixed(0)} ms, ratio ${ratio.toFixed(2)} (aim 3.0; medians of ${rounds})`,
  )
}

/** 3 control planes and 997 workers. */
function largeBlueprint() {
  const nodes = [...Array(1000).keys()].map((index) => {
    const role = index < 3 ? 'control-plane' : 'worker'
    return { name: `n${index}`, role, address: `10.20.${Math.floor(index / 250)}.${(index % 250) + 1}` }
  })
  return {
    apiVersion: 'leaven/v1',
    kind: 'Cluster',
    name: 'large',
    kubernetes: { version: '1.31.4' },
    endpoint: { address: '10.20.255.250' },
    network: { prefix: 16 },
    nodes,
  }
}

function build() {
  const place = join(folder, 'large')
  mkdirSync(place)
  writeFileSync(join(place, 'cluster.yaml'), JSON.stringify(largeBlueprint(), null, 1))
  time([gen, 'secrets', 'create'], place)
  // The process itself knows its peak best: in kilobytes.
  const measured = join(folder, 'measured.mjs')
  writeFileSync(
    measured,
    `process.on('exit', () => console.error('peak', process.resourceUsage().maxRSS))
process.argv.splice(1, 1)
await import(${JSON.stringify(gen)})
`,
  )
  const runs = [1, 2, 3].map((run) => {
    const began = performance.now()
    const { status, signal, stderr } = spawnSync(
      process.execPath,
      [measured, gen, 'build', '-o', `out-${run}`],
      { cwd: place, encoding: 'utf8' },
    )
    const wall = performance.now() - began
    const peak = /^peak (\d+)$/m.exec(stderr)?.[1]
    if (status !== 0 || peak === undefined)
      throw new Error(`gen build ended with ${status ?? signal}: ${stderr}`)
    return { wall, peak: Number(peak) / 1024 }
  })
  const wall = median(runs.map((run) => run.wall))
  const peak = Math.max(...runs.map((run) => run.peak))
  console.log(
    `gen build of 1,000 nodes: ${(wall / 1000).toFixed(2)} s (aim 3 s), peak ${peak.toFixed(0)} MiB (aim 400 MiB)`,
  )
}

try {
  startUp()
  build()
} finally {
  rmSync(folder, { recursive: true, force: true })
}
