import { stoppable } from '../effects/interrupt.effect.ts'
import { fetchManifest } from '../effects/manifests.effect.ts'
import { imagesInManifest } from '../images/found.ts'
import { type AddonImages, listImages, type WantedImage } from '../images/list.ts'
import type { GroupPlan } from '../model/plan.ts'
import { parseRole, type Role, roleSpellings } from '../model/role.ts'
import {
  blueprintOptions,
  type Command,
  flag,
  type Invocation,
  type Io,
  type OptionSpec,
  text,
  UsageError,
  UserError,
} from './command.ts'
import { warnOfMovingTag } from './export-request.ts'
import { compileOrReport, type Ready } from './inputs.effect.ts'

const { secrets: _, ...blueprintOnly } = blueprintOptions

export const imagesOptions: Readonly<Record<string, OptionSpec>> = blueprintOnly

export const roleOption: OptionSpec = {
  type: 'string',
  value: 'ROLE',
  description: 'only what nodes of this role need: control-plane (or master), worker',
}

export const imagesList: Command = {
  name: 'list',
  summary: 'say which images the nodes need, and why',
  usage: '[--role ROLE] [--json]',
  description:
    "Kubernetes' own of the exact patch version, the sandbox image, the endpoint's, the pod network's, those of the blueprint's manifests and addons, and airgap.images. Manifests of addons are fetched to see what they run.",
  options: {
    ...imagesOptions,
    role: roleOption,
    json: { type: 'boolean', description: 'for programs, with reasons and groups of nodes' },
  },
  examples: [
    ['gen images list --role worker', 'what a worker must have before it joins'],
    ['gen images list --json | jq -r .[].reference', 'names alone'],
  ],
  async run(invocation, io) {
    const role = readRole(invocation)
    const ready = await compileOrReport(invocation, io, { withSecrets: false })
    if (ready === undefined) return 1
    const listed = await stoppable((signal) => wantedImages(ready, role, io, signal))
    await io.stdout(flag(invocation, 'json') ? `${JSON.stringify(listed, null, 2)}\n` : table(listed))
    return 0
  },
}

/** @throws UsageError */
export function readRole(invocation: Invocation): Role | undefined {
  const word = text(invocation, 'role')
  if (word === undefined) return undefined
  const role = parseRole(word)
  if (role === undefined)
    throw new UsageError(`there is no role ${word}`, `one of ${Object.keys(roleSpellings).join(', ')}`)
  return role
}

/**
 * What the cluster, or one role of it, needs. An addon whose manifest cannot be had is a warning.
 * @throws UserError for a role that no node has
 */
export async function wantedImages(
  { groups }: Pick<Ready, 'groups'>,
  role: Role | undefined,
  io: Pick<Io, 'stderr'>,
  signal: AbortSignal,
): Promise<readonly WantedImage[]> {
  if (role !== undefined && !groups.some((group) => group.role === role))
    throw new UserError(`no node of the blueprint is a ${role}`)
  const addons = await addonImages(groups, io, signal)
  // Those that the blueprint names itself are told with their line, by its diagnostics.
  for (const { references } of addons) for (const reference of references) warnOfMovingTag(reference, io)
  return listImages(groups, role, addons)
}

async function addonImages(
  groups: readonly GroupPlan[],
  io: Pick<Io, 'stderr'>,
  signal: AbortSignal,
): Promise<readonly AddonImages[]> {
  // Pod networks come as a kustomization over a manifest whose images are facts of ours.
  const unknown = groups
    .flatMap(({ addons }) => addons)
    .flatMap(({ name, manifest, kustomization }) =>
      manifest === undefined || kustomization !== undefined ? [] : [{ name, ...manifest }],
    )
  const distinct = [...new Map(unknown.map((addon) => [addon.url, addon])).values()]
  const known = await Promise.all(
    distinct.map(async ({ name, url, sha256 }) => {
      const fetched = await fetchManifest(url, sha256, signal)
      if ('text' in fetched) return [{ addon: name, references: imagesInManifest(fetched.text) }]
      io.stderr(
        `gen: warning: the images of addon ${name} are not known: ${fetched.problem}\n  hint: name them in airgap.images of the blueprint\n`,
      )
      return []
    }),
  )
  return known.flat()
}

function table(listed: readonly WantedImage[]): string {
  const width = (pick: (image: WantedImage) => string) =>
    Math.max(0, ...listed.map((image) => pick(image).length))
  const [names, groups] = [width(({ reference }) => reference), width((image) => image.groups.join(','))]
  return listed
    .map(
      (image) =>
        `${image.reference.padEnd(names)}  ${image.groups.join(',').padEnd(groups)}  ${image.why.join('; ')}\n`,
    )
    .join('')
}
