/** One blob into one repository: https://github.com/opencontainers/distribution-spec (push). */
import type { Endpoint } from '../../images/endpoints.ts'
import type { Descriptor } from '../../images/manifest.ts'
import type { Reference } from '../../images/reference.ts'
import { type ImageSource, SourceError } from '../../images/source.ts'
import { type Ask, type Client, readText, refused } from './client.effect.ts'
import type { Response } from './exchange.effect.ts'
import { Transient } from './patience.effect.ts'

export interface Sender {
  readonly client: Client
  /** Where the bytes come from. */
  readonly blobs: Pick<ImageSource, 'blob'>
  readonly signal: AbortSignal
}

export interface Sending {
  readonly descriptor: Descriptor
  /** A repository of the same registry that has it. */
  readonly from: string | undefined
  /** Negative when bytes have to be sent again. */
  readonly count: (bytes: number) => void
  /** Where the registry takes the rest of it; kept from one try to the next. */
  session?: { location: URL; begun: boolean }
}

/**
 * One try; the next one with the same `sending` goes on from where the registry is.
 * @throws Transient, SourceError
 */
export async function upload(
  sender: Sender,
  endpoint: Endpoint,
  sending: Sending,
): Promise<'present' | 'mounted' | 'uploaded'> {
  const { size } = sending.descriptor
  const at = sending.session?.begun ? await offsetOf(sender, endpoint, sending) : 0
  // Nothing has arrived, or nobody knows of it any more.
  if (at === 0) delete sending.session
  if (sending.session === undefined) {
    const there = await begin(sender, endpoint, sending)
    if (there !== 'begun') return there
  }
  if (at < size) await sendRest(sender, endpoint, sending, at)
  await finish(sender, endpoint, sending)
  return 'uploaded'
}

async function begin(sender: Sender, endpoint: Endpoint, sending: Sending) {
  const { descriptor, from } = sending
  const blob = `/${endpoint.repository}/blobs/${descriptor.digest}`
  if ((await ask(sender, endpoint, { method: 'HEAD', path: blob })).status === 200) return 'present'
  const mount = from === undefined ? '' : `?${new URLSearchParams({ mount: descriptor.digest, from })}`
  const begun = await ask(sender, endpoint, {
    method: 'POST',
    path: `/${endpoint.repository}/blobs/uploads/${mount}`,
    ...(from === undefined ? {} : { from }),
  })
  // A registry that takes nothing over begins an upload instead.
  if (begun.status === 201) return 'mounted'
  if (begun.status !== 202) throw refused(endpoint, begun)
  sending.session = { location: locationOf(endpoint, begun), begun: false }
  return 'begun'
}

/** How much of it has arrived, as the registry says; 0 where it does not. */
async function offsetOf(sender: Sender, endpoint: Endpoint, sending: Sending): Promise<number> {
  const state = await ask(sender, endpoint, { method: 'GET', path: locationFor(sending) })
  const last = Number(/^(?:bytes=)?0-(\d+)$/.exec(state.headers.get('range') ?? '')?.[1] ?? 0)
  // 0-0 is one byte or none: nobody can tell.
  if (state.status !== 204 || last === 0) return 0
  sending.session = { location: locationOf(endpoint, state), begun: true }
  return Math.min(last + 1, sending.descriptor.size)
}

async function sendRest(sender: Sender, endpoint: Endpoint, sending: Sending, at: number): Promise<void> {
  const { descriptor, count } = sending
  const { size } = descriptor
  let sent = 0
  // What is there already counts, until this try has failed as well.
  count(at)
  const chunks = async function* () {
    // A redirect asks for all of it once more.
    count(-sent)
    sent = 0
    for await (const bytes of sender.blobs.blob(noReference, descriptor, at, sender.signal)) {
      yield bytes
      sent += bytes.length
      count(bytes.length)
    }
    if (at + sent !== size)
      throw new SourceError('damaged', `the archive has ${at + sent} of its ${size} bytes`, verifyHint)
  }
  const location = locationFor(sending)
  sending.session = { location, begun: true }
  try {
    const answer = await ask(sender, endpoint, {
      method: 'PATCH',
      path: location,
      headers: {
        'content-type': 'application/octet-stream',
        // Without one it is a stream from the start on, which every registry takes.
        ...(at === 0 ? {} : { 'content-range': `${at}-${size - 1}` }),
      },
      body: { length: size - at, chunks },
    })
    // Not the offset that the registry has, or an upload that has expired.
    if (answer.status === 404 || answer.status === 416) throw forgotten(sending, answer)
    if (answer.status !== 202) throw refused(endpoint, answer)
    sending.session = { location: locationOf(endpoint, answer), begun: true }
  } catch (cause) {
    count(-at - sent)
    throw cause
  }
}

async function finish(sender: Sender, endpoint: Endpoint, sending: Sending): Promise<void> {
  const url = locationFor(sending)
  url.searchParams.set('digest', sending.descriptor.digest)
  const answer = await ask(sender, endpoint, { method: 'PUT', path: url })
  if (answer.status === 201) return
  if (/DIGEST_INVALID/.test(answer.text))
    throw new SourceError('damaged', 'its bytes in the archive are not those of its digest', verifyHint)
  if (answer.status === 404 || answer.status === 416) throw forgotten(sending, answer)
  throw refused(endpoint, answer)
}

/** A blob is known by its digest; which image it is of does not matter here. */
const noReference: Reference = { registry: '', repository: '' }
const verifyHint = 'gen images verify FILE says what is wrong with the archive'

function forgotten(sending: Sending, { status }: Answer): Transient {
  delete sending.session
  return new Transient(`the upload is gone (${status})`)
}

function locationFor({ session }: Sending): URL {
  if (session === undefined) throw new Error('an upload has a place')
  return new URL(session.location)
}

function locationOf(endpoint: Endpoint, { headers, status }: Answer): URL {
  const location = headers.get('location') ?? ''
  if (!URL.canParse(location, endpoint.base))
    throw new SourceError('unsupported', `it does not say where to send blobs (${status} without Location)`)
  return new URL(location, endpoint.base)
}

type Answer = Response & { readonly text: string }

/** With its text read, so that the connection is free again. */
export async function ask(
  { client, signal }: Pick<Sender, 'client' | 'signal'>,
  endpoint: Endpoint,
  one: Omit<Ask, 'actions'>,
): Promise<Answer> {
  const response = await client.send(endpoint, { ...one, actions: 'pull,push' }, signal)
  return { ...response, text: await readText(response) }
}
