/** Our client against Debian's docker-registry; skopeo says what is right. */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, describe, expect } from 'vitest'
import { startFaultProxy } from './support/registry/fault-proxy.ts'
import { image, layer, noise } from './support/registry/images.ts'
import { blobDigest, manifestOf, named, never, opened, pull } from './support/registry/opened.ts'
import { dockerConfig, type Registry, startRegistry } from './support/registry/registry.ts'
import { password, user } from './support/registry/token-server.ts'
import { withTools } from './support/tools.ts'

const test = withTools('docker-registry', 'skopeo', 'openssl')
const scratch = mkdtempSync(join(tmpdir(), 'leaven-client-'))
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

const shared = layer({ 'bin/large': noise('large', 3_000_000) }, 0)
const one = image('kube/one', 'v1', { layers: [shared] })
const two = image('kube/two', 'v2', { layers: [shared], docker: true })
const large = { digest: shared.blob.digest, size: shared.blob.bytes.length }

/** With the credentials and the authority that belong to it. */
function openedFor(registry: Registry, env: Readonly<Record<string, string>> = {}) {
  return opened({
    env: { DOCKER_CONFIG: registry.dockerConfig, PATH: process.env['PATH'], ...env },
    caFiles: [registry.ca],
    plainHttp: registry.url.startsWith('http:'),
  })
}
function configFolder(config: object | string): string {
  const folder = mkdtempSync(join(scratch, 'docker-'))
  writeFileSync(join(folder, 'config.json'), typeof config === 'string' ? config : JSON.stringify(config))
  return folder
}

describe('a registry', () => {
  test.for([
    { tls: false, auth: undefined },
    { tls: true, auth: undefined },
    { tls: true, auth: 'basic' },
    { tls: true, auth: 'token' },
  ] as const)('gives every byte, and the digests are what skopeo says, with %o', async ({ tls, auth }) => {
    const registry = await startRegistry({ tls, images: [one, two], ...(auth ? { auth } : {}) })
    const { source, pauses } = openedFor(registry)
    await pull(source, `${registry.name}/kube/one:v1`, one)
    await pull(source, `${registry.name}/kube/two@${two.top.digest}`, two)
    const raw = await promisify(execFile)('skopeo', [
      ...['inspect', '--raw', '--tls-verify=false', '--creds', `${user}:${password}`],
      `docker://${registry.name}/kube/two:v2`,
    ])
    const { descriptor } = await source.resolve(named(`${registry.name}/kube/two:v2`), never)
    expect(descriptor.digest).toBe(`sha256:${createHash('sha256').update(raw.stdout).digest('hex')}`)
    expect(pauses).toEqual([])
  })

  test('gives what follows an offset, and nothing of what is whole', async () => {
    const registry = await startRegistry({ images: [one] })
    const { source } = openedFor(registry)
    for (const offset of [1, 65_536, large.size - 1, large.size]) {
      const parts: Buffer[] = []
      const descriptor = { mediaType: '', ...large }
      for await (const bytes of source.blob(named(`${registry.name}/kube/one`), descriptor, offset, never))
        parts.push(Buffer.from(bytes))
      expect(Buffer.concat(parts).equals(shared.blob.bytes.subarray(offset))).toBe(true)
    }
  })

  test('fifty blobs at once use eight connections, and a reader who stops early frees its own', async () => {
    const registry = await startRegistry({ images: [one] })
    const proxy = await startFaultProxy({ before: registry.url })
    const { source } = opened({})
    const name = `${proxy.name}/kube/one`
    for (let count = 0; count < 20; count += 1)
      for await (const bytes of source.blob(named(name), { mediaType: '', ...large }, 0, never))
        if (bytes.length > 0) break
    const digests = await Promise.all(Array.from({ length: 50 }, () => blobDigest(source, name, large)))
    expect(new Set(digests)).toEqual(new Set([large.digest]))
    expect(proxy.most).toBeLessThanOrEqual(8)
    expect(proxy.most).toBeGreaterThan(1)
  })

  test('is left at once when told to stop', async () => {
    const registry = await startRegistry({ images: [one] })
    const proxy = await startFaultProxy({ before: registry.url, faults: () => ({ kind: 'no-answer' }) })
    const { source } = opened({})
    const stop = new AbortController()
    setTimeout(() => stop.abort(new Error('enough')), 50)
    await expect(blobDigest(source, `${proxy.name}/kube/one`, large, stop.signal)).rejects.toThrow('enough')
    await expect(source.resolve(named(`${proxy.name}/kube/one:v1`), stop.signal)).rejects.toThrow('enough')
  })
})

