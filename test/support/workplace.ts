/** The command line in a folder of its own. */
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { main } from '../../generators/cli/main.ts'
import { builtInBlueprint } from '../../generators/effects/assets.effect.ts'
import type { ClusterSecrets } from '../../generators/model/secrets.ts'
import { parseSecrets } from '../../generators/secrets/file.ts'

export interface Ran {
  readonly code: number
  readonly out: string
  readonly err: string
}

/** A folder with a blueprint of cluster `prod` in it, and the command line inside it. */
export function workplace(scratch: string, kubernetes?: string) {
  const folder = mkdtempSync(join(scratch, 'w-'))
  const blueprint = Buffer.from(builtInBlueprint('ha-kube-vip')).toString()
  writeFileSync(
    join(folder, 'cluster.yaml'),
    kubernetes === undefined ? blueprint : blueprint.replace(/version: .*\d/, `version: ${kubernetes}`),
  )
  const gen = async (command: string, terminal = false): Promise<Ran> => {
    let out = ''
    let err = ''
    const code = await main(command.split(' '), {
      stdin: async () => new Uint8Array(),
      stdout: async (chunk) => {
        out += typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString()
      },
      stderr: (line) => {
        err += line
      },
      env: {},
      cwd: folder,
      stdoutIsTerminal: terminal,
      stderrIsTerminal: false,
      columns: 80,
    })
    expect(err).not.toMatch(/this is a bug|\n\s+at /)
    return { code, out, err }
  }
  const file = join(folder, 'prod.secrets.yaml')
  const secrets = (): ClusterSecrets => {
    const { secrets: read, diagnostics } = parseSecrets(readFileSync(file, 'utf8'), file, { now: new Date() })
    expect(diagnostics).toEqual([])
    if (read === undefined) throw new Error('the file should be right')
    return read
  }
  return { folder, file, gen, secrets }
}
