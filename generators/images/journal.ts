/**
 * How far an unfinished archive is: a text beside it to which lines are only ever added, so that whatever ends a run
 * leaves at worst half a line. It says what was written, never that it is right: that is found by hashing it again.
 */

export interface Journal {
  /** The plan that the archive follows. */
  readonly plan: string
  /** Who writes it. */
  readonly writer: string
  /** Bytes from each blob's start that were handed to the disk, by the blob's path. */
  readonly written: ReadonlyMap<string, number>
}

export function journalHead(plan: string, writer: string): string {
  return `${JSON.stringify({ format: 1, plan, writer })}\n`
}

export function journalLine(path: string, written: number): string {
  return `${written} ${path}\n`
}

/** Undefined for what no run of this program has written. */
export function readJournal(text: string): Journal | undefined {
  const lines = text.split('\n')
  // What follows the last newline is half a line, or nothing.
  const [head = '', ...rest] = lines.slice(0, -1)
  const named = readHead(head)
  if (named === undefined) return undefined
  const written = new Map<string, number>()
  for (const line of rest) {
    const [, count, path] = /^(\d{1,15}) (\S+)$/.exec(line) ?? []
    if (path !== undefined) written.set(path, Number(count))
  }
  return { ...named, written }
}

function readHead(line: string): Pick<Journal, 'plan' | 'writer'> | undefined {
  try {
    const { format, plan, writer } = JSON.parse(line) as Record<string, unknown>
    return format === 1 && typeof plan === 'string' && typeof writer === 'string'
      ? { plan, writer }
      : undefined
  } catch {
    return undefined
  }
}
