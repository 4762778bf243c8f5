/** What networks and registries do to us: every byte arrives in the end, or we are told why not. */
import { createServer, type Server, type Socket } from 'node:net'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect } from 'vitest'
import { type Fault, startFaultProxy } from './support/registry/fault-proxy.ts'
import { image, layer, noise } from './support/registry/images.ts'
import { blobDigest, named, never, opened, pull } from './support/registry/opened.ts'
import { type Registry, startRegistry } from './support/registry/registry.ts'
import { withTools } from './support/tools.ts'

const test = withTools('docker-registry', 'openssl')
const shared = layer({ 'bin/large': noise('faults', 2_000_000) }, 0)
const one = image('kube/one', 'v1', { layers: [shared] })
const large = { digest: shared.blob.digest, size: shared.blob.bytes.length }
const isLarge = (path: string) => path.includes(large.digest)

let registry: Registry
const begin = async () => {
  registry = await startRegistry({ images: [one] })
}
beforeAll(begin)

/** The first so many requests for the large blob meet these faults, one each. */
async function behind(...faults: readonly (Fault | undefined)[]) {
  const left = [...faults]
  const proxy = await startFaultProxy({
    before: registry.url,
    faults: ({ path }) => (isLarge(path) ? left.shift() : undefined),
  })
  const client = opened({ timeouts: { stall: 300, answer: 300 } })
  const ranges = () => proxy.seen.filter(({ path }) => isLarge(path)).map(({ headers }) => headers.range)
  return { proxy, ...client, ranges, fetch: () => blobDigest(client.source, `${proxy.name}/kube/one`, large) }
}

describe('a blob', () => {
  test('survives connections that drop at random offsets, a hundred times', async () => {
    const random = fc.sample(
      fc.array(fc.integer({ min: 0, max: large.size - 1 }), { minLength: 1, maxLength: 4 }),
      {
        numRuns: 100,
        seed: 6,
      },
    )
    let cut: readonly number[] = []
    let index = 0
    const proxy = await startFaultProxy({
      before: registry.url,
      faults: () => {
        const at = cut[index]
        index += 1
        return at === undefined ? undefined : { kind: 'drop', at }
      },
    })
    const { source, pauses } = opened({ connections: 1 })
    for (cut of random) {
      index = 0
      expect(await blobDigest(source, `${proxy.name}/kube/one`, large)).toBe(large.digest)
    }
    expect(pauses.length).toBeGreaterThan(100)
    // What has come is not asked for again.
    const asked = proxy.seen.map(({ headers }) =>
      Number(/^bytes=(\d+)-$/.exec(headers.range ?? '')?.[1] ?? 0),
    )
    expect(asked.filter((offset) => offset > 0).length).toBeGreaterThan(100)
  })

  test('goes on where it was when a body stalls', async () => {
    const { fetch, ranges, said } = await behind({ kind: 'stall', at: 1_000_000 })
    expect(await fetch()).toBe(large.digest)
    expect(said).toEqual([expect.stringContaining('nothing came for 0.3 s')])
    expect(ranges()).toEqual([undefined, 'bytes=1000000-'])
  })

  test('goes on where it was when a body is short, though its length says so', async () => {
    const { fetch, ranges } = await behind({ kind: 'short', length: 70_000 }, { kind: 'short', length: 5 })
    expect(await fetch()).toBe(large.digest)
    expect(ranges()).toEqual([undefined, 'bytes=70000-', 'bytes=70005-'])
  })

  test('comes whole from a server that knows no ranges', async () => {
    const { fetch } = await behind({ kind: 'drop', at: 900_000 }, { kind: 'no-range' })
    expect(await fetch()).toBe(large.digest)
  })

  test('is waited for as long as Retry-After says: seconds, a date, and too long', async () => {
    const date = new Date(Date.now() + 20_000).toUTCString()
    const busy = (retry: string): Fault => ({
      kind: 'status',
      status: 429,
      headers: { 'retry-after': retry },
    })
    const patient = await behind(busy('7'), busy(date), { kind: 'status', status: 503 })
    expect(await patient.fetch()).toBe(large.digest)
    expect(patient.pauses[0]).toBe(7000)
    expect(patient.pauses[1]).toBeGreaterThan(15_000)
    expect(patient.pauses[1]).toBeLessThanOrEqual(20_000)
    expect(patient.pauses[2]).toBe(2000)
    const endless = await behind(busy('86400'))
    await expect(endless.fetch()).rejects.toMatchObject({
      reason: 'unreachable',
      message: expect.stringMatching(/429, and asks to wait 1440 minutes/),
    })
    expect(endless.pauses).toEqual([])
  })

  test.for([500, 502, 503, 504, 408])('outlives five times %i, not six', async (status) => {
    const fault: Fault = {
      kind: 'status',
      status,
      body: '{"errors":[{"code":"X","message":"full\\u001b[2J"}]}',
    }
    const patient = await behind(...Array.from({ length: 5 }, () => fault))
    expect(await patient.fetch()).toBe(large.digest)
    const lost = await behind(...Array.from({ length: 6 }, () => fault))
    await expect(lost.fetch()).rejects.toMatchObject({
      reason: 'unreachable',
      message: expect.stringContaining(`${lost.proxy.url}/v2/kube/one: ${status} X: full [2J, 6 times`),
    })
  })

  test('of which only headers ever come is given up', async () => {
    const { fetch } = await behind(...Array.from({ length: 6 }, (): Fault => ({ kind: 'stall', at: 0 })))
    await expect(fetch()).rejects.toThrow(/nothing came for 0.3 s, 6 times/)
  })

  test('that nobody answers for is given up', async () => {
    const { fetch } = await behind(...Array.from({ length: 6 }, (): Fault => ({ kind: 'no-answer' })))
    await expect(fetch()).rejects.toThrow(/no answer for 0.3 s, 6 times/)
  })

  test('with wrong bytes is passed on as it came, and comes from another place the next time', async () => {
    const bad = await startFaultProxy({
      before: registry.url,
      faults: () => ({ kind: 'corrupt', at: 1_234_567 }),
    })
    const { source } = opened({ mirrors: { [registry.name]: [bad.url] } })
    const name = `${registry.name}/kube/one`
    expect(await blobDigest(source, name, large)).not.toBe(large.digest)
    expect(await blobDigest(source, name, large)).toBe(large.digest)
  })

  test('that is longer than it should be is refused', async () => {
    const { source } = opened({})
    const name = `${registry.name}/kube/one`
    const shorter = { ...large, size: large.size - 1 }
    await expect(blobDigest(source, name, shorter)).rejects.toThrow(/it is longer than \d+ bytes/)
    const longer = { ...large, size: large.size + 1 }
    await expect(blobDigest(source, name, longer)).rejects.toMatchObject({ reason: 'damaged' })
  })

  test('is read slowly without anybody growing impatient', async () => {
    const { source } = await behind()
    const descriptor = { mediaType: '', ...large }
    let total = 0
    for await (const bytes of source.blob(named(`${registry.name}/kube/one`), descriptor, 0, never)) {
      if (total === 0) await new Promise((resolve) => setTimeout(resolve, 900))
      total += bytes.length
    }
    expect(total).toBe(large.size)
  })
})

