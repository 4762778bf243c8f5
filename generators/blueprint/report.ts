/** Diagnostics → what a person reads: position, severity, code, sentence, two lines of context with a caret, hint. */
import stringWidth from 'string-width'
import type { Diagnostic, Path } from '../model/diagnostic.ts'
import type { Position, Source } from './source.ts'

export interface ReportStyle {
  readonly color: boolean
  /** Columns of the terminal; undefined where nobody looks: sentences then stay on one line, for grep. */
  readonly width?: number | undefined
}

export type Place = Pick<Source, 'file' | 'lines' | 'locate'>

/** Without a terminal, source lines are still cut: a blueprint can be one line of JSON. */
const widthOfFiles = 160
/** Narrower, nothing is readable any more. */
const narrowest = 24
/** Characters looked at for each column to fill: a line may be a megabyte, and measuring it takes long. */
const nearby = 8
/** Longer sentences quote something that is no use to a reader. */
const longest = 400

/** One block a diagnostic. */
export function printReport(source: Place, diagnostics: readonly Diagnostic[], style: ReportStyle): string {
  return diagnostics.map((diagnostic) => `${printOne(source, diagnostic, style)}\n`).join('\n')
}

function printOne(source: Place, diagnostic: Diagnostic, style: ReportStyle): string {
  const at = positionOf(source, diagnostic)
  const tint = { error: 31, warning: 33, info: 36 }[diagnostic.severity]
  const head = wrap(
    [
      [`${source.file}:${at.line}:${at.column}:`, 1],
      [`${diagnostic.severity}:`, tint],
      [diagnostic.message, 0],
      [`[${diagnostic.code}]`, 2],
    ],
    '    ',
    style,
  )
  const related = (diagnostic.related ?? []).flatMap((other) => {
    const place = positionOf(source, other)
    const note = `${source.file}:${place.line}:${place.column}:`
    return [
      `  ${wrap(
        [
          [note, 1],
          ['note:', 36],
          [other.message, 0],
        ],
        '    ',
        style,
      )}`,
      ...context(source, place, 36, style, 0),
    ]
  })
  const hint =
    diagnostic.hint === undefined
      ? []
      : [
          `  ${wrap(
            [
              ['hint:', 36],
              [diagnostic.hint, 0],
            ],
            '        ',
            style,
            2,
          )}`,
        ]
  return [head, ...context(source, at, tint, style, 1), ...related, ...hint].join('\n')
}

/** Where a diagnostic, or a place that takes part in it, is in the text. */
export function positionOf(
  source: Place,
  { position, path, atKey }: { position?: Position; path: Path; atKey?: boolean },
): Position {
  return position ?? source.locate(path, atKey)
}

/** The line, as many as `before` above it, and a caret under the token, by columns of the terminal. */
function context(
  { lines }: Place,
  at: Position,
  tint: number,
  style: ReportStyle,
  before: 0 | 1,
): readonly string[] {
  const line = lines[at.line - 1]
  if (line === undefined) return []
  const digits = String(at.line).length
  const room = Math.max(narrowest, (style.width ?? widthOfFiles) - digits - 5)
  const { text, start, length } = window(line, at, room)
  const row = (number: number, shown: string) => `  ${String(number).padStart(digits)} | ${shown}`.trimEnd()
  const above =
    before === 1 && at.line > 1
      ? [row(at.line - 1, cut(visible((lines[at.line - 2] ?? '').slice(0, nearby * room)), room))]
      : []
  const caret = `  ${' '.repeat(digits)} | ${' '.repeat(start)}${paint('^'.repeat(length), tint, style)}`
  return [...above, row(at.line, text), caret]
}

/** The part of a line that a token is in, and the token's first column and width there. */
function window(line: string, { column, length }: Position, room: number) {
  const reach = nearby * room
  const before = visible(line.slice(Math.max(0, column - 1 - reach), column - 1))
  const token = visible(line.slice(column - 1, column - 1 + Math.min(length, reach)))
  const after = visible(line.slice(column - 1 + length, column - 1 + length + reach))
  const start = stringWidth(before)
  const width = Math.max(1, stringWidth(token))
  if (start + width + stringWidth(after) <= room || start + Math.min(width, 12) <= room - 1)
    return { text: cut(before + token + after, room), start, length: Math.min(width, room - start) }
  const lead = cutLeft(before, Math.floor(room / 3))
  const from = stringWidth(lead)
  return { text: cut(lead + token + after, room), start: from, length: Math.min(width, room - from) }
}

/**
 * What a terminal shows of a text: tabs as four blanks, so that carets fit whatever its stops are, and control
 * characters as pictures, so that a blueprint cannot steer it.
 */
function visible(text: string): string {
  return (
    text
      .replaceAll('\t', '    ')
      // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
      .replace(/[\u0000-\u001f]/g, (char) => String.fromCharCode(0x2400 + char.charCodeAt(0)))
      .replace(/[\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]/gu, '\ufffd')
  )
}

/** Cut to so many columns, with `…` for what is gone. */
function cut(text: string, room: number): string {
  if (stringWidth(text) <= room) return text
  let [kept, width] = ['', 0]
  for (const { segment } of graphemes.segment(text)) {
    width += stringWidth(segment)
    if (width > room - 1) break
    kept += segment
  }
  return `${kept}…`
}

function cutLeft(text: string, room: number): string {
  let [kept, width] = ['', 0]
  for (const { segment } of [...graphemes.segment(text.slice(-4 * room))].reverse()) {
    width += stringWidth(segment)
    if (width > room - 1) break
    kept = segment + kept
  }
  return `…${kept}`
}

const graphemes = new Intl.Segmenter(undefined, { granularity: 'grapheme' })

type Part = readonly [text: string, color: number]

/** Sets words one after another, on further lines where the terminal ends; each part keeps its colour. */
function wrap(parts: readonly Part[], indent: string, style: ReportStyle, offset = 0): string {
  const width = style.width === undefined ? Number.POSITIVE_INFINITY : Math.max(narrowest, style.width)
  const lines: Part[][] = [[]]
  let used = offset
  for (const [text, color] of parts)
    for (const word of visible(clip(text)).split(' ')) {
      const columns = Number.isFinite(width) ? stringWidth(word) : 0
      const line = lines.at(-1) ?? []
      if (line.length > 0 && used + 1 + columns > width) {
        lines.push([[word, color]])
        used = indent.length + columns
      } else {
        line.push([word, color])
        used += columns + (line.length > 1 ? 1 : 0)
      }
    }
  return lines.map((line) => joinWords(line, style)).join(`\n${indent}`)
}

function joinWords(words: readonly Part[], style: ReportStyle): string {
  const runs: [string, number][] = []
  for (const [word, color] of words) {
    const last = runs.at(-1)
    if (last?.[1] === color) last[0] += ` ${word}`
    else runs.push([word, color])
  }
  return runs.map(([text, color]) => paint(text, color, style)).join(' ')
}

function clip(text: string): string {
  return text.length <= longest ? text : `${text.slice(0, longest).replace(/[\ud800-\udbff]$/, '')}…`
}

function paint(text: string, color: number, style: ReportStyle): string {
  return style.color && color !== 0 ? `\u001b[${color}m${text}\u001b[0m` : text
}

/** `2 errors, 1 warning` */
export function summary(diagnostics: readonly Diagnostic[]): string {
  return (['error', 'warning'] as const)
    .map((severity) => [diagnostics.filter((entry) => entry.severity === severity).length, severity] as const)
    .filter(([count]) => count > 0)
    .map(([count, severity]) => `${count} ${severity}${count === 1 ? '' : 's'}`)
    .join(', ')
}
