/** What of the nodes differs between two plans, section by section, as unified diffs without secrets. */
import { createTwoFilesPatch } from 'diff'
import type { FileSpec, SecretJson } from '../model/contribution.ts'
import { isObject, type Json } from '../model/json.ts'
import type { GroupPlan } from '../model/plan.ts'
import { Secret } from '../model/secret.ts'
import { renderBody } from './file.ts'
import { toYaml } from './format/yaml.ts'
import type { Planned } from './plan.ts'
import { renderMetaData, renderNetworkConfig } from './seed.ts'

export interface Change {
  /** `control-plane/etc/leaven/nodes`, `nodes/m1/network-config` */
  readonly section: string
  /** Unified diff; one line of its own where only secrets differ. */
  readonly diff: string
}

interface Section {
  readonly shown: string
  /** With secrets; only ever compared. */
  readonly whole: string
}

const hidden = '***'

export function changesBetween(before: Planned, after: Planned): readonly Change[] {
  const [old, now] = [sections(before), sections(after)]
  const names = [...new Set([...old.keys(), ...now.keys()])].sort()
  return names.flatMap((section) => {
    const [from, to] = [old.get(section), now.get(section)]
    if (from?.whole === to?.whole) return []
    if (from?.shown === to?.shown) return [{ section, diff: `${section}: a secret in it differs\n` }]
    return [{ section, diff: unified(section, from?.shown, to?.shown) }]
  })
}

function unified(section: string, from: string | undefined, to: string | undefined): string {
  const [left, right] = [
    from === undefined ? '/dev/null' : `a/${section}`,
    to === undefined ? '/dev/null' : `b/${section}`,
  ]
  const patch = createTwoFilesPatch(left, right, from ?? '', to ?? '', undefined, undefined, { context: 2 })
  // The library begins with a line of equals signs, which belongs to another format.
  return patch.replace(/^=+\n/, '')
}

function sections({ plan, groups }: Planned): ReadonlyMap<string, Section> {
  const open = (name: string, text: string) => [name, { shown: text, whole: text }] as const
  return new Map([
    ...plan.nodes.flatMap((node) => [
      open(`nodes/${node.name}/meta-data`, renderMetaData(plan, node)),
      open(`nodes/${node.name}/network-config`, renderNetworkConfig(plan, node)),
    ]),
    ...groups.flatMap((group) => [
      ...group.files.map((file) => [`${group.name}${file.path}`, fileSection(file)] as const),
      [`${group.name}/cloud-config`, cloudConfig(group)] as const,
      open(
        `${group.name}/images`,
        group.images
          .map(({ reference }) => `${reference}\n`)
          .sort()
          .join(''),
      ),
    ]),
  ])
}

function fileSection({ body, mode, path }: FileSpec): Section {
  const head = `# ${path} ${mode.toString(8).padStart(4, '0')}\n`
  const whole = head + renderBody(body)
  if (body.kind === 'secret') return { shown: `${head}${hidden}\n`, whole }
  if (body.kind === 'secret-yaml')
    return { shown: head + toYaml(body.documents.map((document) => withheld(document))), whole }
  // A file of the user's own that only root may read: they had a reason.
  if (body.kind === 'text' && (mode & 0o177) === 0) return { shown: `${head}${hidden}\n`, whole }
  return { shown: whole, whole }
}

function withheld(value: SecretJson): Json {
  if (value instanceof Secret) return hidden
  if (Array.isArray(value)) return value.map(withheld)
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(
      Object.entries(value).map(([key, entry]) => [key, withheld(entry as SecretJson)]),
    )
  return value as Json
}

function cloudConfig({ cloudConfig: value }: GroupPlan): Section {
  return { shown: toYaml([withoutPasswords(value)]), whole: toYaml([value]) }
}

function withoutPasswords(value: Json): Json {
  if (Array.isArray(value)) return value.map(withoutPasswords)
  if (!isObject(value)) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, entry]) => [
      key,
      /passw(or)?d|secret|token/i.test(key) && typeof entry === 'string' ? hidden : withoutPasswords(entry),
    ]),
  )
}
