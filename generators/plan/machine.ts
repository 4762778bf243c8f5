/** Blueprint → the machine on which an image is baked: what it is made from, and how that starts. */
import { amiName, lockedAmi, lockedChecksum } from '../lock/pin.ts'
import type { Blueprint } from '../model/blueprint.ts'
import { type Diagnostic, error, hasErrors, type Path, warning } from '../model/diagnostic.ts'
import { isObject, type Json, type JsonObject } from '../model/json.ts'
import type { Lock, WantedBase } from '../model/lock.ts'
import type { ClusterPlan } from '../model/plan.ts'
import type { Role } from '../model/role.ts'
import type {
  Architecture,
  Base,
  BuilderProvider,
  Firmware,
  Machine,
  MachinePlan,
  OsProvider,
  PublishedFile,
} from '../providers/provider.ts'
import * as registry from '../registry.ts'
import { choose } from './cluster.ts'

/** What is wrong with the builders that a blueprint names, whichever of them is asked for. */
export function bakeRules(plan: ClusterPlan, blueprint: Blueprint, lock?: Lock): readonly Diagnostic[] {
  const architecture = architectureOf(plan)
  return buildersOf(blueprint).flatMap(
    (builder) => planMachine(plan, blueprint, { role: 'worker', builder, architecture }, lock).diagnostics,
  )
}

function buildersOf({ bake }: Blueprint): readonly BuilderProvider[] {
  return Object.keys(bake?.builders ?? {}).map((name) => choose(registry.builder, name))
}

/** What the machine images of these builders begin with, as far as the publishers move it. */
export function wantedBases(
  plan: ClusterPlan,
  blueprint: Blueprint,
  platforms: readonly { readonly architecture: string }[],
): readonly WantedBase[] {
  const found = buildersOf(blueprint).flatMap((builder) =>
    (['amd64', 'arm64'] as const)
      .filter((one) => platforms.some(({ architecture }) => architecture === one))
      .flatMap((architecture) => wantedBase(plan, blueprint, builder, architecture) ?? []),
  )
  return [...new Map(found.map((base) => [base.name, base])).values()]
}

function wantedBase(
  plan: ClusterPlan,
  blueprint: Blueprint,
  builder: BuilderProvider,
  architecture: Architecture,
): WantedBase | undefined {
  if (!builder.architectures.includes(architecture)) return undefined
  const { provider, release } = plan.os
  const options = blueprint.bake?.builders?.[builder.name] ?? {}
  const kind = builder.base(options)
  if (kind === 'aws') {
    const region = String(options['region'])
    const name = amiName(region, provider, release, architecture)
    return { kind: 'ami', name, region, os: provider, release, architecture }
  }
  if (kind !== 'cloud-image' && kind !== 'installer') return undefined
  const { pinned, offered } = publishedBase(plan, blueprint, kind, architecture)
  return pinned === undefined && offered !== undefined
    ? { kind: 'file', name: offered.url, checksums: offered.checksums }
    : undefined
}

/** What the blueprint names, and what the distribution has. */
function publishedBase(
  { os }: ClusterPlan,
  { bake }: Blueprint,
  kind: 'cloud-image' | 'installer',
  architecture: Architecture,
) {
  const images = choose<OsProvider>(registry.os, os.provider).baseImages[os.release]
  return kind === 'installer'
    ? { pinned: bake?.installers?.[architecture], offered: images?.installer[architecture] }
    : { pinned: bake?.cloudImages?.[architecture], offered: images?.cloudImage[architecture] }
}

/** The blueprint's, unless the command line names another. */
export function architectureOf({ os }: ClusterPlan): Architecture {
  return os.options['architecture'] === 'arm64' ? 'arm64' : 'amd64'
}

