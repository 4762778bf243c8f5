/** One line of the lab's table. */
export type Row = {
  /** Topology or fault. */
  readonly what: string
  readonly seconds: number
  readonly figure: string
  readonly passed: number
  readonly failed: number
}

/** A table for people, closed by the line that test runners' readers know: `N passed, N failed`. */
export function reportOf(rows: readonly Row[]): string {
  const widest = Math.max(4, ...rows.map((row) => row.what.length))
  const lines = rows.map(
    (row) =>
      `${row.what.padEnd(widest)}  ${String(Math.round(row.seconds)).padStart(5)} s  ` +
      `${String(row.passed).padStart(2)} ok ${String(row.failed).padStart(2)} failed  ${row.figure}`,
  )
  const passed = rows.reduce((sum, row) => sum + row.passed, 0)
  const failed = rows.reduce((sum, row) => sum + row.failed, 0)
  return [...lines, '', `${passed} passed, ${failed} failed`].join('\n')
}
