import { readdirSync, readFileSync } from 'node:fs'
import { Ajv } from 'ajv'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { containerdFits, lookupContainerd } from '../generators/facts/containerd.ts'
import {
  type KubernetesFacts,
  type KubernetesMinor,
  type KubernetesSupports,
  type KubernetesTable,
  knownMinors,
  lookupKubernetes,
} from '../generators/facts/facts.ts'
import { defaultKubeVipVersion, lookupKubeVip } from '../generators/facts/kube-vip.ts'
import { compareVersions, inRange } from '../generators/facts/version.ts'

const folder = new URL('../generators/facts/', import.meta.url)
const files = readdirSync(new URL('kubernetes/', folder))
const read = (path: string) => JSON.parse(readFileSync(new URL(path, folder), 'utf8'))
const table: KubernetesTable = Object.fromEntries(
  files.map((file) => [file.replace(/\.json$/, ''), read(`kubernetes/${file}`)]),
)
const minors = knownMinors(table)

function factsOf(version: string): KubernetesFacts {
  const found = lookupKubernetes(table, version)
  if (!found.ok) throw new Error(`${version}: ${found.problem}`)
  return found.facts
}

describe('the files', () => {
  const valid = new Ajv({ allErrors: true }).compile(read('facts.schema.json'))

  test.each(files)('%s follows the schema and is named after its minor', (file) => {
    const minor: KubernetesMinor = read(`kubernetes/${file}`)
    expect(valid(minor), JSON.stringify(valid.errors)).toBe(true)
    expect(file).toBe(`${minor.minor}.json`)
  })

  test.each([
    ['an unknown capability', { supports: { ...table['1.31']?.supports, telepathy: true } }],
    ['a capability left out', { supports: {} }],
    [
      'a source that is not public',
      { sources: [{ url: 'http://localhost/x', date: '2026-11-21', what: 'x' }] },
    ],
    ['an etcd tag without revision', { patches: [{ ...table['1.31']?.patches[0], etcd: '3.5.15' }] }],
  ])('the schema refuses %s', (_what, change) => {
    expect(valid({ ...table['1.31'], ...change })).toBe(false)
  })

  test('minors follow each other from 1.18 on', () => {
    expect(minors[0]).toBe('1.18')
    expect(minors).toEqual(minors.map((_, index) => `1.${18 + index}`))
  })

  test.each(minors)('patch ranges of %s cover 0 to the latest without gap or overlap', (name) => {
    let next = 0
    for (const { from, to } of table[name]?.patches ?? []) {
      expect(from).toBe(next)
      expect(to).toBeGreaterThanOrEqual(from)
      next = to + 1
    }
    expect(next).toBeGreaterThan(0)
  })

  test('every capability changes at most once over the minors, what came and went twice', () => {
    const names = Object.keys(factsOf('1.31').supports) as (keyof KubernetesSupports)[]
    for (const name of names) {
      const values = minors.map((minor) => table[minor]?.supports[name])
      const changes = values.filter((value, index) => index > 0 && value !== values[index - 1]).length
      expect(changes, name).toBe(['localModeGate', 'etcdStorageRequest'].includes(name) ? 2 : 1)
    }
  })

  test('gates and capabilities tell the same story', () => {
    for (const { kubeadmGates, supports } of Object.values(table)) {
      expect(kubeadmGates.includes('ControlPlaneKubeletLocalMode')).toBe(supports.localModeGate)
    }
  })
})

