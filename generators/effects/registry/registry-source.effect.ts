/** Images of registries: https://github.com/opencontainers/distribution-spec */
import { contentDigest } from '../../images/digest.ts'
import { type Endpoint, endpoints } from '../../images/endpoints.ts'
import { rangeStart } from '../../images/http.ts'
import { acceptManifests, type Descriptor, maxManifestBytes, parseManifest } from '../../images/manifest.ts'
import { formatReference, type Reference, repositoryName } from '../../images/reference.ts'
import { type ImageSource, type ManifestBytes, SourceError } from '../../images/source.ts'
import { type Client, createClient, type RegistryOptions, readText, refused } from './client.effect.ts'
import { type Response, WireError } from './exchange.effect.ts'
import { Transient } from './patience.effect.ts'

export type { RegistryOptions } from './client.effect.ts'

export function openRegistries(options: RegistryOptions): ImageSource {
  const client = createClient(options)
  /** Where a repository was found last: nobody asks a mirror twice for what it does not have. */
  const found = new Map<string, string>()
  /** How often a blob came whole. Who wants it again got a bad one. */
  const delivered = new Map<string, number>()
  const places = (reference: Reference) => {
    const all = endpoints(reference, options)
    const last = found.get(repositoryName(reference))
    return [...all.filter(({ base }) => base === last), ...all.filter(({ base }) => base !== last)]
  }
  const manifest = async (reference: Reference, name: string, signal: AbortSignal) => {
    const wanted = name.includes(':') ? name : undefined
    return atAny(reference, places(reference), wanted ?? `tag ${name}`, async (endpoint, tries) => {
      const bytes = await fetchManifest(client, endpoint, name, tries, signal)
      found.set(repositoryName(reference), endpoint.base)
      return bytes
    })
  }
  return {
    resolve: (reference, signal) =>
      manifest(reference, reference.digest ?? reference.tag ?? 'latest', signal),
    manifest: (reference, digest, signal) => manifest(reference, digest, signal),
    blob: async function* (reference, descriptor, offset, signal) {
      const all = places(reference)
      const key = `${repositoryName(reference)} ${descriptor.digest}`
      const before = delivered.get(key) ?? 0
      const bad = offset === 0 ? before % all.length : 0
      const turned = [...all.slice(bad), ...all.slice(0, bad)]
      yield* blobAtAny(client, turned, { reference, descriptor, offset }, signal)
      delivered.set(key, before + 1)
    },
    close: async () => client.close(),
  }
}

interface Failure {
  readonly endpoint: Endpoint
  readonly cause: SourceError
}

/** Mirrors are tried less patiently than what comes after them. */
const mirrorTries = 2

async function atAny<T>(
  reference: Reference,
  all: readonly Endpoint[],
  what: string,
  work: (endpoint: Endpoint, tries: number | undefined) => Promise<T>,
): Promise<T> {
  const failures: Failure[] = []
  for (const [index, endpoint] of all.entries())
    try {
      return await work(endpoint, index < all.length - 1 ? mirrorTries : undefined)
    } catch (cause) {
      if (!(cause instanceof SourceError)) throw cause
      failures.push({ endpoint, cause })
    }
  throw summary(reference, what, failures)
}

/** Which image, which registries, what each said, and a way out. */
function summary(reference: Reference, what: string, failures: readonly Failure[]): SourceError {
  // The last one is the registry itself: what it says weighs most.
  const last = failures.at(-1)?.cause
  const tried = failures.map(
    ({ endpoint: { base, repository }, cause }) => `${base}/${repository}: ${cause.message}`,
  )
  const hints = failures.flatMap(({ cause }) => (cause.hint === undefined ? [] : [cause.hint]))
  const reason = last?.reason ?? 'unreachable'
  const usual = {
    missing: 'look at the name and the tag; a mirror or --rewrite FROM=TO asks another registry',
    denied: undefined,
    unreachable:
      'look at the network and at HTTPS_PROXY; a mirror or --rewrite FROM=TO asks another registry',
    damaged: 'a proxy or a mirror on the way changes what it passes on, or its storage is damaged',
    unsupported: undefined,
  }
  const said = {
    missing: 'not found',
    denied: 'not allowed',
    unreachable: 'cannot be fetched',
    damaged: 'comes damaged',
    unsupported: 'cannot be used',
  }
  const name = formatReference(reference)
  const part = name.endsWith(what) || what === `tag ${reference.tag}` ? '' : `, ${what}`
  return new SourceError(
    reason,
    `${name}${part}: ${said[reason]}; tried ${tried.join('; ')}`,
    hints.at(-1) ?? usual[reason],
  )
}

