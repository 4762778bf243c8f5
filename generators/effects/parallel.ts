/**
 * So many at a time; the first failure ends what the others do, for it no longer matters.
 * @param work gets a signal that also ends with that failure
 * @throws the signal's reason, or the first failure
 */
export async function inParallel<T>(
  items: readonly T[],
  atOnce: number,
  signal: AbortSignal,
  work: (item: T, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const failed = new AbortController()
  const either = AbortSignal.any([signal, failed.signal])
  const queue = items.values()
  const worker = async () => {
    for (const item of queue) {
      either.throwIfAborted()
      await work(item, either)
    }
  }
  await Promise.all(Array.from({ length: atOnce }, () => worker().catch((cause) => failed.abort(cause))))
  signal.throwIfAborted()
  failed.signal.throwIfAborted()
}