describe('who we are', () => {
  test('is told by a token for each scope, asked for once however many ask', async () => {
    const registry = await startRegistry({ auth: 'token', images: [one, two] })
    const { source } = openedFor(registry)
    const name = `${registry.name}/kube/one`
    await source.resolve(named(`${name}:v1`), never)
    await Promise.all(Array.from({ length: 20 }, () => blobDigest(source, name, large)))
    expect(registry.tokens?.asked).toEqual([
      { method: 'GET', scopes: ['repository:kube/one:pull'], by: 'password' },
    ])
    // The next repository is not even tried without one.
    await source.resolve(named(`${registry.name}/kube/two:v2`), never)
    expect(registry.tokens?.asked.map(({ scopes }) => scopes[0])).toEqual([
      'repository:kube/one:pull',
      'repository:kube/two:pull',
    ])
  })

  test('an identity token is traded by POST', async () => {
    const registry = await startRegistry({ auth: 'token', images: [one] })
    const auths = { [registry.name]: { identitytoken: registry.tokens?.identityToken } }
    const { source } = openedFor(registry, { DOCKER_CONFIG: configFolder({ auths }) })
    await pull(source, `${registry.name}/kube/one:v1`, one)
    expect(registry.tokens?.asked.map(({ method, by }) => [method, by])).toEqual([['POST', 'identity token']])
  })

  test('a token that expires mid-pull is renewed', async () => {
    // Promised for an hour, but docker-registry takes it for one second (and a minute of grace) only.
    const registry = await startRegistry({
      auth: 'token',
      images: [one],
      tokenSeconds: 3600,
      trueTokenSeconds: -59,
    })
    const { source, pauses } = openedFor(registry)
    const name = `${registry.name}/kube/one`
    await source.resolve(named(`${name}:v1`), never)
    await new Promise((resolve) => setTimeout(resolve, 2500))
    expect(await blobDigest(source, name, large)).toBe(large.digest)
    expect(registry.tokens?.asked.length).toBe(2)
    expect(pauses).toEqual([])
  })

  test('what the token server promised to end is renewed before it is refused', async () => {
    const registry = await startRegistry({ auth: 'token', images: [one], tokenSeconds: 1 })
    const proxy = await startFaultProxy({ before: registry.url })
    const auths = JSON.parse(dockerConfig(proxy.name)) as object
    const { source } = opened({ env: { DOCKER_CONFIG: configFolder(auths) } })
    await source.resolve(named(`${proxy.name}/kube/one:v1`), never)
    await new Promise((resolve) => setTimeout(resolve, 1100))
    const before = proxy.seen.length
    await source.resolve(named(`${proxy.name}/kube/one:v1`), never)
    expect(proxy.seen.length - before).toBe(1)
    expect(registry.tokens?.asked.length).toBe(2)
  })

  test.for(['basic', 'token'] as const)('wrong credentials are told with a way out: %s', async (auth) => {
    const registry = await startRegistry({ auth, images: [one] })
    const folder = configFolder(dockerConfig(registry.name, `${user}:wrong`))
    const wrong = openedFor(registry, { DOCKER_CONFIG: folder })
    const nobody = openedFor(registry, { DOCKER_CONFIG: scratch })
    const name = `${registry.name}/kube/one:v1`
    for (const { source } of [wrong, nobody])
      await expect(source.resolve(named(name), never)).rejects.toMatchObject({
        reason: 'denied',
        message: expect.stringMatching(
          `^${name}: not allowed; tried http://${registry.name}/v2/kube/one: .*40[13]`,
        ),
        hint: expect.stringContaining(`docker login ${registry.name}`),
      })
    expect([...wrong.pauses, ...nobody.pauses]).toEqual([])
  })

  test('a credential helper and a store are asked, with the address on standard input', async () => {
    const registry = await startRegistry({ auth: 'basic', images: [one] })
    const bin = mkdtempSync(join(scratch, 'bin-'))
    const helper = (name: string, script: string) => {
      writeFileSync(join(bin, `docker-credential-${name}`), `#!/bin/sh\n${script}\n`)
      chmodSync(join(bin, `docker-credential-${name}`), 0o755)
    }
    const answer = JSON.stringify({ ServerURL: registry.name, Username: user, Secret: password })
    helper('good', `[ "$1" = get ] && [ "$(cat)" = '${registry.name}' ] && echo '${answer}'`)
    helper('none', 'echo credentials not found in native keychain; exit 1')
    helper('broken', 'echo the keyring is locked >&2; exit 3')
    helper('odd', 'echo hello')
    const ask = (config: object) => {
      const env = { DOCKER_CONFIG: configFolder(config), PATH: `${bin}:${process.env['PATH']}` }
      return openedFor(registry, env).source.resolve(named(`${registry.name}/kube/one:v1`), never)
    }
    expect((await ask({ credHelpers: { [registry.name]: 'good' } })).descriptor.digest).toBe(one.top.digest)
    const auths = { [registry.name]: {} }
    expect((await ask({ credsStore: 'good', auths })).descriptor.digest).toBe(one.top.digest)
    await expect(ask({ credsStore: 'none' })).rejects.toThrow(/not allowed.*401/)
    await expect(ask({ credsStore: 'broken' })).rejects.toThrow(
      /docker-credential-broken.*3: the keyring is locked/,
    )
    await expect(ask({ credsStore: 'odd' })).rejects.toThrow(/printed no JSON/)
    await expect(ask({ credsStore: 'nowhere' })).rejects.toThrow(/docker-credential-nowhere.*not in PATH/)
    await expect(ask({ credsStore: '../x' })).rejects.toThrow(/cannot be a credential helper/)
    await expect(
      openedFor(registry, { DOCKER_CONFIG: configFolder('{') }).source.resolve(
        named(`${registry.name}/a:1`),
        never,
      ),
    ).rejects.toThrow(/config.json is not JSON/)
  })

  test('nobody but the registry hears it: neither where blobs are, nor another port', async () => {
    const registry = await startRegistry({ auth: 'token', images: [one] })
    const bare = await startRegistry({ images: [one] })
    const elsewhere = await startFaultProxy({ before: bare.url })
    const proxy = await startFaultProxy({
      before: registry.url,
      faults: ({ path }) =>
        path.includes('/blobs/') ? { kind: 'redirect', to: `${elsewhere.url}${path}` } : undefined,
    })
    const { source } = opened({ env: { DOCKER_CONFIG: configFolder(dockerConfig(proxy.name)) } })
    await pull(source, `${proxy.name}/kube/one:v1`, one)
    expect(elsewhere.seen.length).toBeGreaterThan(3)
    expect(elsewhere.seen.filter(({ headers }) => headers.authorization !== undefined)).toEqual([])
    expect(
      proxy.seen.filter(({ headers }) => headers.authorization?.startsWith('Bearer ')).length,
    ).toBeGreaterThan(3)
  })
})

