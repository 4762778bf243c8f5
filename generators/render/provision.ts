/** A machine image's plan → the folder that is uploaded to the machine which becomes it. */
import { createHash } from 'node:crypto'
import type { Artifact } from '../model/artifact.ts'
import type { ImagePlan } from '../model/plan.ts'
import { asset, renderBody } from './file.ts'

/** In the order in which they run, as root, with `sh`. */
export const provisionScripts = ['bake.sh', 'verify.sh', 'generalize.sh'] as const

/** `bake.sh`, `verify.sh`, `generalize.sh`, `contents` and `root/`; archives go to `images/`, a bundle to `bundle/`. */
export function provisionArtifacts({ files }: ImagePlan): readonly Artifact[] {
  const rendered = files.map(({ path, mode, body }) => ({
    path,
    mode,
    bytes: new TextEncoder().encode(renderBody(body)),
  }))
  return [
    ...[...provisionScripts, 'inventory.sh'].map((name) => text(name, asset(`boot/image/${name}`).text)),
    // Uploads lose modes; this says what each file has to be, and proves that it arrived.
    text('contents', rendered.map((file) => `${contentsRow(file)}\n`).join('')),
    ...rendered.map(({ path, bytes }) => open(`root${path}`, bytes)),
  ]
}

function contentsRow({ path, mode, bytes }: { path: string; mode: number; bytes: Uint8Array }): string {
  const sum = createHash('sha256').update(bytes).digest('hex')
  return [mode.toString(8).padStart(4, '0'), sum, path].join('\t')
}

function text(path: string, content: string): Artifact {
  return open(path, new TextEncoder().encode(content))
}

function open(path: string, bytes: Uint8Array): Artifact {
  return { path, bytes, mode: 0o644, secret: false }
}
