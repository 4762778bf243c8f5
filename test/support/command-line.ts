/** The built program as a process of its own, in a folder of its own. */
import { type ChildProcess, spawn } from 'node:child_process'
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'vitest'
import { serialiseSecrets } from '../../generators/secrets/file.ts'
import { afterwards } from './afterwards.ts'
import { fixedSecrets } from './secrets.ts'

export const program = join(import.meta.dirname, '../../dist/gen.js')
const peak = join(import.meta.dirname, 'peak.mjs')

export interface Ran {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly bytes: Buffer
  readonly out: string
  readonly err: string
  /** Milliseconds of processor time, user and system. */
  readonly cpu: number
  /** Mebibytes. */
  readonly memory: number
}

export interface RunOptions {
  readonly input?: string | Uint8Array
  readonly env?: Readonly<Record<string, string>>
  /** Called when the process runs. */
  readonly started?: (child: ChildProcess) => void
}

/** A folder with these files, removed after the tests of the file that asks for it. */
export function place(files: Readonly<Record<string, string | Uint8Array>> = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'leaven-cli-'))
  afterwards(() => rmSync(folder, { recursive: true, force: true }))
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content)
  return {
    folder,
    gen: (command: string, options: RunOptions = {}) =>
      run(folder, command.split(' ').filter(Boolean), options),
    path: (name: string) => join(folder, name),
    read: (name: string) => readFileSync(join(folder, name)),
    /** Every file below, by path, sorted. */
    list: () => filesBelow(folder),
    mode: (name: string) => statSync(join(folder, name)).mode & 0o7777,
  }
}

/** The blueprint that most tests use, and secrets that fit it; made once, for making keys takes time. */
export const blueprint = `apiVersion: leaven/v1
kind: Cluster
name: prod
kubernetes: { version: 1.31.4 }
endpoint: { address: 172.31.253.60 }
network: { gateway: 172.31.253.1 }
nodes:
  - { name: m1, role: control-plane, address: 172.31.253.61 }
  - { name: m2, role: control-plane, address: 172.31.253.62 }
  - { name: m3, role: control-plane, address: 172.31.253.63 }
  - { name: w1, role: worker, address: 172.31.253.71 }
pools:
  - { name: gpu, labels: { gpu: "yes" } }
`
// Not long before now: the program has the real clock, which refuses expired and future certificates.
const secretsText = serialiseSecrets(
  await fixedSecrets('ecdsa-p256', 'prod', true, new Date(Date.now() - 3_600_000)),
)

export function clusterPlace(text = blueprint) {
  const made = place({ 'cluster.yaml': text, 'prod.secrets.yaml': secretsText })
  chmodSync(made.path('prod.secrets.yaml'), 0o600)
  return made
}

async function run(cwd: string, argv: readonly string[], options: RunOptions): Promise<Ran> {
  const child = spawn(process.execPath, ['--import', peak, program, ...argv], {
    cwd,
    // Nothing of the test runner's environment changes what a user would see.
    env: { PATH: process.env['PATH'], HOME: cwd, ...options.env },
    stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
  })
  const chunks: Buffer[][] = [[], [], []]
  for (const [index, stream] of [child.stdout, child.stderr, child.stdio[3]].entries())
    stream?.on('data', (chunk: Buffer) => chunks[index]?.push(chunk))
  child.stdin.on('error', () => undefined)
  child.stdin.end(options.input ?? '')
  options.started?.(child)
  const [code, signal] = await new Promise<readonly [number | null, NodeJS.Signals | null]>((resolve) =>
    child.on('close', (...ended) => resolve(ended)),
  )
  const [bytes, err, usage] = chunks.map((list) => Buffer.concat(list)) as [Buffer, Buffer, Buffer]
  const [cpu = Number.NaN, memory = Number.NaN] = usage.toString().split(' ').map(Number)
  const ran = { code, signal, bytes, out: bytes.toString(), err: err.toString(), cpu, memory }
  // Whatever happens, nobody is shown a stack trace.
  expect(ran.err).not.toMatch(/^\s+at .*:\d+:\d+\)?$/m)
  return ran
}

function filesBelow(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort()
}