describe('lookupKubernetes', () => {
  test.each([
    // version, what is found, kubeadm API, etcd, registry
    ['1.18.0', '1.18.0', 'v1beta2', '3.4.3-0', 'k8s.gcr.io'],
    ['1.19.0', '1.19.0', 'v1beta2', '3.4.9-1', 'k8s.gcr.io'],
    ['1.19.1', '1.19.1', 'v1beta2', '3.4.13-0', 'k8s.gcr.io'],
    ['1.21.14', '1.21.14', 'v1beta2', '3.4.13-0', 'k8s.gcr.io'],
    ['1.22.16', '1.22.16', 'v1beta3', '3.5.0-0', 'k8s.gcr.io'],
    ['1.22.17', '1.22.17', 'v1beta3', '3.5.6-0', 'registry.k8s.io'],
    ['1.23.14', '1.23.14', 'v1beta3', '3.5.5-0', 'k8s.gcr.io'],
    ['1.23.15', '1.23.15', 'v1beta3', '3.5.6-0', 'registry.k8s.io'],
    ['1.30.14', '1.30.14', 'v1beta3', '3.5.15-0', 'registry.k8s.io'],
    ['1.31.4', '1.31.4', 'v1beta4', '3.5.15-0', 'registry.k8s.io'],
    ['v1.31.4', '1.31.4', 'v1beta4', '3.5.15-0', 'registry.k8s.io'],
    ['1.31.14', '1.31.14', 'v1beta4', '3.5.24-0', 'registry.k8s.io'],
    ['1.31', '1.31.14', 'v1beta4', '3.5.24-0', 'registry.k8s.io'],
    ['1.34.1', '1.34.1', 'v1beta4', '3.6.4-0', 'registry.k8s.io'],
    ['1.34.2', '1.34.2', 'v1beta4', '3.6.5-0', 'registry.k8s.io'],
    ['1.36.3', '1.36.3', 'v1beta4', '3.6.8-0', 'registry.k8s.io'],
    ['1.37.0', '1.37.0', 'v1beta4', '3.7.0-0', 'registry.k8s.io'],
  ])('%s is %s: %s, etcd %s from %s', (version, exact, api, etcd, registry) => {
    const facts = factsOf(version)
    expect(facts).toMatchObject({ version: exact, kubeadmApi: api, beyondKnown: false })
    expect(facts.images).toMatchObject({ etcd, registry })
  })

  test.each([
    ['1.17.17', 'too-old'],
    ['0.9.0', 'too-old'],
    ['1.2.3', 'too-old'],
    ['1.99.0', 'too-new'],
    ['1.100', 'too-new'],
    ['2.0.0', 'too-new'],
    ['1.31.0-rc.1', 'prerelease'],
    ['1.36.0-alpha.1', 'prerelease'],
    ['1.31.4+k3s1', 'prerelease'],
    ['', 'malformed'],
    ['1', 'malformed'],
    ['latest', 'malformed'],
    ['1.31.', 'malformed'],
    ['1.31.x', 'malformed'],
    ['1.31.4.1', 'malformed'],
    ['01.31.4', 'malformed'],
    ['1.031.4', 'malformed'],
    [' 1.31.4', 'malformed'],
    ['1.31.4\n', 'malformed'],
    ['v v1.31.4', 'malformed'],
    ['1.31.99999', 'malformed'],
    ['__proto__', 'malformed'],
  ])('%j is refused: %s', (version, problem) => {
    expect(lookupKubernetes(table, version)).toEqual({ ok: false, problem, known: minors })
  })

  test('a hole in the table is neither old nor new', () => {
    const { '1.25': _, ...holed } = table
    expect(lookupKubernetes(holed, '1.25.3')).toMatchObject({ ok: false, problem: 'unknown' })
    expect(lookupKubernetes({}, '1.25.3')).toEqual({ ok: false, problem: 'unknown', known: [] })
  })

  test('a patch newer than known takes the latest images and says so', () => {
    const [facts, latest] = [factsOf('1.31.99'), factsOf('1.31')]
    expect(facts).toMatchObject({ version: '1.31.99', patch: 99, beyondKnown: true, patchChosen: false })
    expect(facts.images).toEqual(latest.images)
    expect(latest).toMatchObject({ patch: 14, latestKnownPatch: 14, beyondKnown: false, patchChosen: true })
  })

  test('CoreDNS moved below its own path and grew a v at 1.21', () => {
    expect(factsOf('1.20.15').images.coredns).toEqual({ path: 'coredns', tag: '1.7.0' })
    expect(factsOf('1.21.0').images.coredns).toEqual({ path: 'coredns/coredns', tag: 'v1.8.0' })
  })

  test('only what is decided is handed on', () => {
    expect(Object.keys(factsOf('1.31.4'))).not.toEqual(
      expect.arrayContaining([expect.stringMatching(/^(\$schema|sources|patches|corednsPath)$/)]),
    )
  })

  test('any patch of any minor has facts of its own minor', () => {
    fc.assert(
      fc.property(fc.constantFrom(...minors), fc.nat(9999), (minor, patch) => {
        const facts = factsOf(`${minor}.${patch}`)
        expect(facts.version).toBe(`${minor}.${patch}`)
        expect(facts.beyondKnown).toBe(patch > facts.latestKnownPatch)
      }),
    )
  })
})