describe('certificates', () => {
  test('are checked; a folder of the registry, a flag and the system may name who signed', async () => {
    const registry = await startRegistry({ tls: true, images: [one] })
    const name = named(`${registry.name}/kube/one:v1`)
    const home = mkdtempSync(join(scratch, 'home-'))
    const ask = (options: Parameters<typeof opened>[0]) =>
      opened({ plainHttp: false, ...options }).source.resolve(name, never)
    await expect(ask({})).rejects.toMatchObject({
      reason: 'unreachable',
      message: expect.stringMatching(/certificate/),
      hint: expect.stringContaining('--ca FILE'),
    })
    expect((await ask({ insecure: [registry.name] })).descriptor.digest).toBe(one.top.digest)
    expect((await ask({ caFilesOf: { [registry.name]: [registry.ca] } })).descriptor.digest).toBe(
      one.top.digest,
    )
    expect((await ask({ env: { SSL_CERT_FILE: registry.ca } })).descriptor.digest).toBe(one.top.digest)
    const folder = join(home, '.config/containers/certs.d', registry.name)
    mkdirSync(folder, { recursive: true })
    writeFileSync(
      join(folder, 'ca.crt'),
      await promisify(execFile)('cat', [registry.ca]).then(({ stdout }) => stdout),
    )
    expect((await ask({ env: { HOME: home } })).descriptor.digest).toBe(one.top.digest)
    await expect(ask({ caFiles: [join(home, 'none.pem')] })).rejects.toThrow(
      /none.pem cannot be read: ENOENT/,
    )
    await expect(ask({ caFilesOf: { 'other.example.com': [registry.ca] } })).rejects.toThrow(/certificate/)
  })

  test('a registry without TLS is told from one with a bad certificate', async () => {
    const registry = await startRegistry({ images: [one] })
    const { source } = opened({ plainHttp: false })
    await expect(source.resolve(named(`${registry.name}/kube/one:v1`), never)).rejects.toMatchObject({
      message: expect.stringContaining('it does not speak TLS'),
      hint: expect.stringContaining('--plain-http'),
    })
  })
})

