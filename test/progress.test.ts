/** How far something is: on a terminal, in a log, and for programs. */
import stringWidth from 'string-width'
import { describe, expect, test } from 'vitest'
import { openProgress } from '../generators/cli/progress.ts'

interface Where {
  readonly terminal?: boolean
  readonly columns?: number
  readonly env?: Readonly<Record<string, string>>
  readonly json?: boolean
}

/** A progress whose clock the test moves, in milliseconds. */
async function watched({ terminal = false, columns = 80, env = {}, json = false }: Where) {
  let now = 0
  let said = ''
  const io = {
    stderr: (text: string) => {
      said += text
    },
    stderrIsTerminal: terminal,
    columns,
    env,
  }
  const progress = await openProgress(io, { json }, () => now)
  return {
    ...progress,
    after: (milliseconds: number, bytes: number) => {
      now += milliseconds
      progress.advance(bytes)
    },
    said: () => said,
    last: () => said.split('\r').at(-1) ?? '',
  }
}

const clear = '\u001b[K'

describe('on a terminal', () => {
  test('a bar has a rate and the time left, and goes when it is over', async () => {
    const bar = await watched({ terminal: true })
    bar.begin('a.tar', 100_000_000)
    bar.after(2_000, 40_000_000)
    expect(bar.last()).toMatch(/^a\.tar \[#+\.+\] 40 %, 40\.0 MB of 100\.0 MB, 20\.0 MB\/s, 3 s left/)
    bar.end()
    expect(bar.said().endsWith(`\r${clear}`)).toBe(true)
  })

  test.each([20, 40, 60, 79, 120])('of %i columns it never fills the last one', async (columns) => {
    const bar = await watched({ terminal: true, columns })
    bar.begin('a-long-name-of-an-archive.tar', 10_000_000_000)
    bar.after(3_000, 1_234_567_890)
    expect(bar.last().replace(clear, '').length).toBeLessThan(columns)
  })

  test('a name in characters of two columns has its room', async () => {
    const bar = await watched({ terminal: true, columns: 79 })
    bar.begin('生产集群的全部镜像归档.tar', 10_000_000_000)
    bar.after(3_000, 1_234_567_890)
    expect(bar.last()).toContain('[')
    expect(stringWidth(bar.last())).toBeLessThan(79)
  })

  test('it is not drawn more often than ten times a second', async () => {
    const bar = await watched({ terminal: true })
    bar.begin('a.tar', 1_000_000)
    for (let turn = 0; turn < 1_000; turn += 1) bar.after(1, 1_000)
    expect(bar.said().split('\r').length).toBeLessThan(13)
  })

  test('a note takes the place of the bar, which comes again below it', async () => {
    const bar = await watched({ terminal: true })
    bar.begin('a.tar', 1_000_000)
    bar.note('trying again')
    bar.after(200, 500_000)
    expect(bar.said()).toContain(`\r${clear}gen: trying again\n\ra.tar [`)
  })
})

describe('in a log', () => {
  const kinds: readonly Where[] = [
    {},
    { terminal: true, env: { CI: 'true' } },
    { terminal: true, env: { TERM: 'dumb' } },
  ]
  test.each(kinds)('%j: a line when it begins and every ten seconds', async (where) => {
    const log = await watched(where)
    log.begin('a.tar', 100_000_000, 20_000_000)
    for (let second = 1; second <= 25; second += 1) log.after(1_000, 2_000_000)
    log.end()
    expect(log.said()).toBe(
      'gen: a.tar: 100.0 MB, 20.0 MB of it are there\n' +
        'gen: a.tar: 40 %, 40.0 MB of 100.0 MB, 2.0 MB/s, 30 s left\n' +
        'gen: a.tar: 60 %, 60.0 MB of 100.0 MB, 2.0 MB/s, 20 s left\n',
    )
  })
})

describe('for programs', () => {
  test('every line is an event', async () => {
    const events = await watched({ json: true, terminal: true })
    events.begin('a.tar', 1_000_000)
    events.after(500, 250_000)
    events.note('trying "again"\nsoon')
    events.end()
    const lines = events.said().trimEnd().split('\n')
    expect(lines.map((line) => JSON.parse(line))).toEqual([
      { event: 'begin', title: 'a.tar', total: 1_000_000, done: 0 },
      { event: 'progress', title: 'a.tar', done: 250_000, total: 1_000_000, rate: 500_000, eta: 2 },
      { event: 'note', text: 'trying "again"\nsoon' },
      { event: 'end', title: 'a.tar', done: 250_000, total: 1_000_000, rate: 500_000, eta: 2 },
    ])
  })

  test('bytes that have to come again are taken back', async () => {
    const events = await watched({ json: true })
    events.begin('a.tar', 1_000_000)
    events.after(500, 600_000)
    events.after(500, -600_000)
    expect(events.said()).toMatch(/"done":0,"total":1000000,"rate":0,"eta":null\}\n$/)
  })
})