describe('a redirect', () => {
  test('is followed to another host, and one in circles is not', async () => {
    const elsewhere = await startFaultProxy({ before: registry.url })
    const redirect = (to: string): Fault => ({ kind: 'redirect', to })
    const there = await behind(redirect(`${elsewhere.url}/v2/kube/one/blobs/${large.digest}`))
    expect(await there.fetch()).toBe(large.digest)
    expect(elsewhere.seen.length).toBe(1)
    const circle = await behind(
      ...Array.from({ length: 9 }, () => redirect(`/v2/kube/one/blobs/${large.digest}`)),
    )
    await expect(circle.fetch()).rejects.toThrow(/redirects in circles/)
    const file = await behind(...Array.from({ length: 6 }, () => redirect('file:///etc/passwd')))
    await expect(file.fetch()).rejects.toThrow(/redirects to file:/)
  })
})

describe('a manifest', () => {
  const digest = one.top.digest
  const failing = async (fault: Fault, times: number) => {
    let left = times
    const proxy = await startFaultProxy({
      before: registry.url,
      faults: ({ path }) => {
        if (!path.includes('/manifests/') || left === 0) return undefined
        left -= 1
        return fault
      },
    })
    return { proxy, ...opened({ timeouts: { stall: 200, answer: 200 } }) }
  }
  test('with a wrong byte is asked for again, by tag and by digest', async () => {
    for (const name of [`kube/one:v1`, `kube/one@${digest}`]) {
      const { source, proxy, said } = await failing({ kind: 'corrupt', at: 40 }, 2)
      expect((await source.resolve(named(`${proxy.name}/${name}`), never)).descriptor.digest).toBe(digest)
      expect(said).toEqual(Array(2).fill(expect.stringContaining('its manifest has sha256:')))
    }
    const { source, proxy } = await failing({ kind: 'corrupt', at: 40 }, 9)
    await expect(source.resolve(named(`${proxy.name}/kube/one@${digest}`), never)).rejects.toMatchObject({
      reason: 'damaged',
      message: expect.stringMatching(/its manifest has sha256:[0-9a-f]{64}, not sha256:/),
    })
  })

  test('that drops, stalls, fails or is short is asked for again', async () => {
    const faults: readonly Fault[] = [
      { kind: 'drop', at: 100 },
      { kind: 'stall', at: 100 },
      { kind: 'short', length: 100 },
      { kind: 'status', status: 500 },
      { kind: 'no-answer' },
    ]
    for (const fault of faults) {
      const { source, proxy } = await failing(fault, 2)
      await pull(source, `${proxy.name}/kube/one:v1`, one)
    }
  })

  test.for([
    [{ kind: 'status', status: 200, body: '<html>please log in</html>' }, 'unsupported', /is not JSON/],
    [{ kind: 'status', status: 200, body: '{"schemaVersion":1}' }, 'unsupported', /schema 1/],
    [
      { kind: 'status', status: 200, body: ' '.repeat(4 * 1024 * 1024 + 1) },
      'unsupported',
      /larger than 4 MiB/,
    ],
    [{ kind: 'status', status: 418 }, 'unsupported', /it answers 418/],
    [{ kind: 'status', status: 403 }, 'denied', /access denied \(403\)/],
    [{ kind: 'status', status: 401 }, 'denied', /access denied \(401\)/],
    [
      { kind: 'status', status: 401, headers: { 'www-authenticate': 'Bearer realm="nonsense"' } },
      'unsupported',
      /"nonsense", which is no URL/,
    ],
  ] as const)('of another kind is told: %#', async ([fault, reason, message]) => {
    const { source, proxy, pauses } = await failing(fault, 9)
    await expect(source.resolve(named(`${proxy.name}/kube/one:v1`), never)).rejects.toMatchObject({
      reason,
      message: expect.stringMatching(message),
    })
    expect(pauses).toEqual([])
  })
})

