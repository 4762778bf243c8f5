/** What the pod networks decide, as tables. */
import { describe, expect, test } from 'vitest'
import calicoFacts from '../generators/providers/cni/calico/facts.json' with { type: 'json' }
import flannelFacts from '../generators/providers/cni/flannel/facts.json' with { type: 'json' }
import { fileAt, kubernetes, tableOf } from './support/compiled.ts'
import { compiled, worker } from './support/small-cluster.ts'

describe('releases of pod networks', () => {
  test.each([
    ['calico', calicoFacts.releases],
    ['flannel', flannelFacts.releases],
  ])('%s: every minor that we know has exactly one', (_, releases) => {
    const minors = releases.flatMap((release) => release.kubernetes).sort()
    expect(minors).toEqual(Object.keys(kubernetes).sort())
  })

  test.each(
    [...calicoFacts.releases, ...flannelFacts.releases].map((release) => [release.version, release] as const),
  )('%s has a manifest on the net and whole image references', (version, { manifests, images }) => {
    expect(new URL(manifests).protocol).toBe('https:')
    if (!manifests.includes('/archive/')) expect(manifests).toContain(`/v${version}`)
    for (const image of images) expect(image).toMatch(/^[a-z.]+(\/[a-z0-9-]+)+:v[0-9][a-z0-9.-]+$/)
  })
})

describe('calico', () => {
  test.each([
    ['vxlan', 'calico-vxlan.yaml', ['udp 4789'], 'vxlan'],
    ['ipip', 'calico.yaml', ['ipip -', 'tcp 179'], 'ipip'],
    ['bgp', 'calico.yaml', ['tcp 179'], undefined],
  ])('backend %s', async (backend, file, ports, module) => {
    const { group } = await compiled({ cni: { provider: 'calico', backend }, workers: [worker(1)] })
    const { addons } = group('control-plane')
    expect(addons[0]?.manifest?.url).toBe(
      `https://raw.githubusercontent.com/projectcalico/calico/v3.29.1/manifests/${file}`,
    )
    for (const name of ['control-plane', 'workers']) {
      const found = group(name)
        .ports.filter(({ purpose }) => purpose.startsWith('Calico'))
        .map(({ protocol, port }) => `${protocol} ${port}`)
      expect(found.sort()).toEqual(ports)
      if (module) expect(group(name).modules).toContain(module)
      expect(group(name).images.map(({ reference }) => reference)).toContain('docker.io/calico/node:v3.29.1')
    }
  })

  test('a mirror of manifest and images', async () => {
    const manifest = { url: 'https://mirror.example.com/calico.yaml', sha256: 'a'.repeat(64) }
    const { group } = await compiled({
      cni: { provider: 'calico', manifest, imageRepository: 'registry.example.com/calico' },
    })
    expect(group('control-plane').addons[0]?.manifest).toEqual({ ...manifest, file: 'calico-vxlan.yaml' })
    expect(group('control-plane').images.map(({ reference }) => reference)).toContain(
      'registry.example.com/calico/node:v3.29.1',
    )
  })
})

describe('bridge', () => {
  test('the nth node gets the nth /24, in declared order, and everybody knows the way', async () => {
    const { text } = await compiled({
      cni: { provider: 'bridge', mtu: 1400 },
      network: { podSubnet: '10.128.3.0/18' },
      masters: 1,
      workers: [worker(1), worker(2)],
    })
    for (const group of ['control-plane', 'workers'])
      expect(fileAt(text(group), '/etc/leaven/pod-routes')).toBe(
        '10.128.0.0/24 172.31.253.61\n10.128.1.0/24 172.31.253.81\n10.128.2.0/24 172.31.253.82\n',
      )
    expect(tableOf(text('workers'), 'nodes').map((row) => row.at(-1))).toEqual([
      '10.128.0.0/24',
      '10.128.1.0/24',
      '10.128.2.0/24',
    ])
    expect(JSON.parse(fileAt(text('workers'), '/etc/leaven/cni/10-leaven.conflist'))).toMatchObject({
      plugins: [
        { type: 'bridge', mtu: 1400, ipam: { ranges: [[{ subnet: '@POD_CIDR@' }]] } },
        { type: 'portmap' },
      ],
    })
    expect(fileAt(text('control-plane'), '/etc/leaven/kubeadm/init.yaml')).toMatch(
      /allocate-node-cidrs"?\n? *(value)?: "?false/,
    )
  })
})
