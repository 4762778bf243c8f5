import { join } from 'node:path'
import { planBundle } from '../bundle/plan.ts'
import { stoppable } from '../effects/interrupt.effect.ts'
import type { WantedImage } from '../images/list.ts'
import { formatPlatform, parsePlatform } from '../images/platform.ts'
import { compareLock } from '../lock/lock.ts'
import { wanted } from '../lock/wanted.ts'
import type { GroupPlan } from '../model/plan.ts'
import type { Role } from '../model/role.ts'
import { choose } from '../plan/cluster.ts'
import type { OsProvider } from '../providers/provider.ts'
import * as registry from '../registry.ts'
import { blueprintOptions, type Command, flag, type Io, text, UserError } from './command.ts'
import { readRole, roleOption, wantedImages } from './images-list.ts'
import { compileOrReport, type Ready } from './inputs.effect.ts'
import { lockName } from './lock-file.effect.ts'
import { openSource, registryOptions } from './registry-options.ts'

const { secrets: _, ...blueprintOnly } = blueprintOptions

export const bundle: Command = {
  name: 'bundle',
  summary: 'write all that nodes without a network install, as a folder or a tar file',
  usage: '[--role ROLE] [-o DIR|FILE.tar]',
  description:
    'Packages with everything that they depend on, release files, manifests, container images, the first-boot program and an installer, with checksums. Nothing in it is secret. Run again, it fetches only what changed; cut off, it goes on.',
  options: {
    ...blueprintOnly,
    ...registryOptions,
    role: { ...roleOption, default: 'every role, in one bundle' },
    base: {
      type: 'string',
      value: 'FILE',
      description:
        'what the nodes have installed already, a copy of their /var/lib/dpkg/status or /var/lib/rpm/rpmdb.sqlite: their packages stay out',
      default: 'nothing, so that every node will do',
    },
    output: {
      type: 'string',
      short: 'o',
      value: 'DIR|FILE.tar',
      description: 'where to',
      default: 'out/<cluster>/bundle',
    },
    json: {
      type: 'boolean',
      description: 'progress as events on standard error, the result on standard output',
    },
  },
  examples: [
    ['gen bundle -o /media/usb/prod', 'then, on each machine: sh /media/usb/prod/install.sh --role worker'],
    ['gen bundle --role worker -o worker.tar', 'for airgap.bundle.url; the checksum is printed'],
  ],
  async run(invocation, io) {
    const role = readRole(invocation)
    const ready = await compileOrReport(invocation, io, { withSecrets: false })
    if (ready === undefined) return 1
    const groups = groupsOf(role, ready)
    checkLock(ready)
    say(ready, io)
    const at = (path: string) => (path.startsWith('/') ? path : join(io.cwd, path))
    const shown = text(invocation, 'output') ?? join('out', ready.plan.name, 'bundle')
    const base = text(invocation, 'base')
    const { writeBundle } = await import('./write-bundle.effect.ts')
    const source = await openSource(invocation, io, (note) => io.stderr(`gen: ${note}\n`), ready.plan)
    const making = stoppable(async (signal) => {
      const images = await wantedImages({ groups }, undefined, io, signal)
      const named = new Map(groups.map((group) => [group, namesOf(group, images)] as const))
      const { plan, lock } = ready
      const os = choose<OsProvider>(registry.os, plan.os.provider)
      await writeBundle(
        {
          lock,
          bundle: planBundle({
            plan,
            groups,
            images: named,
            lock,
            os: { id: os.id, repositories: os.baseRepositories?.(plan) ?? [] },
          }),
          source,
          output: at(shown),
          shown,
          base: base === undefined ? undefined : at(base),
          json: flag(invocation, 'json'),
        },
        io,
        signal,
      )
      return 0 as const
    })
    return making.finally(source.close)
  },
}

function namesOf({ name }: GroupPlan, images: readonly WantedImage[]): readonly string[] {
  return images.filter(({ groups }) => groups.includes(name)).map(({ reference }) => reference)
}

function groupsOf(role: Role | undefined, { groups }: Ready): Ready['groups'] {
  const found = groups.filter((group) => role === undefined || group.role === role)
  if (found.length > 0) return found
  throw new UserError(`the blueprint declares no ${role}`, `add a node or a pool with the role ${role}`)
}

/** A bundle is made once for many nodes: what it is made of must not be a matter of the day. */
function checkLock({ lock, plan, groups }: Ready): void {
  if (lock === undefined) return
  const platform = parsePlatform(`linux/${plan.os.options['architecture'] ?? 'amd64'}`)
  const platforms = 'platform' in platform ? [formatPlatform(platform.platform)] : []
  const [first, ...more] = compareLock(lock, wanted(groups), platforms)
  if (first === undefined) return
  throw new UserError(
    `${lockName(plan.name)} and the blueprint disagree: ${first.name}: ${first.what}${more.length > 0 ? `, and ${more.length} more` : ''}`,
    'gen lock --check lists everything, gen lock mends it',
  )
}

function say({ lock, plan }: Ready, io: Pick<Io, 'stderr'>): void {
  if (lock === undefined)
    io.stderr('gen: there is no lock: tags are taken for what they are today; gen lock pins them\n')
  if (!plan.airgapped)
    io.stderr(
      'gen: warning: airgap.enabled is not set: first boot will not look for a bundle, only install.sh uses it\n',
    )
  else if (plan.bootstrap.prebaked)
    io.stderr(
      'gen: bootstrap.prebaked: packages and release files are in the machine image, not in the bundle\n',
    )
}
