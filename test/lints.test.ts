/** What lints draw the line at, and that every warning can be allowed with a reason. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { explanations } from '../generators/explanations.ts'
import type { JsonObject } from '../generators/model/json.ts'
import { mergePatch } from '../generators/model/json.ts'
import { compileText } from './support/compiled.ts'

const base: JsonObject = {
  kubernetes: { version: '1.31.4' },
  endpoint: { address: '172.31.253.60' },
  nodes: [{ name: 'm1', role: 'control-plane', address: '172.31.253.61' }],
}

function found(patch: JsonObject): readonly string[] {
  const { diagnostics } = compileText(JSON.stringify(mergePatch(base, patch)))
  return diagnostics.map(({ code }) => code)
}

test('the base is clean', () => expect(found({})).toEqual([]))

describe('allowing', () => {
  const warnings = Object.entries(explanations).filter(
    ([code, { severity, example }]) =>
      severity !== 'error' &&
      example !== undefined &&
      !['blueprint/unknown-code', 'blueprint/unused-allow'].includes(code),
  )

  test.each(warnings)('%s', (code) => {
    const text = readFileSync(
      join(import.meta.dirname, 'diagnostics', `${code.replace('/', '.')}.yaml`),
      'utf8',
    )
    expect(compileText(text).diagnostics.map((entry) => entry.code)).toContain(code)
    const allowed = compileText(
      `${text}lint:\n  allow:\n    - { code: ${code}, reason: a test }\n`,
    ).diagnostics
    expect(allowed.map((entry) => entry.code)).not.toContain(code)
    expect(allowed.map((entry) => entry.code)).not.toContain('blueprint/unused-allow')
  })

  const two = {
    nodes: [base['nodes'], { name: 'm2', role: 'master', address: '172.31.253.62' }].flat(),
  } as JsonObject

  test('an error is refused, and stays', () => {
    const allow = [{ code: 'stacked/two-members', reason: 'I know what I do' }]
    expect(found({ ...two, lint: { allow } })).toEqual(['stacked/two-members', 'blueprint/allowed-error'])
  })

  test('needs a reason', () => {
    expect(found({ lint: { allow: [{ code: 'os/updates-ended' }] } })).toEqual(['blueprint/missing-field'])
    expect(found({ lint: { allow: [{ code: 'os/updates-ended', reason: '' }] } })).toEqual([
      'blueprint/bad-value',
    ])
  })

  test('what is not found is not called unused while not everything was looked at', () => {
    const lint = { allow: [{ code: 'stacked/even-members', reason: 'a test' }] }
    expect(found({ lint, kubernetes: { version: '9.99' } })).toEqual(['blueprint/unknown-kubernetes'])
    expect(found({ lint })).toEqual(['blueprint/unused-allow'])
  })
})

describe('sizes of control planes', () => {
  const sized = (cpus: number, memoryGiB: number, more: number): readonly string[] =>
    found({
      nodes: [{ ...(base['nodes'] as JsonObject[])[0], resources: { cpus, memoryGiB } }],
      pools: [{ name: 'pool', maxNodes: more }],
    })

  test.each([
    [4, 8, 4, []],
    [4, 8, 5, ['blueprint/control-plane-too-small']],
    [4, 16, 19, []],
    [4, 16, 20, ['blueprint/control-plane-too-small']],
    [8, 32, 99, []],
    [8, 32, 100, ['blueprint/control-plane-too-small']],
    [16, 64, 199, []],
    [16, 64, 200, ['blueprint/control-plane-too-small']],
    [32, 128, 5000, []],
    [2, 4, 0, ['blueprint/control-plane-too-small']],
    [1, 8, 0, ['blueprint/below-kubeadm-minimum']],
    [4, 1.5, 0, ['blueprint/below-kubeadm-minimum']],
  ])('%d CPUs and %d GiB with %d more nodes', (cpus, memoryGiB, more, expected) => {
    expect(sized(cpus, memoryGiB, more)).toEqual(expected)
  })

  test('kubeadm’s minimum gives way to ignorePreflight, and workers may be small', () => {
    const resources = { cpus: 1, memoryGiB: 1 }
    const [m1] = base['nodes'] as JsonObject[]
    const tiny = { nodes: [{ ...m1, resources }] }
    expect(found({ ...tiny, bootstrap: { ignorePreflight: ['NumCPU', 'Mem'] } })).toEqual([
      'blueprint/control-plane-too-small',
    ])
    expect(found({ ...tiny, bootstrap: { ignorePreflight: ['NumCPU'] } })).toEqual([
      'blueprint/below-kubeadm-minimum',
    ])
    expect(found({ nodes: [m1 as JsonObject, { name: 'w1', role: 'worker', resources }] })).toEqual([])
  })
})

describe('DHCP ranges', () => {
  test.each([
    ['172.31.253.100-172.31.253.199', []],
    ['172.31.253.1-172.31.253.59', []],
    ['172.31.253.1-172.31.253.60', ['blueprint/address-in-dhcp-range']],
    ['172.31.253.61 - 172.31.253.61', ['blueprint/address-in-dhcp-range']],
    ['172.31.252.1-172.31.254.1', ['blueprint/address-in-dhcp-range', 'blueprint/address-in-dhcp-range']],
    ['fd00::1-fd00::ff', []],
    ['172.31.253.199-172.31.253.100', ['blueprint/bad-range']],
    ['172.31.253.1-fd00::1', ['blueprint/bad-range']],
    ['172.31.253.1-172.31.253', ['blueprint/bad-range']],
    ['172.31.253.0/24', ['blueprint/bad-value']],
  ])('%s', (dhcpRange, expected) => expect(found({ network: { dhcpRange } })).toEqual(expected))

  test('an endpoint that is not ours to move is not looked at', () => {
    const endpoint = { provider: 'external', address: '172.31.253.150' }
    expect(found({ endpoint, network: { dhcpRange: '172.31.253.100-172.31.253.199' } })).toEqual([])
  })
})

describe('tags that move, offline', () => {
  const file = (content: string): JsonObject => ({
    airgap: { enabled: true },
    files: [{ path: '/etc/kubernetes/manifests/x.yaml', content }],
  })

  test.each([
    ['image: nginx', 1],
    ['image: nginx:latest', 1],
    ['image: registry.internal:5000/a/nginx', 1],
    ['  - image: "registry.internal:5000/a/nginx:latest"', 1],
    ['image: nginx:1.29', 0],
    ['image: registry.internal:5000/a/nginx:1.29', 0],
    [`image: nginx@sha256:${'0'.repeat(64)}`, 0],
    [`image: nginx:latest@sha256:${'0'.repeat(64)}`, 0],
    ['imagePullPolicy: Always', 0],
    ['spec: { containers: [{ name: a, image: nginx }, { image: b:1, name: b }] }', 1],
    ['image: a\nimage: b:1\nimage: c:latest', 2],
  ])('%s', (content, count) => {
    expect(found(file(content))).toEqual(Array(count).fill('blueprint/moving-tag-offline'))
    expect(found({ ...file(content), airgap: { enabled: false } })).toEqual([])
  })
})

describe('labels that the kubelet refuses', () => {
  test.each([
    ['node-role.kubernetes.io/gpu', true],
    ['kubernetes.io/anything', true],
    ['x.k8s.io/anything', true],
    ['kubernetes.io/os', false],
    ['topology.kubernetes.io/zone', false],
    ['node.kubernetes.io/anything', false],
    ['kubelet.kubernetes.io/anything', false],
    ['example.com/gpu', false],
    ['gpu', false],
  ])('%s', (key, refused) => {
    const expected = refused ? ['blueprint/restricted-label'] : []
    const worker = { name: 'w1', role: 'worker', labels: { [key]: 'a' } }
    expect(found({ nodes: [base['nodes'], worker].flat() as JsonObject[] })).toEqual(expected)
    expect(found({ pools: [{ name: 'gpu', labels: { [key]: 'a' } }] })).toEqual(expected)
  })
})

describe('fields of overrides', () => {
  test.each<readonly [override: JsonObject, version: string, expected: readonly string[]]>([
    [{ kubeadm: { certificatesDir: '/etc/pki' } }, '1.31.4', []],
    [{ kubeadm: { useHyperKubeImage: true } }, '1.20.15', []],
    [{ kubeadm: { useHyperKubeImage: true } }, '1.31.4', ['blueprint/unknown-override']],
    [{ kubeadm: { encryptionAlgorithm: 'RSA-4096' } }, '1.31.4', []],
    [{ kubeadm: { encryptionAlgorithm: 'RSA-4096' } }, '1.25.16', ['blueprint/unknown-override']],
    [{ kubelet: { maxPods: 200, imageGCHighThresholdPercent: 70 } }, '1.31.4', []],
    [{ kubelet: { maxpods: 200 } }, '1.31.4', ['blueprint/unknown-override']],
    [{ kubeProxy: { conntrack: { maxPerCore: 0 } } }, '1.31.4', []],
    [{ kubeProxy: { contrack: {} } }, '1.31.4', ['blueprint/unknown-override']],
    [{ containerd: { oom_score: -999 } }, '1.31.4', []],
    [{ containerd: { oomScore: -999 } }, '1.31.4', ['blueprint/unknown-override']],
    [{ cloudConfig: { timezone: 'Asia/Shanghai', bootcmd: [['true']] } }, '1.31.4', []],
    [{ cloudConfig: { timeZone: 'Asia/Shanghai' } }, '1.31.4', ['blueprint/unknown-override']],
  ])('%j on %s', (overrides, version, expected) => {
    expect(found({ kubernetes: { version }, overrides })).toEqual(expected)
  })
})

test.each([
  ['1.21.14', 'IPv6DualStack', []],
  ['1.31.4', 'IPv6DualStack', ['blueprint/unknown-feature-gate']],
  ['1.31.4', 'ControlPlaneKubeletLocalMode', []],
  ['1.36.0', 'ControlPlaneKubeletLocalMode', ['blueprint/unknown-feature-gate']],
  ['1.31.4', 'RootlesControlPlane', ['blueprint/unknown-feature-gate']],
])('kubeadm %s with the gate %s', (version, gate, expected) => {
  expect(found({ kubernetes: { version, featureGates: { [gate]: true } } })).toEqual(expected)
})
