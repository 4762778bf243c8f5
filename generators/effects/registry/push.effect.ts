/** Carries images into a registry: blobs, then manifests, then the names that lead to them. */
import { type Endpoint, endpoints } from '../../images/endpoints.ts'
import { acceptManifests, type Descriptor } from '../../images/manifest.ts'
import type { Placed, PushPlan } from '../../images/push-plan.ts'
import { formatReference, type Reference } from '../../images/reference.ts'
import { type ImageSource, SourceError } from '../../images/source.ts'
import { inParallel } from '../parallel.ts'
import { createClient, type RegistryOptions, refused } from './client.effect.ts'
import { WireError } from './exchange.effect.ts'
import { Transient } from './patience.effect.ts'
import { ask, type Sender, type Sending, upload } from './upload.effect.ts'

export interface PushWatcher {
  readonly begin: (total: number) => void
  /** Negative when bytes have to be sent again. */
  readonly advance: (bytes: number) => void
}

export interface Pushed {
  readonly uploaded: { blobs: number; bytes: number }
  /** Blobs that were taken over from another repository of the registry. */
  mounted: number
  /** Blobs and manifests that were there already. */
  present: number
  readonly names: { from: string; to: string; digest: string }[]
}

/** How many blobs are on their way at once. */
const atOnce = 6

interface Job extends Sender {
  readonly watcher: PushWatcher
  readonly pushed: Pushed
  readonly place: (to: Reference) => Endpoint
}

/**
 * Sends what is not there yet. Stopped at any time it leaves no name that leads to what is not there, and goes on
 * with what is missing when it is run again.
 * @param blobs where the bytes come from
 * @throws SourceError, or the signal's reason
 */
export async function push(
  plan: PushPlan,
  blobs: Pick<ImageSource, 'blob'>,
  options: RegistryOptions,
  watcher: PushWatcher,
  signal: AbortSignal,
): Promise<Pushed> {
  const client = createClient(options)
  const pushed: Pushed = { uploaded: { blobs: 0, bytes: 0 }, mounted: 0, present: 0, names: [] }
  const job: Job = { client, blobs, watcher, pushed, signal, place: (to) => placeOf(to, options) }
  watcher.begin(plan.blobs.reduce((sum, { descriptor }) => sum + descriptor.size, 0))
  try {
    await inParallel(plan.blobs, atOnce, signal, ({ descriptor, repositories }, either) =>
      sendBlob({ ...job, signal: either }, descriptor, repositories),
    )
    await inParallel(plan.manifests, atOnce, signal, (manifest, either) =>
      sendManifest({ ...job, signal: either }, manifest),
    )
    for (const name of plan.names) {
      await sendManifest(job, name)
      pushed.names.push({ from: name.from, to: formatReference(name.to), digest: name.digest })
    }
    return pushed
  } finally {
    client.close()
  }
}

/** Mirrors and rewrites are for fetching. */
function placeOf(to: Reference, { mirrors: _, rewrites: __, ...options }: RegistryOptions): Endpoint {
  const [endpoint] = endpoints(to, options)
  if (endpoint === undefined) throw new Error('a name has a registry')
  return endpoint
}

/** Into the first repository it is sent, and the others take it over from there. */
async function sendBlob(job: Job, descriptor: Descriptor, repositories: readonly Reference[]): Promise<void> {
  const { pushed, watcher } = job
  let from: string | undefined
  let counted = 0
  const count = (bytes: number) => {
    counted += bytes
    watcher.advance(bytes)
  }
  for (const to of repositories) {
    const endpoint = job.place(to)
    const sending: Sending = { descriptor, from, count }
    const how = await persist(job, endpoint, `blob ${descriptor.digest}`, () =>
      upload(job, endpoint, sending),
    )
    if (how === 'present') pushed.present += 1
    else if (how === 'mounted') pushed.mounted += 1
    else {
      pushed.uploaded.blobs += 1
      pushed.uploaded.bytes += descriptor.size
    }
    from ??= endpoint.repository
  }
  // What the registry had, or kept of a broken upload, is done as well; what was sent twice counts once.
  watcher.advance(descriptor.size - counted)
}

async function sendManifest(job: Job, { to, bytes, mediaType, digest }: Placed): Promise<void> {
  const endpoint = job.place(to)
  const path = `/${endpoint.repository}/manifests/${to.tag ?? digest}`
  await persist(job, endpoint, to.tag ?? digest, async () => {
    const head = await ask(job, endpoint, { method: 'HEAD', path, headers: { accept: acceptManifests } })
    if (head.status === 200 && head.headers.get('docker-content-digest') === digest) {
      job.pushed.present += 1
      return
    }
    const answer = await ask(job, endpoint, {
      method: 'PUT',
      path,
      headers: { 'content-type': mediaType },
      body: { length: bytes.length, chunks: () => [bytes] },
    })
    if (answer.status !== 201) throw refused(endpoint, answer)
    const stored = answer.headers.get('docker-content-digest')
    if (stored !== undefined && stored !== digest)
      throw new SourceError('unsupported', `it changed the manifest: ${stored} there, not ${digest}`)
  })
}

/** Tries until it is done, or the registry's patience and ours is over. */
async function persist<T>(
  { client, signal }: Job,
  endpoint: Endpoint,
  what: string,
  work: () => Promise<T>,
): Promise<T> {
  const patience = client.patience()
  for (;;)
    try {
      return await work()
    } catch (cause) {
      signal.throwIfAborted()
      const failure = cause instanceof WireError ? new Transient(cause.message) : cause
      if (failure instanceof Transient)
        await patience.wait(failure, signal).catch((last: unknown) => {
          throw located(last, endpoint, what)
        })
      else throw located(failure, endpoint, what)
    }
}

function located(cause: unknown, { base, repository }: Endpoint, what: string): unknown {
  if (!(cause instanceof SourceError)) return cause
  return new SourceError(cause.reason, `${base}/${repository}, ${what}: ${cause.message}`, cause.hint)
}
