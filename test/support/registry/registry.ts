/** Debian's docker-registry on loopback: plain, with TLS, with basic auth or with tokens. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import { type Certificates, certificates } from './certificates.ts'
import type { MadeImage } from './images.ts'
import { password, startTokenServer, type TokenOptions, type TokenServer, user } from './token-server.ts'

/** Bcrypt of that password; docker-registry takes nothing else. */
const htpasswd = `${user}:$2b$04$6fOqZFqc2iQVNnB6jEuZvO3/ecYf4gfoPZ2anoGuarAEdyqiSf00a\n`

export interface RegistryOptions extends TokenOptions {
  readonly tls?: boolean
  readonly auth?: 'basic' | 'token'
  /** What the token server's URL is to be in challenges, such as a proxy before it. */
  readonly realm?: (url: string) => string
  /** Served besides, with these images. */
  readonly images?: readonly MadeImage[]
}

export interface Registry {
  /** `127.0.0.1:PORT`, as images name it. */
  readonly name: string
  /** `https://127.0.0.1:PORT` */
  readonly url: string
  /** The same storage, plain and without authentication. */
  readonly back: string
  /** PEM of who signed its certificate. */
  readonly ca: string
  /** Beside `config.json` with the right credentials; for DOCKER_CONFIG. */
  readonly dockerConfig: string
  readonly tokens: TokenServer | undefined
  /** The storage folder, as docker-registry lays it out. */
  readonly storage: string
  readonly add: (...images: readonly MadeImage[]) => Promise<void>
  readonly stop: () => Promise<void>
}

const stops: (() => Promise<void>)[] = []
// Here, where the file is collected: a hook that a running test or hook asks for is never called.
afterAll(async () => {
  await Promise.all(stops.map((stop) => stop()))
})

/** Ends with the tests of the file that starts it. */
export async function startRegistry(options: RegistryOptions = {}): Promise<Registry> {
  const folder = mkdtempSync(join(tmpdir(), 'leaven-registry-'))
  const storage = join(folder, 'storage')
  const pems = certificates()
  const tokens = options.auth === 'token' ? await startTokenServer(pems, options) : undefined
  const served = await serve(folder, 'front', storage, { options, pems, tokens })
  // What has no authentication fills the storage that both share, so that tests of push are not needed here.
  const back = await serve(folder, 'back', storage, { options: {}, pems, tokens: undefined })
  const add = async (...images: readonly MadeImage[]) => {
    for (const image of images) await store(`http://${back.name}`, image)
  }
  const stop = async () => {
    await Promise.all([end(served.child), end(back.child), tokens?.stop()])
    rmSync(folder, { recursive: true, force: true })
  }
  stops.push(stop)
  await add(...(options.images ?? []))
  const name = served.name
  writeFileSync(join(folder, 'ca.pem'), pems.ca)
  writeFileSync(join(folder, 'config.json'), dockerConfig(name))
  const url = `${options.tls ? 'https' : 'http'}://${name}`
  const files = { ca: join(folder, 'ca.pem'), dockerConfig: folder, storage }
  return { name, url, back: back.name, ...files, tokens, add, stop }
}

/** What `docker login` writes. */
export function dockerConfig(registry: string, credentials = `${user}:${password}`): string {
  const auth = Buffer.from(credentials).toString('base64')
  return JSON.stringify({ auths: { [registry]: { auth } } })
}

interface Setup {
  readonly options: RegistryOptions
  readonly pems: Certificates
  readonly tokens: TokenServer | undefined
}

async function serve(folder: string, name: string, storage: string, { options, pems, tokens }: Setup) {
  const path = (file: string) => join(folder, `${name}-${file}`)
  writeFileSync(path('cert.pem'), pems.certificate)
  writeFileSync(path('key.pem'), pems.key)
  writeFileSync(path('htpasswd'), htpasswd)
  const auth = {
    basic: { htpasswd: { realm: 'test', path: path('htpasswd') } },
    token: tokens && {
      token: {
        realm: options.realm?.(tokens.url) ?? tokens.url,
        service: tokens.service,
        issuer: tokens.issuer,
        rootcertbundle: path('cert.pem'),
      },
    },
  }
  // YAML reads JSON.
  const config = {
    version: '0.1',
    log: { level: 'info', accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: storage }, delete: { enabled: true } },
    http: {
      addr: '127.0.0.1:0',
      secret: 'shared by front and back',
      ...(options.tls ? { tls: { certificate: path('cert.pem'), key: path('key.pem') } } : {}),
    },
    ...(options.auth ? { auth: auth[options.auth] } : {}),
  }
  writeFileSync(path('config.yml'), JSON.stringify(config))
  const child = spawn('docker-registry', ['serve', path('config.yml')], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { PATH: process.env['PATH'] },
  })
  return { child, name: await listening(child) }
}

function listening(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = ''
    child.stderr?.on('data', (chunk: Buffer) => {
      said = (said + chunk.toString()).slice(-20_000)
      const port = /listening on 127\.0\.0\.1:(\d+)/.exec(said)?.[1]
      if (port !== undefined) resolve(`127.0.0.1:${port}`)
    })
    child.on('error', reject)
    child.on('exit', (code) => reject(new Error(`docker-registry ended with ${code}: ${said}`)))
  })
}

function end(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve()
    child.on('exit', () => resolve())
    child.kill('SIGKILL')
  })
}

/** Puts an image there by the API's shortest way; nothing of ours takes part. */
async function store(base: string, image: MadeImage): Promise<void> {
  const { repository, tag, top, manifests, blobs, absent } = image
  for (const { bytes, digest } of blobs) {
    const head = await fetch(`${base}/v2/${repository}/blobs/${digest}`, { method: 'HEAD' })
    if (head.ok) continue
    const begun = await fetch(`${base}/v2/${repository}/blobs/uploads/`, { method: 'POST' })
    const place = new URL(begun.headers.get('location') ?? '', base)
    place.searchParams.set('digest', digest)
    await put(place, 'application/octet-stream', bytes)
  }
  for (const { bytes, digest, mediaType } of manifests) {
    const name = digest === top.digest ? tag : digest
    await put(new URL(`${base}/v2/${repository}/manifests/${name}`), mediaType, bytes)
  }
  // docker-registry refuses an index whose entries are not there, but lets them be deleted later.
  for (const digest of absent)
    await fetch(`${base}/v2/${repository}/manifests/${digest}`, { method: 'DELETE' })
}

async function put(url: URL, type: string, bytes: Buffer): Promise<void> {
  const answer = await fetch(url, { method: 'PUT', body: bytes, headers: { 'content-type': type } })
  if (answer.status !== 201) throw new Error(`PUT ${url.pathname}: ${answer.status} ${await answer.text()}`)
}