describe('containerd', () => {
  test.each([
    ['1.4.13', 2, 'inline'],
    ['1.6.36', 2, 'certs.d'],
    ['1.7', 2, 'certs.d'],
    ['v1.7.28', 2, 'certs.d'],
    ['2.0.14', 3, 'certs.d'],
    ['2.3.7', 3, 'certs.d'],
    ['2.4.2', 3, 'certs.d'],
  ])('%s has config version %i and mirrors in %s', (version, configVersion, mirrors) => {
    expect(lookupContainerd(version)).toMatchObject({ configVersion, mirrors })
  })

  test.each(['', '1', '1.2.13', '3.0.0', '1.7.28-1', 'latest'])('%j is not known', (version) => {
    expect(lookupContainerd(version)).toBeUndefined()
  })

  test.each([
    ['1.22.17', '2.0.14', 'impossible'],
    ['1.23.17', '2.0.14', 'untested'],
    ['1.25.16', '1.5.8', 'untested'],
    ['1.26.0', '1.5.8', 'impossible'],
    ['1.31.4', '1.7.19', 'untested'],
    ['1.31.4', '1.7.20', 'recommended'],
    ['1.31.4', '1.7', 'recommended'],
    ['1.34.0', '2.1.2', 'untested'],
    ['1.36.0', '1.7.28', 'untested'],
    ['1.36.0', '2.2.0', 'recommended'],
  ])('Kubernetes %s with %s is %s', (kubernetes, version, fit) => {
    const containerd = lookupContainerd(version)
    expect(containerd && containerdFits(factsOf(kubernetes), containerd)).toBe(fit)
  })

  test.each(minors)('the default of %s is one that containerd recommends', (minor) => {
    const facts = factsOf(minor)
    const containerd = lookupContainerd(facts.containerd.default)
    expect(containerd && containerdFits(facts, containerd)).toBe('recommended')
  })
})

describe('kube-vip', () => {
  test.each([
    ['0.6.4', 'vip_cidr', false, false],
    ['0.7.2', 'vip_cidr', false, false],
    ['0.8.9', 'vip_cidr', true, false],
    ['0.9.0', 'vip_subnet', true, false],
    ['1.2.1', 'vip_subnet', true, false],
    ['v1.2.3', 'vip_subnet', true, true],
  ])('%s sets %s, kubernetes_addr %s, k8s_config_file %s', (version, variable, address, file) => {
    const facts = lookupKubeVip(version)
    expect(facts?.subnetVariable).toBe(variable)
    expect(facts?.supports).toMatchObject({ kubernetesAddress: address, configFile: file })
    expect(facts?.image).toBe(`ghcr.io/kube-vip/kube-vip:v${version.replace('v', '')}`)
  })

  test.each(['', '0.5.12', '1.0', '2.0.0', 'latest', '1.0.3-rc1'])('%j is not known', (version) => {
    expect(lookupKubeVip(version)).toBeUndefined()
  })

  test('faults of single versions', () => {
    expect(lookupKubeVip('1.2.2')?.defect?.refuse).toBe(true)
    expect(lookupKubeVip('0.8.1')?.defect?.refuse).toBe(false)
    expect(lookupKubeVip(defaultKubeVipVersion)).toMatchObject({ defect: undefined, beyondKnown: false })
    expect(lookupKubeVip('1.9.0')?.beyondKnown).toBe(true)
  })
})

describe('versions', () => {
  const version = fc.tuple(fc.nat(99), fc.nat(99), fc.nat(99))

  test('are compared as numbers, part by part', () => {
    fc.assert(
      fc.property(version, version, (one, other) => {
        const weigh = ([major, minor, patch]: number[]) =>
          (major ?? 0) * 10_000 + (minor ?? 0) * 100 + (patch ?? 0)
        const expected = Math.sign(weigh(one) - weigh(other))
        expect(Math.sign(compareVersions(one.join('.'), other.join('.')))).toBe(expected)
      }),
    )
  })

  test('a range holds its start and not its end', () => {
    const range = { from: '1.6.4', below: '2.0.0' }
    const inside = ['1.6.3', '1.6.4', '1.10.0', '2.0.0'].map((each) => inRange(each, range))
    expect(inside).toEqual([false, true, true, false])
    expect(inRange('9.9.9', { from: '2.0.0' })).toBe(true)
  })
})
