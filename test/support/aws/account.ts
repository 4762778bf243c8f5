/** An account with a cluster's blueprint in a folder, and the command line inside it. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, vi } from 'vitest'
import { main } from '../../../generators/cli/main.ts'
import { type JsonObject, mergePatch } from '../../../generators/model/json.ts'
import { serialiseSecrets } from '../../../generators/secrets/file.ts'
import { afterwards } from '../afterwards.ts'
import { fixedSecrets } from '../secrets.ts'
import { type Aws, credentials, startAws } from './server.ts'

const secrets = serialiseSecrets(
  await fixedSecrets('ecdsa-p256', 'prod', true, new Date(Date.now() - 3_600_000)),
)

export const blueprint: JsonObject = {
  apiVersion: 'leaven/v1',
  kind: 'Cluster',
  name: 'prod',
  kubernetes: { version: '1.31.4' },
  endpoint: {
    provider: 'aws-nlb',
    name: 'api.prod.internal',
    addresses: ['10.0.1.10', '10.0.2.10', '10.0.3.10'],
  },
  cloud: { provider: 'aws', etcdVolume: 20 },
  nodes: [
    { name: 'm1', role: 'control-plane', address: '10.0.1.11' },
    { name: 'm2', role: 'control-plane', address: '10.0.2.11' },
    { name: 'm3', role: 'control-plane', address: '10.0.3.11' },
  ],
  pools: [{ name: 'general', maxNodes: 2 }],
}

export interface Ran {
  readonly code: number
  readonly out: string
  readonly err: string
}

export interface Account extends Aws {
  readonly folder: string
  readonly gen: (command: string, answer?: string | (() => string)) => Promise<Ran>
}

/** @param patch merged into the blueprint */
export async function account(patch: JsonObject = {}): Promise<Account> {
  const aws = await startAws()
  const folder = mkdtempSync(join(tmpdir(), 'leaven-aws-'))
  writeFileSync(join(folder, 'cluster.yaml'), JSON.stringify(mergePatch(blueprint, patch)))
  writeFileSync(join(folder, 'prod.secrets.yaml'), secrets, { mode: 0o600 })
  afterwards(async () => {
    await aws.close()
    rmSync(folder, { recursive: true, force: true })
  })
  const gen = async (command: string, answer?: string | (() => string)): Promise<Ran> => {
    // The SDK reads the environment of the process itself.
    vi.stubEnv('HOME', folder)
    vi.stubEnv('AWS_PROFILE', undefined)
    vi.stubEnv('AWS_REGION', 'eu-central-1')
    vi.stubEnv('AWS_ENDPOINT_URL', aws.url)
    for (const [name, value] of Object.entries(credentials)) vi.stubEnv(name, value)
    let out = ''
    let err = ''
    const code = await main(command.split(' '), {
      stdin: async () => new Uint8Array(),
      stdout: async (chunk) => {
        out += String(chunk)
      },
      stderr: (line) => {
        err += line
      },
      env: {},
      cwd: folder,
      stdoutIsTerminal: false,
      stderrIsTerminal: false,
      columns: 80,
      ...(answer === undefined
        ? {}
        : {
            prompt: () => ({
              ask: async () => (typeof answer === 'string' ? answer : answer()),
              close: () => undefined,
            }),
          }),
    })
    vi.unstubAllEnvs()
    expect(err).not.toMatch(/this is a bug|\n\s+at /)
    return { code, out, err }
  }
  return { ...aws, folder, gen }
}

export const everywhere = '--subnet subnet-a --subnet subnet-b --subnet subnet-c'
export const masters = `launch --role master ${everywhere} --create-security-groups --instance-type c6i.xlarge`
export const workers = `launch --pool general ${everywhere} --create-security-groups`

/** Machines that were not terminated. */
export const alive = ({ state }: Aws) =>
  [...state.machines.values()].filter((machine) => !/term|shut/.test(machine.state))
