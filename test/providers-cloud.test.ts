import { readdirSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import type { JsonObject } from '../generators/model/json.ts'
import { cloud, os, runtime } from '../generators/registry.ts'
import { renderMetaData } from '../generators/render/seed.ts'
import { codes, planOf } from './support/contributed.ts'

describe('clouds', () => {
  test.each([
    ['aws', 16_384, 'raw', 'gzip', false],
    ['azure', 65_535, 'raw', 'gzip+base64', false],
    ['digitalocean', 65_536, 'raw', undefined, false],
    ['gcp', 262_144, 'raw', 'gzip+base64', false],
    ['hetzner', 32_768, 'raw', 'gzip+base64', false],
    ['kubevirt', 1_048_576, 'raw', undefined, true],
    ['metal', undefined, 'raw', 'gzip', true],
    ['nocloud', undefined, 'raw', 'gzip', true],
    ['openstack', 65_535, 'base64', 'gzip', true],
    ['proxmox', undefined, 'raw', undefined, true],
    ['vsphere', 65_536, 'raw', 'gzip+base64', true],
  ] as const)('%s takes %s bytes (%s), smallest as %s; ARP: %s', (name, limit, measured, smallest, arp) => {
    const found = cloud.find((entry) => entry.name === name)
    expect(found).toMatchObject({ measured, arp })
    expect(found?.userDataLimit).toBe(limit)
    expect(found?.encodings.find((encoding) => encoding.startsWith('gzip'))).toBe(smallest)
    expect(found?.source).toMatch(/^https:/)
  })

  const aws = { cloud: { provider: 'aws' }, endpoint: { provider: 'external' } }
  test.each([
    [{}, []],
    [aws, ['info aws/node-name']],
    [{ ...aws, bootstrap: { blockMetadata: false } }, ['warning cloud/metadata-open', 'info aws/node-name']],
    [
      {
        ...aws,
        nodes: [
          { name: 'ip-10-0-0-61.eu-west-1.compute.internal', role: 'master' },
          { name: 'i-0123456789abcdef0.us-west-2.compute.internal', role: 'worker' },
        ],
      },
      [],
    ],
    [{ cloud: { provider: 'azure' } }, ['warning azure/secrets-in-custom-data']],
    [{ cloud: { provider: 'gcp' } }, []],
    [{ cloud: { provider: 'openstack' } }, ['warning openstack/allowed-address-pairs']],
    [{ cloud: { provider: 'openstack' }, endpoint: { provider: 'external' } }, []],
    [{ cloud: { provider: 'vsphere' } }, ['info vsphere/encoding-key']],
    // w1 has neither address nor mac.
    [{ cloud: { provider: 'proxmox' } }, ['warning proxmox/no-identity']],
    [
      { cloud: { provider: 'proxmox' }, nodes: [{ name: 'm1', role: 'master', mac: '52:54:00:00:00:01' }] },
      [],
    ],
    [{ cloud: { provider: 'kubevirt' } }, ['warning kubevirt/vip-needs-bridge']],
    [
      { cloud: { provider: 'hetzner' }, bootstrap: { blockMetadata: false } },
      ['warning cloud/metadata-open'],
    ],
  ] as [JsonObject, string[]][])('rules: %j', (patch, expected) => {
    expect(codes('cloud', patch)).toEqual(expected)
  })
})

test('vSphere clears the guestinfo key as soon as cloud-init has read it', () => {
  const metaData = (provider: string) => {
    const plan = planOf({ cloud: { provider } })
    const [node] = plan.nodes
    return node === undefined ? undefined : parse(renderMetaData(plan, node))
  }
  expect(metaData('vsphere')).toEqual({
    'instance-id': 'prod-m1',
    'local-hostname': 'm1',
    redact: ['userdata'],
  })
  expect(metaData('nocloud')).toEqual({ 'instance-id': 'prod-m1', 'local-hostname': 'm1' })
})

describe('options', () => {
  const providers = [...os, ...runtime, ...cloud]

  test('say what they are, what they default to, and how they look', () => {
    const shown = providers.flatMap(({ name, options }) =>
      Object.entries(options).map(([key, schema]) => [`${name}.${key}`, schema as JsonObject] as const),
    )
    expect(shown.length).toBeGreaterThan(10)
    for (const [key, schema] of shown) {
      expect([key, Object.keys(schema)]).toEqual([
        key,
        expect.arrayContaining(['description', 'type', 'default', 'examples']),
      ])
      expect([key, String(schema['description']).endsWith('.')]).toEqual([key, true])
    }
  })

  test('folders and registry are the same', () => {
    for (const [axis, variants] of Object.entries({ os, runtime, cloud })) {
      const folders = readdirSync(new URL(`../generators/providers/${axis}/`, import.meta.url), {
        withFileTypes: true,
      })
      const names = variants.map(({ name }) => name)
      expect(folders.flatMap((entry) => (entry.isDirectory() ? [entry.name] : [])).sort()).toEqual(
        names.toSorted(),
      )
    }
  })
})
