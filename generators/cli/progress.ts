/** How far something is that takes its time: a bar on a terminal, a line now and then elsewhere, events for programs. */
import type { Io } from './command.ts'

export interface Progress {
  /**
   * @param total bytes
   * @param done bytes that are there already
   */
  readonly begin: (title: string, total: number, done?: number) => void
  /** Negative when bytes have to come again. */
  readonly advance: (bytes: number) => void
  /** Something worth a line of its own. */
  readonly note: (text: string) => void
  /** The task is over, well or not. */
  readonly end: () => void
}

/** Milliseconds between two drawings of a bar, lines in a log, and events. */
const pauses = { bar: 100, lines: 10_000, json: 500 } as const
/** The rate is that of the last seconds. */
const rateWindow = 5_000

type Style = keyof typeof pauses

interface Task {
  readonly title: string
  readonly total: number
  done: number
  /** When how much was done, the oldest first. */
  readonly marks: { at: number; done: number }[]
  shown: number
}

/** Everything goes to standard error; with `json` one JSON object a line. */
export async function openProgress(
  io: Pick<Io, 'stderr' | 'stderrIsTerminal' | 'columns' | 'env'>,
  { json }: { readonly json: boolean },
  clock: () => number = () => performance.now(),
): Promise<Progress> {
  const plain = !io.stderrIsTerminal || io.env['CI'] !== undefined || io.env['TERM'] === 'dumb'
  const style: Style = json ? 'json' : plain ? 'lines' : 'bar'
  // Loading it takes 10 ms: it makes an Intl.Segmenter.
  const widthOf = style === 'bar' ? (await import('string-width')).default : () => 0
  let task: Task | undefined
  const event = (value: object) => io.stderr(`${JSON.stringify(value)}\n`)
  const show = (now: number) => {
    if (task === undefined) return
    task.shown = now
    const state = stateOf(task, now)
    if (style === 'json') event({ event: 'progress', title: task.title, ...state })
    else if (style === 'lines') io.stderr(`gen: ${task.title}: ${inWords(state)}\n`)
    else io.stderr(`\r${barLine(task.title, widthOf(task.title), state, io.columns)}\u001b[K`)
  }
  return {
    begin: (title, total, done = 0) => {
      const now = clock()
      task = { title, total, done, marks: [{ at: now, done }], shown: now }
      if (style === 'json') event({ event: 'begin', title, total, done })
      else if (style === 'lines')
        io.stderr(`gen: ${title}: ${size(total)}${done > 0 ? `, ${size(done)} of it are there` : ''}\n`)
      else show(now)
    },
    advance: (bytes) => {
      if (task === undefined) return
      task.done += bytes
      const now = clock()
      if (now - task.shown < pauses[style]) return
      mark(task, now)
      show(now)
    },
    note: (text) => {
      if (style === 'json') event({ event: 'note', text })
      else io.stderr(`${style === 'bar' && task !== undefined ? '\r\u001b[K' : ''}gen: ${text}\n`)
    },
    end: () => {
      if (task === undefined) return
      const now = clock()
      if (style === 'json') event({ event: 'end', title: task.title, ...stateOf(task, now) })
      else if (style === 'bar') io.stderr('\r\u001b[K')
      task = undefined
    },
  }
}

interface State {
  readonly done: number
  readonly total: number
  /** Bytes a second. */
  readonly rate: number
  /** Seconds; null while nobody knows. */
  readonly eta: number | null
}

function mark(task: Task, now: number): void {
  task.marks.push({ at: now, done: task.done })
  while (task.marks.length > 2 && now - (task.marks[0]?.at ?? now) > rateWindow) task.marks.shift()
}

function stateOf({ done, total, marks }: Task, now: number): State {
  const [first] = marks
  const seconds = (now - (first?.at ?? now)) / 1000
  const rate = seconds <= 0 ? 0 : Math.max(0, Math.round((done - (first?.done ?? 0)) / seconds))
  return { done, total, rate, eta: rate === 0 ? null : Math.ceil((total - done) / rate) }
}

function inWords({ done, total, rate, eta }: State): string {
  const part = total === 0 ? 100 : Math.floor((100 * done) / total)
  return `${part} %, ${size(done)} of ${size(total)}, ${size(rate)}/s${eta === null ? '' : `, ${duration(eta)} left`}`
}

function barLine(title: string, width: number, state: State, columns: number): string {
  const words = inWords(state)
  // The last column would wrap on some terminals.
  const room = Math.min(30, columns - 1 - width - words.length - 4)
  if (room < 5) return words.slice(0, Math.max(0, columns - 1))
  const filled =
    state.total === 0 ? room : Math.floor((room * Math.min(state.done, state.total)) / state.total)
  return `${title} [${'#'.repeat(filled)}${'.'.repeat(room - filled)}] ${words}`
}

/** In powers of ten, as disks and networks are sold: `425.0 MB`. */
export function size(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  const power = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(1, bytes)) / 3)))
  return `${power === 0 ? bytes : (bytes / 1000 ** power).toFixed(1)} ${units[power]}`
}

function duration(seconds: number): string {
  if (seconds < 60) return `${seconds} s`
  const minutes = Math.floor(seconds / 60)
  return minutes < 60
    ? `${minutes} min ${seconds % 60} s`
    : `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}