describe('on the way', () => {
  test('a mirror is asked first, for its namespace; what it lacks comes from the registry', async () => {
    const mirror = await startRegistry({ images: [one] })
    const registry = await startRegistry({ images: [one, two] })
    const [before, behind] = [
      await startFaultProxy({ before: mirror.url }),
      await startFaultProxy({ before: registry.url }),
    ]
    const { source } = opened({ mirrors: { [behind.name]: [before.url] } })
    await pull(source, `${behind.name}/kube/one:v1`, one)
    expect(behind.seen).toEqual([])
    expect(before.seen.every(({ path }) => path.endsWith(`?ns=${encodeURIComponent(behind.name)}`))).toBe(
      true,
    )
    const asked = before.seen.length
    await pull(source, `${behind.name}/kube/two:v2`, two)
    expect(before.seen.length).toBe(asked + 1)
  })

  test('a name is rewritten, and an unreachable mirror is no reason to fail', async () => {
    const registry = await startRegistry({ images: [one] })
    const { source } = opened({
      rewrites: [{ from: 'registry.k8s.io', to: `${registry.name}/kube` }],
      mirrors: { '*': ['http://127.0.0.1:9'] },
    })
    await pull(source, 'registry.k8s.io/one:v1', one)
  })

  test('a proxy of the environment is used, for TLS and without; NO_PROXY keeps out', async () => {
    const secure = await startRegistry({ tls: true, auth: 'basic', images: [one] })
    const plain = await startRegistry({ images: [one] })
    const proxy = await startForwardProxy({ 'secure.test:443': secure.name, 'plain.test:80': plain.name })
    const env = { HTTPS_PROXY: `http://me:pass@${proxy.name}`, http_proxy: proxy.name }
    const login = configFolder(dockerConfig('secure.test'))
    // The certificate is one for localhost.
    const one1 = opened({
      plainHttp: false,
      insecure: ['secure.test'],
      env: { ...env, DOCKER_CONFIG: login },
    })
    await pull(one1.source, 'secure.test/kube/one:v1', one)
    expect(proxy.connected.filter(({ to }) => to === 'secure.test:443').map(({ by }) => by)).toContain(
      `Basic ${Buffer.from('me:pass').toString('base64')}`,
    )
    await pull(opened({ env }).source, 'plain.test/kube/one:v1', one)
    expect(proxy.connected.some(({ to }) => to === 'plain.test:80')).toBe(true)
    const kept = opened({ env: { ...env, NO_PROXY: '.test' } })
    await expect(kept.source.resolve(named('plain.test/kube/one:v1'), never)).rejects.toThrow(
      /no such host|looked up/,
    )
    const wrong = opened({ env: { ALL_PROXY: 'socks5://127.0.0.1:1' } })
    await expect(wrong.source.resolve(named('plain.test/a:1'), never)).rejects.toThrow(/only http/)
  })

  test('what is not there is told: image, registry, what was tried', async () => {
    const holes = image('kube/holes', 'v1', { absent: [{ os: 'linux', architecture: 's390x' }] })
    const registry = await startRegistry({ images: [one, holes] })
    const { source, pauses } = opened({ mirrors: { '*': ['127.0.0.1:9/v2/hub'] } })
    const name = `${registry.name}/kube/none:v1`
    await expect(source.resolve(named(name), never)).rejects.toMatchObject({
      reason: 'missing',
      message: expect.stringMatching(
        `^${name}: not found; tried http://127.0.0.1:9/v2/hub/kube/none: .*connection refused.*; http://${registry.name}/v2/kube/none: it has none \\(404\\)`,
      ),
    })
    const hole = holes.absent[0] ?? ''
    await expect(manifestOf(source, `${registry.name}/kube/holes:v1`, hole)).rejects.toMatchObject({
      reason: 'missing',
      message: expect.stringContaining(hole),
    })
    const lost = { digest: `sha256:${'0'.repeat(64)}`, size: 10 }
    await expect(blobDigest(source, `${registry.name}/kube/one:v1`, lost)).rejects.toThrow(
      `${registry.name}/kube/one:v1, blob ${lost.digest}: not found`,
    )
    expect(pauses.length).toBeLessThan(5)
  })
})

/** An HTTP proxy that knows two names; what it was asked for is kept. */
async function startForwardProxy(names: Readonly<Record<string, string>>) {
  const connected: { to: string; by: string | undefined }[] = []
  const sockets = new Set<Socket>()
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '')
    connected.push({ to: `${url.hostname}:${url.port || 80}`, by: request.headers['proxy-authorization'] })
    const target = names[`${url.hostname}:${url.port || 80}`] ?? ''
    void fetch(`http://${target}${url.pathname}`, {
      headers: { accept: request.headers.accept ?? '*/*' },
    }).then(async (answer) => {
      const type = answer.headers.get('content-type') ?? ''
      response.writeHead(answer.status, { 'content-type': type }).end(Buffer.from(await answer.arrayBuffer()))
    })
  })
  server.on('connect', (request, socket: Socket) => {
    connected.push({ to: request.url ?? '', by: request.headers['proxy-authorization'] })
    const [host = '', port = ''] = (names[request.url ?? ''] ?? '').split(':')
    const onward = connect(Number(port), host, () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n')
      socket.pipe(onward).pipe(socket)
    })
    for (const end of [socket, onward]) end.on('error', () => undefined)
    sockets.add(socket).add(onward)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  afterAll(() => {
    for (const socket of sockets) socket.destroy()
    server.closeAllConnections()
    server.close()
  })
  return { name: `127.0.0.1:${(server.address() as AddressInfo).port}`, connected }
}