describe('what is hardly HTTP', () => {
  const servers: Server[] = []
  afterAll(() => {
    for (const server of servers) server.close()
  })
  /** Answers every request with these bytes, in pieces of this size. */
  async function answering(text: string, piece: number): Promise<string> {
    const server = createServer((socket: Socket) => {
      socket.on('error', () => undefined)
      socket.once('data', async () => {
        for (let at = 0; at < text.length; at += piece) {
          socket.write(Buffer.from(text.slice(at, at + piece), 'latin1'))
          await new Promise((resolve) => setImmediate(resolve))
        }
        socket.end()
      })
    })
    servers.push(server)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return `127.0.0.1:${(server.address() as { port: number }).port}`
  }
  const index = one.manifests.find((manifest) => manifest.digest === one.top.digest)?.bytes.toString() ?? ''
  const half = Math.floor(index.length / 2)
  const hex = (count: number) => count.toString(16)
  const answers: Readonly<Record<string, string>> = {
    'a length': `HTTP/1.1 200 OK\r\ncontent-length: ${index.length}\r\n\r\n${index}`,
    'the end of the connection': `HTTP/1.0 200\r\n\r\n${index}`,
    'chunks, an extension and trailers': `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${hex(half)};a=b\r\n${index.slice(0, half)}\r\n${hex(index.length - half)}\r\n${index.slice(half)}\r\n0\r\nx: y\r\n\r\n`,
    '100 Continue first': `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: ${index.length}\r\n\r\n${index}`,
  }
  test.for(Object.keys(answers))('a body that ends by %s, however the network cuts it', async (kind) => {
    for (const piece of [1, 2, 3, 7, 64, 4096]) {
      const name = await answering(answers[kind] ?? '', piece)
      const { source } = opened({})
      const { descriptor } = await source.resolve(named(`${name}/kube/one@${one.top.digest}`), never)
      expect(descriptor.digest).toBe(one.top.digest)
    }
  })

  test.for([
    ['SSH-2.0-OpenSSH_9.2\r\n\r\n', /not HTTP/],
    ['', /closed before the answer/],
    [`HTTP/1.1 200 OK\r\nx: ${'y'.repeat(70_000)}`, /endless headers/],
    ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n', /not chunked as it says/],
    ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab', /closed 3 bytes before the end/],
    ['HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nab', /closed 3 bytes before the end/],
  ] as const)('%# is given up in words', async ([text, message]) => {
    const name = await answering(text, 1000)
    await expect(opened({}).source.resolve(named(`${name}/a:1`), never)).rejects.toMatchObject({
      reason: 'unreachable',
      message: expect.stringMatching(message),
    })
  })
})
