/** Groups and nodes → files to write. Pure: what they are called, what they hold, who may read them. */
import { createHash } from 'node:crypto'
import type { Artifact } from '../model/artifact.ts'
import type { NodePlan } from '../model/plan.ts'
import { type Planned, planJson } from './plan.ts'
import { renderMetaData, renderNetworkConfig } from './seed.ts'
import { renderUserData } from './user-data.ts'

/** `<node>/user-data`, `<node>/meta-data`, `<node>/network-config`; nodes of a group share one text. */
export function seedArtifacts(planned: Planned, nodes: readonly NodePlan[]): readonly Artifact[] {
  const texts = groupTexts(planned)
  return nodes.flatMap((node) => [
    secretFile(`${node.name}/user-data`, texts.get(node.group)),
    openFile(`${node.name}/meta-data`, renderMetaData(planned.plan, node)),
    openFile(`${node.name}/network-config`, renderNetworkConfig(planned.plan, node)),
  ])
}

/** Everything of one cluster: nodes, pools, the plan, and a manifest of what was written. */
export function buildArtifacts(planned: Planned): {
  readonly artifacts: readonly Artifact[]
  readonly manifest: Artifact
} {
  const texts = groupTexts(planned)
  const artifacts = [
    ...seedArtifacts(planned, planned.plan.nodes).map((file) => ({
      ...file,
      path: `nodes/${file.path}`,
    })),
    ...planned.groups
      .filter((group) => group.pool !== undefined)
      .map((group) => secretFile(`pools/${group.name}/user-data`, texts.get(group.name))),
    openFile('plan.json', planJson(planned)),
  ]
  return { artifacts, manifest: manifestOf(planned.plan.name, artifacts) }
}

function groupTexts({ plan, groups }: Planned): ReadonlyMap<string, Uint8Array> {
  return new Map(
    groups.map((group) => [group.name, new TextEncoder().encode(renderUserData(group, plan.name).text)]),
  )
}

/** What was written, so that the next build can delete what it no longer writes. */
export interface Manifest {
  readonly files: readonly {
    readonly path: string
    readonly sha256: string
    readonly bytes: number
    readonly mode: string
  }[]
}

/** Of what is below one folder. */
export function manifestOf(cluster: string, artifacts: readonly Artifact[]): Artifact {
  const digests = new Map<Uint8Array, string>()
  const digest = (bytes: Uint8Array) => {
    const known = digests.get(bytes) ?? createHash('sha256').update(bytes).digest('hex')
    digests.set(bytes, known)
    return known
  }
  const files = artifacts.map(({ path, bytes, mode }) => ({
    path,
    sha256: digest(bytes),
    bytes: bytes.length,
    mode: mode.toString(8).padStart(4, '0'),
  }))
  const text = `${JSON.stringify({ apiVersion: 'leaven/v1', kind: 'Manifest', cluster, files }, null, 2)}\n`
  return openFile('manifest.json', text)
}

function secretFile(path: string, bytes: Uint8Array | undefined): Artifact {
  if (bytes === undefined) throw new Error(`no text for ${path}`)
  return { path, bytes, mode: 0o600, secret: true }
}

function openFile(path: string, text: string): Artifact {
  return { path, bytes: new TextEncoder().encode(text), mode: 0o644, secret: false }
}
