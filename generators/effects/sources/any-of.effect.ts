/** Several sources as one: what the first does not have comes from the next. */
import { type ImageSource, SourceError } from '../../images/source.ts'

/** @param sources at least one; what the last one says is the error */
export function anyOf(sources: readonly ImageSource[]): ImageSource {
  /** How often a blob came whole: who asks again got a bad one, and gets it from elsewhere. */
  const delivered = new Map<string, number>()
  const first = async <T>(work: (source: ImageSource) => Promise<T>): Promise<T> => {
    let last: unknown
    for (const source of sources)
      try {
        return await work(source)
      } catch (cause) {
        if (!isMissing(cause)) throw cause
        last = cause
      }
    throw last
  }
  return {
    resolve: (reference, signal) => first((source) => source.resolve(reference, signal)),
    manifest: (reference, digest, signal) => first((source) => source.manifest(reference, digest, signal)),
    blob: async function* (reference, descriptor, offset, signal) {
      const before = delivered.get(descriptor.digest) ?? 0
      const others = sources.length - 1
      const turn = offset > 0 || before === 0 || others === 0 ? 0 : 1 + ((before - 1) % others)
      const turned = [...sources.slice(turn), ...sources.slice(0, turn)]
      yield* firstBlob(turned, (source) => source.blob(reference, descriptor, offset, signal))
      delivered.set(descriptor.digest, before + 1)
    },
    close: async () => {
      await Promise.all(sources.map((source) => source.close()))
    },
  }
}

/** Only who does not have it at all is passed over: nobody goes on where another one stopped. */
async function* firstBlob(
  sources: readonly ImageSource[],
  ask: (source: ImageSource) => AsyncIterable<Uint8Array>,
) {
  let last: unknown
  for (const source of sources) {
    let begun = false
    try {
      for await (const bytes of ask(source)) {
        begun = true
        yield bytes
      }
      return
    } catch (cause) {
      if (begun || !isMissing(cause)) throw cause
      last = cause
    }
  }
  throw last
}

function isMissing(cause: unknown): boolean {
  return cause instanceof SourceError && cause.reason === 'missing'
}
