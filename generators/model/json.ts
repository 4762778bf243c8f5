/** Plain data: what every document is before a serializer writes it. */
export type Json = null | boolean | number | string | readonly Json[] | JsonObject
export interface JsonObject {
  readonly [key: string]: Json
}

/**
 * RFC 7386 merge patch: `patch` wins, null deletes, arrays are replaced whole.
 * @returns a new value; neither argument is changed
 */
export function mergePatch(target: Json, patch: Json): Json {
  if (!isObject(patch)) return patch
  const result: Record<string, Json> = isObject(target) ? { ...target } : {}
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key]
    else result[key] = mergePatch(result[key] ?? null, value)
  }
  return result
}

/** Where a merge patch changes nothing: it deletes what is not there, or says what is so anyway. */
export function idlePaths(target: Json | undefined, patch: Json): readonly (readonly string[])[] {
  if (!isObject(patch)) {
    const idle = patch === null ? target === undefined : JSON.stringify(target) === JSON.stringify(patch)
    return idle ? [[]] : []
  }
  return Object.entries(patch).flatMap(([key, value]) =>
    idlePaths(isObject(target) ? target[key] : undefined, value).map((path) => [key, ...path]),
  )
}

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Drops keys whose value is undefined, so that optional parts read as plain literals. */
export function compact(entries: Readonly<Record<string, Json | undefined>>): JsonObject {
  return Object.fromEntries(
    Object.entries(entries).filter((entry): entry is [string, Json] => entry[1] !== undefined),
  )
}
