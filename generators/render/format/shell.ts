/** The one POSIX quoter. */

/** One shell word that stands for exactly `value`; never interpolate anything else into shell. */
export function quote(value: string): string {
  if (value.includes('\0')) throw new RangeError('a shell word cannot hold NUL')
  return /^[A-Za-z0-9_@%+=:,./-]+$/.test(value) ? value : `'${value.replaceAll("'", `'\\''`)}'`
}
