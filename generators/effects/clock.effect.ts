/** The wall clock; everything pure takes a Date instead. */
export function now(): Date {
  return new Date()
}