/** @returns the machine when there are no errors */
export function planMachine(
  plan: ClusterPlan,
  blueprint: Blueprint,
  { role, builder, architecture }: Pick<MachinePlan, 'role' | 'builder'> & Pick<Machine, 'architecture'>,
  lock?: Lock,
): { readonly planned?: MachinePlan; readonly diagnostics: readonly Diagnostic[] } {
  const written = blueprint.bake?.builders?.[builder.name]
  const at: Path = ['bake', 'builders', builder.name]
  const options = written ?? {}
  const missing = (builder.required ?? []).filter((name) => options[name] === undefined)
  // Of what is written the schema has said so already.
  if (missing.length > 0) return { diagnostics: written === undefined ? [lacks(builder, at)] : [] }
  const firmware: Firmware = blueprint.bake?.firmware ?? (architecture === 'arm64' ? 'uefi' : 'bios')
  const found = unfit(builder, at, architecture, firmware)
  const target = { kind: builder.base(options), architecture, firmware, at, region: options['region'] }
  const { base, diagnostics } = baseOf(plan, blueprint, target, lock)
  const all = [...found, ...diagnostics]
  if (base === undefined || hasErrors(all)) return { diagnostics: all }
  const machine = { architecture, firmware, base, name: imageName(plan, role, architecture) }
  return {
    planned: { role, builder, options, machine, user: userOf(base, builder, options) },
    diagnostics: all,
  }
}

function lacks({ name, required = [], options }: BuilderProvider, at: Path): Diagnostic {
  const example = (option: string) => {
    const field = options[option]
    const [value = '…'] = isObject(field) ? ((field['examples'] ?? []) as readonly string[]) : []
    return `${option}: ${JSON.stringify(value)}`
  }
  return error(
    'blueprint/missing-field',
    at,
    `bake.builders.${name} lacks ${required.join(', ')}`,
    `such as bake: { builders: { ${name}: { ${required.map(example).join(', ')} } } }`,
  )
}

function unfit(
  builder: BuilderProvider,
  at: Path,
  architecture: Architecture,
  firmware: Firmware,
): readonly Diagnostic[] {
  if (!builder.architectures.includes(architecture))
    return [
      error(
        'bake/architecture',
        at,
        `${builder.name} makes no machines with ${architecture}`,
        `it makes ${builder.architectures.join(' and ')}`,
      ),
    ]
  if (builder.firmware.length === 0) return []
  if (!builder.firmware.includes(firmware))
    return [
      error(
        'bake/firmware',
        ['bake', 'firmware'],
        `${builder.name} boots ${builder.firmware.join(' and ')} here, not ${firmware}`,
        'leave firmware out, or take another builder',
      ),
    ]
  if (architecture === 'arm64' && firmware === 'bios')
    return [error('bake/firmware', ['bake', 'firmware'], 'arm64 has no BIOS', 'firmware: uefi')]
  return []
}

interface Found {
  readonly base?: Base
  readonly diagnostics: readonly Diagnostic[]
}

interface BaseTarget {
  readonly kind: Base['kind']
  readonly architecture: Architecture
  readonly firmware: Firmware
  readonly at: Path
  /** Of an AMI. */
  readonly region: Json | undefined
}

function baseOf(plan: ClusterPlan, blueprint: Blueprint, target: BaseTarget, lock: Lock | undefined): Found {
  const { kind, architecture, firmware, at } = target
  if (kind === 'own') return { base: { kind }, diagnostics: [] }
  const os = choose<OsProvider>(registry.os, plan.os.provider)
  const isNamed = blueprint.bake?.builders?.[String(at.at(-1))] !== undefined
  const none: Found = {
    diagnostics: [nothing(plan, kind, architecture, isNamed ? at : ['os', 'release'])],
  }
  if (kind === 'cloud-image' || kind === 'installer') {
    const field = kind === 'installer' ? 'installers' : 'cloudImages'
    const { pinned, offered } = publishedBase(plan, blueprint, kind, architecture)
    const locked = lockedChecksum(lock, offered?.url ?? '')
    const file = pinned === undefined ? offered && publishedFile(offered, locked) : pinnedFile(pinned)
    if (file === undefined) return none
    const bootCommand = os.installer.bootCommand(firmware, architecture)
    return {
      base: kind === 'installer' ? { kind, ...file, bootCommand } : { kind, ...file },
      diagnostics:
        pinned === undefined && locked === undefined ? [notPinned(at, field, architecture, file.url)] : [],
    }
  }
  const ami = amiName(String(target.region), os.name, plan.os.release, architecture)
  const base = platformBase(os, plan.os.release, kind, architecture, lockedAmi(lock, ami))
  return base === undefined ? none : { base, diagnostics: [] }
}

