/** Who we are to a registry: `docker login` and `podman login` wrote it down, or a credential helper knows. */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { type Credentials, findCredentials, readHelperAnswer } from '../../images/docker-config.ts'
import { SourceError } from '../../images/source.ts'
import type { Json } from '../../model/json.ts'
import { FileError, readFileLimited } from '../files.effect.ts'

export type FindCredentials = (host: string, repository: string) => Promise<Credentials | undefined>

type Environment = Readonly<Record<string, string | undefined>>

/** @returns a function that reads the files once, and asks each helper once a registry */
export function createFindCredentials(env: Environment): FindCredentials {
  let configs: Promise<readonly Json[]> | undefined
  const asked = new Map<string, Promise<Credentials | undefined>>()
  return async (host, repository) => {
    configs ??= Promise.all(configFiles(env).map(readConfig))
    for (const config of await configs) {
      const found = findCredentials(config, host, repository)
      if (found === undefined) continue
      if ('credentials' in found) return found.credentials
      const key = `${found.helper} ${found.server}`
      const answer = asked.get(key) ?? askHelper(found.helper, found.server, env)
      asked.set(key, answer)
      const credentials = await answer
      if (credentials !== undefined) return credentials
    }
    return undefined
  }
}

/** The first that knows a registry wins. */
function configFiles({
  DOCKER_CONFIG,
  HOME,
  REGISTRY_AUTH_FILE,
  XDG_RUNTIME_DIR,
}: Environment): readonly string[] {
  const docker = DOCKER_CONFIG || (HOME && join(HOME, '.docker'))
  return [
    ...(docker ? [join(docker, 'config.json')] : []),
    ...(REGISTRY_AUTH_FILE ? [REGISTRY_AUTH_FILE] : []),
    ...(XDG_RUNTIME_DIR ? [join(XDG_RUNTIME_DIR, 'containers/auth.json')] : []),
  ]
}

async function readConfig(file: string): Promise<Json> {
  try {
    const { bytes } = await readFileLimited(file, 4 * 1024 * 1024)
    return JSON.parse(Buffer.from(bytes).toString()) as Json
  } catch (cause) {
    if (cause instanceof FileError && cause.reason === 'missing') return {}
    const why = cause instanceof FileError ? cause.message : `${file} is not JSON`
    throw new SourceError('denied', why, 'docker login writes it anew; DOCKER_CONFIG names another folder')
  }
}

/** https://github.com/docker/docker-credential-helpers: the server on standard input, JSON on standard output. */
async function askHelper(helper: string, server: string, env: Environment): Promise<Credentials | undefined> {
  const program = `docker-credential-${helper}`
  if (!/^[\w.-]+$/.test(helper))
    throw new SourceError('denied', `${JSON.stringify(helper)} in config.json cannot be a credential helper`)
  const { code, out, err } = await runHelper(program, server, env)
  if (code !== 0) {
    // The one text that all helpers share: nobody logged in there.
    if (/credentials not found/i.test(out + err)) return undefined
    const said = (err || out).trim().split('\n').at(-1)?.slice(0, 200) ?? ''
    throw new SourceError('denied', `${program} get for ${server} ended with ${code}: ${said}`)
  }
  const credentials = readHelperAnswer(out)
  if (credentials === undefined)
    throw new SourceError('denied', `${program} get for ${server} printed no JSON with Username and Secret`)
  return credentials
}

function runHelper(program: string, server: string, env: Environment) {
  return new Promise<{ code: number | string; out: string; err: string }>((resolve, reject) => {
    const child = spawn(program, ['get'], { env: { ...env }, stdio: ['pipe', 'pipe', 'pipe'] })
    const texts = { out: '', err: '' }
    child.stdout.on('data', (chunk: Buffer) => (texts.out = (texts.out + chunk.toString()).slice(0, 100_000)))
    child.stderr.on('data', (chunk: Buffer) => (texts.err = (texts.err + chunk.toString()).slice(0, 100_000)))
    child.stdin.on('error', () => undefined)
    child.stdin.end(server)
    const timer = setTimeout(() => child.kill('SIGKILL'), 60_000)
    child.on('close', (code, signal) => {
      clearTimeout(timer)
      resolve({ code: code ?? signal ?? 'nothing', ...texts })
    })
    child.on('error', (cause: NodeJS.ErrnoException) => {
      clearTimeout(timer)
      const why = cause.code === 'ENOENT' ? 'is not in PATH' : `cannot be run (${cause.code})`
      reject(
        new SourceError(
          'denied',
          `${program}, which config.json names for ${server}, ${why}`,
          'install it, or docker login',
        ),
      )
    })
  })
}