async function fetchManifest(
  client: Client,
  endpoint: Endpoint,
  name: string,
  tries: number | undefined,
  signal: AbortSignal,
): Promise<ManifestBytes> {
  const patience = client.patience(tries)
  for (;;)
    try {
      const path = `/${endpoint.repository}/manifests/${name}`
      const ask = { method: 'GET', path, headers: { accept: acceptManifests }, actions: 'pull' } as const
      const response = await client.send(endpoint, ask, signal)
      if (response.status !== 200) throw await statusError(endpoint, response)
      return verified(name, response, await readManifestBytes(response, signal))
    } catch (cause) {
      await patience.wait(asTransient(cause, signal), signal)
    }
}

async function readManifestBytes({ body }: Response, signal: AbortSignal): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let total = 0
  for await (const chunk of body) {
    total += chunk.length
    if (total > maxManifestBytes) throw new SourceError('unsupported', 'its manifest is larger than 4 MiB')
    chunks.push(chunk.slice())
  }
  signal.throwIfAborted()
  return Buffer.concat(chunks)
}

/** Against the digest that was asked for; the registry's own header is only believed when it disagrees. */
function verified(name: string, { headers }: Response, bytes: Uint8Array): ManifestBytes {
  const claimed = headers.get('docker-content-digest')
  const wanted = name.includes(':') ? name : claimed
  const algorithm = wanted?.startsWith('sha512:') ? 'sha512' : 'sha256'
  const digest = contentDigest(bytes, algorithm)
  if (wanted !== undefined && wanted !== digest)
    throw new Transient(`its manifest has ${digest}, not ${wanted}`, 'damaged')
  const type = headers.get('content-type')?.replace(/\s*;.*$/, '')
  const read = parseManifest(bytes, type)
  if ('problem' in read) throw new SourceError('unsupported', read.problem)
  return { bytes, descriptor: { mediaType: read.manifest.mediaType, digest, size: bytes.length } }
}

interface Wanted {
  readonly reference: Reference
  readonly descriptor: Descriptor
  readonly offset: number
}

/** What one place began another one ends. */
async function* blobAtAny(client: Client, all: readonly Endpoint[], wanted: Wanted, signal: AbortSignal) {
  const { reference, descriptor, offset } = wanted
  const failures: Failure[] = []
  let at = offset
  for (const [index, endpoint] of all.entries())
    try {
      const tries = index < all.length - 1 ? mirrorTries : undefined
      for await (const bytes of blobAt(client, endpoint, { ...wanted, offset: at }, tries, signal)) {
        yield bytes
        at += bytes.length
      }
      return
    } catch (cause) {
      if (!(cause instanceof SourceError)) throw cause
      failures.push({ endpoint, cause })
    }
  throw summary(reference, `blob ${descriptor.digest}`, failures)
}

async function* blobAt(
  client: Client,
  endpoint: Endpoint,
  { descriptor, offset }: Wanted,
  tries: number | undefined,
  signal: AbortSignal,
) {
  const { digest, size } = descriptor
  const patience = client.patience(tries)
  let at = offset
  while (at < size)
    try {
      const headers = at === 0 ? {} : { range: `bytes=${at}-` }
      const path = `/${endpoint.repository}/blobs/${digest}`
      const response = await client.send(endpoint, { method: 'GET', path, headers, actions: 'pull' }, signal)
      if (response.status !== 200 && response.status !== 206) throw await statusError(endpoint, response)
      // Ranges are optional: whoever knows none sends everything again.
      const start = response.status === 206 ? (rangeStart(response.headers.get('content-range')) ?? at) : 0
      if (start > at) throw new Transient('it sends another range than asked for', 'damaged')
      let skip = at - start
      for await (const chunk of response.body) {
        const bytes = chunk.subarray(Math.min(skip, chunk.length))
        skip -= chunk.length - bytes.length
        if (at + bytes.length > size) throw new SourceError('damaged', `it is longer than ${size} bytes`)
        if (bytes.length === 0) continue
        at += bytes.length
        patience.progress()
        yield bytes
      }
      if (at < size) throw new Transient(`it ends after ${at} of ${size} bytes`, 'damaged')
    } catch (cause) {
      await patience.wait(asTransient(cause, signal), signal)
    }
}

function asTransient(cause: unknown, signal: AbortSignal): Transient {
  signal.throwIfAborted()
  if (cause instanceof Transient) return cause
  if (cause instanceof SourceError) throw cause
  if (cause instanceof WireError) return new Transient(cause.message)
  throw cause
}

async function statusError(endpoint: Endpoint, response: Response): Promise<SourceError> {
  const text = await readText(response)
  const { status } = response
  if (status === 404) return new SourceError('missing', `it has none (404)`)
  if (status === 416) return new SourceError('damaged', 'it has fewer bytes than the manifest says (416)')
  return refused(endpoint, { status, text })
}
