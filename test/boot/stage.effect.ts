/** What the first-boot tests share: a LAN for each test, machines on it, what answers there, and the plug to pull. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeAll } from 'vitest'
import { afterwards } from '../support/afterwards.ts'
import { createLan, type Lan, type Machine, type Server } from './machine.effect.ts'
import { addresses, makeAuthorities, prepare, type Settings } from './settings.effect.ts'

const here = dirname(fileURLToPath(import.meta.url))

/** Namespaces need root; CI has it, so there nothing may be skipped. */
export const root = process.getuid?.() === 0
if (!root && process.env['CI'] === 'true') throw new Error('the first-boot tests need root (namespaces)')

export interface Stage {
  /** Every test has a LAN of its own; what is served there ends with it. */
  onLan(body: () => Promise<void>): Promise<void>
  /** Steers the API servers of `api` (test/boot/standins/api.mjs); undefined takes it back. */
  say(file: 'token' | 'status' | 'ahead', text: string | undefined): void
  /** Machines that refuse every port: quicker than silence, and what a peer is like that is up and has no cluster. */
  refuse(...at: string[]): Promise<Server>
  api(at: readonly string[], certificate?: 'api' | 'other'): Promise<Server>
  serve(at: readonly string[], command: readonly string[]): Promise<Server>
  machine(name: string, address: string, settings?: Settings): Machine
  first(settings?: Settings): Machine
  joiner(settings?: Settings): Machine
  folders(): { readonly authorities: string; readonly state: string }
}

/** Call it in a `describe`: it makes the authorities before the first test and removes them after the last. */
export function useStage(): Stage {
  let lan: Lan
  let authorities: string
  let state: string
  beforeAll(() => {
    authorities = mkdtempSync(join(tmpdir(), 'leaven-pki-'))
    makeAuthorities(authorities)
  })
  afterwards(() => rmSync(authorities, { recursive: true, force: true }))

  const stage: Stage = {
    async onLan(body) {
      lan = createLan()
      state = mkdtempSync(join(tmpdir(), 'leaven-api-'))
      try {
        await body()
      } finally {
        await lan.remove()
        rmSync(state, { recursive: true, force: true })
      }
    },
    say(file, text) {
      if (text === undefined) rmSync(join(state, file), { force: true })
      else writeFileSync(join(state, file), text)
    },
    serve: (at, command) => lan.serve(at, command),
    refuse: (...at) => lan.serve(at, ['sleep', '1000']),
    api: (at, certificate = 'api') => {
      const pair = ['crt', 'key'].map((kind) => join(authorities, `${certificate}.${kind}`))
      return lan.serve(at, ['node', join(here, 'standins/api.mjs'), ...pair, '6443', '0.0.0.0', state])
    },
    machine(name, address, settings = {}) {
      const machine = lan.machine(name, address)
      prepare(machine, authorities, settings)
      return machine
    },
    first: (settings) => stage.machine('m1', addresses.m1, settings),
    joiner: (settings) =>
      stage.machine('w1', addresses.w1, { role: 'worker', token: 'abcdef.0123456789abcdef', ...settings }),
    folders: () => ({ authorities, state }),
  }
  return stage
}

export function done(machine: Machine): Promise<void> {
  return machine.until('done', () => machine.status()?.state === 'done')
}

export function waiting(machine: Machine, text: RegExp, seconds?: number): Promise<void> {
  return machine.until(
    `waiting for: ${text}`,
    () => {
      const { message = '', reason = '' } = machine.status() ?? {}
      return text.test(`${message}: ${reason}`)
    },
    seconds,
  )
}

/** The machine's files as a test compares them: no keys that are made anew, no times, no order of tries. */
export function left(machine: Machine): string {
  const list = execFileSync(
    'sh',
    ['-c', 'find etc root var/lib/leaven var/lib/kubelet var/lib/cloud -type f -o -type l | sort'],
    { cwd: machine.path('.') },
  )
  return list
    .toString()
    .trim()
    .split('\n')
    .filter((file) => !/leaven\.log$|status\.json$/.test(file))
    .map((file) => {
      const mode = execFileSync('stat', ['-c', '%a', machine.path(file)])
        .toString()
        .trim()
      const content = /pki\/.*\.(crt|key)$|resolv\.conf$/.test(file) ? '' : machine.read(file)
      return `${file} ${mode}\n${content}`
    })
    .join('\n')
}
/** What was asked at least once; systemd would itself start what is enabled, here the program has to. */
export function calls(machine: Machine): readonly string[] {
  const lines = machine.recorded().map((line) => line.replace(/ --ignore-preflight-errors=\S*/, ''))
  // Whether DNS is on two nodes is asked after the end: it may have been when the test looks, or not.
  const others = /^systemctl (start|restart kubelet)|^kubectl .* get (pods|nodes) /
  return [...new Set(lines.filter((line) => !others.test(line)))].sort()
}

/** Lets the power go at `cut`: before a recorded call of a stand-in, or before a command of the program itself. */
export async function bootAndCut(machine: Machine, cut: string): Promise<void> {
  const call = /^(step|kubeadm) /.test(cut)
  // bash reads BASH_ENV first: a trap of the test's own holds the program still before the command
  const trap = `[[ $BASH_COMMAND != ${JSON.stringify(cut)}* || -e /held ]] || { touch /held /cut-now; sleep 100; }`
  machine.write(call ? 'cut-at' : 'hold.sh', call ? cut : `set -T; trap '${trap}' DEBUG\n`)
  machine.boot(call ? {} : { BASH_ENV: '/hold.sh' })
  await machine.until(`the cut at ${cut}`, () => machine.has('cut-now'))
  await machine.cut()
  for (const file of ['hold.sh', 'held']) rmSync(machine.path(file), { force: true })
}
