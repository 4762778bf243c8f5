import { suggestion } from '../blueprint/schema.ts'
import { loadKubernetesTable } from '../effects/assets.effect.ts'
import { type KubernetesMinor, type KubernetesTable, knownMinors, lookupKubernetes } from '../facts/facts.ts'
import { type Command, flag, UsageError } from './command.ts'

export const factsCommand: Command = {
  name: 'facts',
  summary: 'show what we know about a Kubernetes version, with sources',
  usage: '[VERSION] [--json]',
  positionals: 1,
  options: { json: { type: 'boolean', description: 'everything, for programs' } },
  examples: [
    ['gen facts', 'the minors that we know'],
    ['gen facts 1.31.4', 'images, kubeadm API, what it can do, and who says so'],
  ],
  async run(invocation, io) {
    const table = loadKubernetesTable()
    const [version] = invocation.positionals
    const json = flag(invocation, 'json')
    if (version === undefined) {
      await io.stdout(json ? print(Object.values(table)) : minors(table))
      return 0
    }
    const found = lookupKubernetes(table, version)
    if (!found.ok)
      throw new UsageError(
        `we know nothing of Kubernetes ${version}`,
        suggestion(version.replace(/^v/, ''), found.known),
      )
    const { facts } = found
    const minor = table[facts.minor] as KubernetesMinor
    await io.stdout(json ? print({ ...facts, sources: minor.sources }) : describe(facts, minor))
    return 0
  },
}

function print(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`
}

/** One line a minor, oldest first. */
function minors(table: KubernetesTable): string {
  const rows = knownMinors(table).flatMap((name) => {
    const found = lookupKubernetes(table, name)
    if (!found.ok) return []
    const { facts } = found
    return [[facts.minor, facts.version, facts.kubeadmApi, facts.containerd.default, facts.endOfLife]]
  })
  return columns([['minor', 'newest patch', 'kubeadm API', 'containerd', 'end of life'], ...rows])
}

type Facts = Extract<ReturnType<typeof lookupKubernetes>, { ok: true }>['facts']

function describe(facts: Facts, { sources }: KubernetesMinor): string {
  const { images, containerd, controlPlane, supports } = facts
  const ranges = containerd.supported.map(({ from, below }) =>
    below === undefined ? `${from} and newer` : `${from} to below ${below}`,
  )
  const names = Object.entries(supports)
  const rows = [
    ['version', `${facts.version}${facts.beyondKnown ? ` (we know up to ${facts.latestKnownPatch})` : ''}`],
    ['end of life', facts.endOfLife],
    ['kubeadm API', facts.kubeadmApi],
    ['registry', images.registry],
    ['etcd', images.etcd],
    ['CoreDNS', `${images.coredns.path}:${images.coredns.tag}`],
    ['pause', images.pause],
    ['packages', facts.packages],
    ['containerd', `${containerd.default}; works with ${ranges.join(', ')}`],
    ['tools', `crictl ${facts.tools.crictl}, CNI plugins ${facts.tools.cniPlugins}`],
    ['labels', controlPlane.labels.join(', ')],
    ['taints', controlPlane.taints.join(', ')],
    ['kubeadm gates', facts.kubeadmGates.join(', ')],
    ['yes', listed(names, true)],
    ['no', listed(names, false)],
  ]
  const cited = sources.map(({ url, date, what }) => `  ${what}\n    ${url} (read ${date})\n`)
  return `${columns(rows)}\nsources:\n${cited.join('')}`
}

function listed(entries: readonly (readonly [string, boolean])[], wanted: boolean): string {
  return entries.flatMap(([name, value]) => (value === wanted ? [name] : [])).join(', ') || '-'
}

function columns(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  return rows
    .map(
      (row) =>
        `${row.map((cell, column) => cell.padEnd(column + 1 < row.length ? (widths[column] ?? 0) : 0)).join('  ')}\n`,
    )
    .join('')
}