function platformBase(
  os: OsProvider,
  release: string,
  kind: 'aws' | 'gcp' | 'azure',
  architecture: Architecture,
  image: string | undefined,
): Base | undefined {
  const { aws, gcp, azure } = os.baseImages[release] ?? {}
  const family = gcp?.family[architecture]
  const [offer, sku] = [azure?.offer[architecture], azure?.sku[architecture]]
  if (kind === 'aws') {
    const { owner, names } = os.amazonImages(release, architecture === 'arm64' ? 'arm64' : 'x86_64') ?? {
      owner: '',
      names: [],
    }
    return aws && names[0] ? { ...aws, kind, owner, name: names[0], image } : undefined
  }
  if (kind === 'gcp') return gcp && family ? { ...gcp, kind, family } : undefined
  return azure && offer && sku ? { kind, publisher: azure.publisher, offer, sku } : undefined
}

/** Without a lock Packer finds the file's own line in the list. */
function publishedFile({ url, checksums }: PublishedFile, locked: string | undefined) {
  return { url, checksum: locked ?? `file:${checksums}` }
}

function pinnedFile({ url, sha256 }: { readonly url: string; readonly sha256: string }) {
  return { url, checksum: `sha256:${sha256}` }
}

function notPinned(at: Path, field: string, architecture: Architecture, url: string): Diagnostic {
  return warning(
    'bake/unpinned',
    at,
    `nothing pins ${url}: the publisher replaces it, and its list of digests with it`,
    `gen lock pins it for builders under bake.builders; or write url and sha256 under bake.${field}.${architecture}`,
  )
}

const titles = {
  'cloud-image': 'cloud image that anybody may fetch',
  installer: 'installer at an address that stays',
  aws: 'AMI that we know of',
  gcp: 'image family that we know of in Google Cloud',
  azure: 'image that we know of in Azure',
} as const

function nothing(
  { os }: ClusterPlan,
  kind: Exclude<Base['kind'], 'own'>,
  architecture: Architecture,
  at: Path,
): Diagnostic {
  const field = { 'cloud-image': 'cloudImages', installer: 'installers', aws: '', gcp: '', azure: '' }[kind]
  return error(
    'bake/no-base-image',
    at,
    `${os.provider} ${os.release} has no ${titles[kind]} for ${architecture}`,
    field === ''
      ? 'take another release or distribution, or another builder'
      : `name one: bake: { ${field}: { ${architecture}: { url: …, sha256: … } } }`,
  )
}

/** The strictest is Google Cloud's: 63 of a-z, 0-9 and `-`, of which the time stamp takes 15. */
function imageName({ name, kubernetes }: ClusterPlan, role: Role, architecture: Architecture): string {
  const version = kubernetes.version.replaceAll('.', '-')
  const cluster = name.replace(/^[^a-z]+/, '').slice(0, 20)
  return [cluster.replace(/-+$/, '') || 'node', role, version, architecture].join('-')
}

function userOf(base: Base, { options: fields }: BuilderProvider, options: JsonObject): string {
  const field = fields['user']
  const own = options['user'] ?? (isObject(field) ? field['default'] : undefined)
  if (typeof own === 'string') return own
  if (base.kind === 'aws') return base.user
  // Machines that we seed or install let root in by key, so that there is no user to remove afterwards.
  return base.kind === 'gcp' || base.kind === 'azure' ? 'leaven' : 'root'
}
