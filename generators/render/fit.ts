/** Does a text fit its target? Plain when it does, else the smallest encoding that the target takes. */
import { type Diagnostic, error } from '../model/diagnostic.ts'
import type { CloudProvider, UserDataEncoding } from '../providers/provider.ts'
import { encode, type UserData } from './user-data.ts'

export type Fitted =
  | { readonly bytes: Uint8Array; readonly encoding: UserDataEncoding; readonly size: number }
  | { readonly problem: Diagnostic }

/**
 * @param wanted an encoding that the user asked for; it is checked against the limit like any other
 */
export async function fit(
  render: (encoding: UserDataEncoding) => UserData,
  target: CloudProvider,
  wanted?: UserDataEncoding,
): Promise<Fitted> {
  const candidates = wanted === undefined ? target.encodings : [wanted]
  const limit = target.userDataLimit ?? Number.POSITIVE_INFINITY
  let smallest: Exclude<Fitted, { problem: unknown }> | undefined
  for (const encoding of candidates) {
    const bytes = await encode(render(encoding).text, encoding)
    const tried = { encoding, bytes, size: measured(bytes, target) }
    if (tried.size <= limit) return tried
    if (smallest === undefined || tried.size < smallest.size) smallest = tried
  }
  if (smallest === undefined) throw new Error(`${target.name} takes no encoding`)
  return { problem: tooLarge(render(smallest.encoding), target, smallest) }
}

/** Bytes as the target counts them. */
export function measured(bytes: Uint8Array, { measured: how }: CloudProvider): number {
  return how === 'raw' ? bytes.length : Math.ceil(bytes.length / 3) * 4
}

function tooLarge(
  { sections }: UserData,
  target: CloudProvider,
  { encoding, size }: { readonly encoding: UserDataEncoding; readonly size: number },
): Diagnostic {
  const largest = sections()
    .slice(0, 6)
    .map(({ name, bytes }) => `${name} ${bytes}`)
  return error(
    'blueprint/user-data-too-large',
    ['cloud'],
    `the user-data has ${size} bytes as ${encoding}, and ${target.name} takes ${target.userDataLimit} (before encoding: ${largest.join(', ')} bytes)`,
    'bake the machine image (bootstrap.prebaked: true), use ECDSA keys, or move files into the image',
  )
}
