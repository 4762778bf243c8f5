/** Names, platforms and manifests of images: the pure part. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isForeignLayer, maxManifestBytes, mediaTypes, parseManifest } from '../generators/images/manifest.ts'
import {
  entriesFor,
  formatPlatform,
  offered,
  parsePlatform,
  platformOf,
  runsOn,
} from '../generators/images/platform.ts'
import {
  familiarName,
  formatReference,
  parseReference,
  repositoryName,
  withDigest,
} from '../generators/images/reference.ts'

const hex = 'a'.repeat(64)
const bytes = (value: unknown) => Buffer.from(JSON.stringify(value))

describe('references', () => {
  const full = (text: string) => {
    const read = parseReference(text)
    return 'reference' in read ? formatReference(read.reference) : read
  }
  test.each([
    ['nginx', 'docker.io/library/nginx:latest'],
    ['nginx:1.27', 'docker.io/library/nginx:1.27'],
    ['library/nginx:1.27', 'docker.io/library/nginx:1.27'],
    ['docker.io/nginx:1', 'docker.io/library/nginx:1'],
    ['index.docker.io/library/nginx:1', 'docker.io/library/nginx:1'],
    ['calico/node:v3.28.0', 'docker.io/calico/node:v3.28.0'],
    ['registry.k8s.io/pause:3.10', 'registry.k8s.io/pause:3.10'],
    ['registry.k8s.io/coredns/coredns:v1.11.3', 'registry.k8s.io/coredns/coredns:v1.11.3'],
    ['localhost/a:1', 'localhost/a:1'],
    ['localhost:5000/a/b', 'localhost:5000/a/b:latest'],
    ['[::1]:5000/a:1', '[::1]:5000/a:1'],
    ['10.0.0.1:5000/a:1', '10.0.0.1:5000/a:1'],
    ['Registry/a:1', 'Registry/a:1'],
    [`nginx@sha256:${hex}`, `docker.io/library/nginx@sha256:${hex}`],
    [`quay.io/a/b:v1@sha256:${hex}`, `quay.io/a/b:v1@sha256:${hex}`],
    ['quay.io/a__b/c.d-e--f:V_1.2-x', 'quay.io/a__b/c.d-e--f:V_1.2-x'],
  ])('%s is %s', (text, expected) => {
    expect(full(text)).toBe(expected)
  })

  test.each([
    ['', /no name of an image/],
    [':1', /no name of an image/],
    ['quay.io/', /no name of an image/],
    ['https://quay.io/a:1', /no https:\/\//],
    ['nginx:', /"" cannot be a tag/],
    ['nginx:a b', /cannot be a tag/],
    [`nginx:${'a'.repeat(129)}`, /cannot be a tag/],
    ['quay.io/Nginx:1', /capitals/],
    ['quay.io//nginx', /cannot be the name/],
    ['nginx@sha256:abc', /is not a digest/],
    [`nginx@sha256:${hex.toUpperCase()}`, /is not a digest/],
    ['nginx@', /is not a digest/],
    [hex, /an identifier/],
    ['../../etc/passwd', /cannot be/],
    ['quay.io/a/../b:1', /cannot be the name/],
    ['quay.io/a b:1', /cannot be the name/],
    ['quay.io/a\n:1', /cannot be the name/],
    [`quay.io/${'a/'.repeat(150)}b`, /longer than 255/],
    ['-quay.io/a', /cannot be a registry/],
  ])('%j is refused', (text, why) => {
    expect(full(text)).toEqual({ problem: expect.stringMatching(why) })
  })

  const word = fc.stringMatching(/^[a-z0-9]{1,8}$/)
  const reference = fc.record(
    {
      registry: fc.oneof(
        fc.constantFrom('docker.io', 'localhost', 'localhost:5000'),
        word.map((w) => `${w}.io`),
      ),
      repository: fc.array(word, { minLength: 2, maxLength: 4 }).map((parts) => parts.join('/')),
      tag: fc.stringMatching(/^\w[\w.-]{0,9}$/),
      digest: fc.stringMatching(/^[0-9a-f]{64}$/).map((value) => `sha256:${value}`),
    },
    { requiredKeys: ['registry', 'repository', 'tag'] },
  )
  test('a full name is read as what wrote it, and so is the familiar one', () => {
    fc.assert(
      fc.property(reference, (made) => {
        expect(parseReference(formatReference(made))).toEqual({ reference: made })
        expect(parseReference(familiarName(made))).toEqual({ reference: made })
      }),
    )
  })
  test('no text at all throws, and what is accepted is a fixed point', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[a-zA-Z0-9./:@_-]{0,40}$/)), (text) => {
        const read = parseReference(text)
        if ('problem' in read) return
        expect(full(formatReference(read.reference))).toBe(formatReference(read.reference))
        expect(read.reference.repository.split('/')).not.toContain('..')
      }),
    )
  })
  test('by digest, without the tag', () => {
    const read = parseReference('nginx:1')
    if ('problem' in read) throw new Error(read.problem)
    expect(familiarName(withDigest(read.reference, `sha256:${hex}`))).toBe(`nginx@sha256:${hex}`)
    expect(repositoryName(read.reference)).toBe('docker.io/library/nginx')
  })
})

describe('platforms', () => {
  const read = (text: string) => {
    const parsed = parsePlatform(text)
    return 'platform' in parsed ? parsed.platform : undefined
  }
  test.each([
    ['linux/amd64', 'linux/amd64'],
    ['amd64', 'linux/amd64'],
    ['linux/x86_64', 'linux/amd64'],
    ['linux/aarch64', 'linux/arm64'],
    ['linux/arm64/v8', 'linux/arm64'],
    ['linux/arm64/8', 'linux/arm64'],
    ['linux/arm', 'linux/arm'],
    ['linux/arm/v7', 'linux/arm'],
    ['linux/arm/6', 'linux/arm/v6'],
    ['linux/amd64/v1', 'linux/amd64'],
    ['linux/amd64/v3', 'linux/amd64/v3'],
    ['windows/amd64', 'windows/amd64'],
  ])('%s is %s', (text, expected) => {
    const platform = read(text)
    expect(platform && formatPlatform(platform)).toBe(expected)
  })
  test.each(['', 'linux', 'linux/amd65', 'plan9/amd64', 'linux/arm/seven', 'linux/arm/v7/x', '/'])(
    '%j is refused',
    (text) => {
      expect(parsePlatform(text)).toEqual({ problem: expect.stringContaining(text) })
    },
  )
  test.each([
    ['linux/arm64', 'linux/arm64/v9', true],
    ['linux/arm64/v9', 'linux/arm64', false],
    ['linux/arm/v6', 'linux/arm/v7', true],
    ['linux/arm/v7', 'linux/arm/v6', false],
    ['linux/386', 'linux/amd64', false],
    ['linux/amd64/v3', 'linux/amd64', false],
  ])('%s on %s: %s', (image, machine, expected) => {
    const [one, other] = [read(image), read(machine)]
    if (one === undefined || other === undefined) throw new Error('both are platforms')
    expect(runsOn(one, other)).toBe(expected)
  })

  test('the best entry first, attestations never', () => {
    const entry = (os: string, architecture: string, variant: string | undefined, size: number) => ({
      mediaType: mediaTypes.manifest,
      digest: `sha256:${hex}`,
      size,
      platform: platformOf({ os, architecture, ...(variant ? { variant } : {}) }) ?? {
        os,
        architecture,
      },
    })
    const index = {
      kind: 'index',
      mediaType: mediaTypes.index,
      manifests: [
        entry('linux', 'arm', 'v5', 1),
        entry('linux', 'arm', 'v7', 2),
        entry('linux', 'arm', 'v6', 3),
        entry('unknown', 'unknown', undefined, 4),
        entry('linux', 'amd64', undefined, 5),
      ],
    } as const
    const sizes = (text: string) =>
      entriesFor(index, read(text) ?? { os: '', architecture: '' }).map(({ size }) => size)
    expect(sizes('linux/arm/v7')).toEqual([2, 3, 1])
    expect(sizes('linux/arm/v6')).toEqual([3, 1])
    expect(sizes('amd64')).toEqual([5])
    expect(sizes('linux/s390x')).toEqual([])
    expect(offered(index)).toEqual(['linux/arm/v5', 'linux/arm', 'linux/arm/v6', 'linux/amd64'])
  })
})

describe('manifests', () => {
  const descriptor = { mediaType: 'application/octet-stream', digest: `sha256:${hex}`, size: 7 }
  const manifest = {
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    config: descriptor,
    layers: [descriptor],
  }
  const index = { schemaVersion: 2, mediaType: mediaTypes.index, manifests: [descriptor] }

  test('an index and a manifest, also without a type of their own', () => {
    expect(parseManifest(bytes(manifest))).toMatchObject({
      manifest: { kind: 'manifest', layers: [descriptor] },
    })
    expect(parseManifest(bytes(index))).toMatchObject({
      manifest: { kind: 'index', manifests: [descriptor] },
    })
    const { mediaType: _, ...untyped } = manifest
    expect(parseManifest(bytes(untyped), mediaTypes.dockerManifest)).toMatchObject({
      manifest: { mediaType: mediaTypes.dockerManifest },
    })
    expect(parseManifest(bytes(untyped))).toMatchObject({ manifest: { mediaType: mediaTypes.manifest } })
  })

  test.each([
    ['no JSON', Buffer.from('<html>'), /not JSON/],
    ['broken UTF-8', Buffer.from([0x22, 0xff, 0x22]), /not JSON/],
    ['a list', bytes([]), /not a JSON object/],
    ['schema 1', bytes({ schemaVersion: 1 }), /schema 1/],
    ['schema 3', bytes({ schemaVersion: 3 }), /schemaVersion 3/],
    ['no schema', bytes({}), /schemaVersion null/],
    ['both at once', bytes({ ...manifest, manifests: [] }), /both layers and manifests/],
    ['a manifest of an unknown type', bytes({ ...manifest, mediaType: 'a/b' }), /unknown type a\/b/],
    [
      'an index that says it is a manifest',
      bytes({ ...index, mediaType: mediaTypes.manifest }),
      /is an index/,
    ],
    ['no config', bytes({ ...manifest, config: null }), /no config/],
    ['no layers', bytes({ ...manifest, layers: {} }), /no layers/],
    ['a layer of a negative size', bytes({ ...manifest, layers: [{ ...descriptor, size: -1 }] }), /a layer/],
    ['a layer of half a byte', bytes({ ...manifest, layers: [{ ...descriptor, size: 0.5 }] }), /a layer/],
    [
      'an entry of a wrong digest',
      bytes({ ...index, manifests: [{ ...descriptor, digest: 'md5:1' }] }),
      /entry/,
    ],
    ['too large', Buffer.alloc(maxManifestBytes + 1), /larger than 4 MiB/],
  ])('%s is refused', (_, text, why) => {
    expect(parseManifest(text)).toEqual({ problem: expect.stringMatching(why) })
  })

  test('no JSON at all throws', () => {
    const near = fc.record(
      {
        schemaVersion: fc.constantFrom(1, 2, 3),
        mediaType: fc.oneof(fc.constantFrom(...Object.values(mediaTypes)), fc.jsonValue()),
        config: fc.oneof(fc.constant(descriptor), fc.jsonValue()),
        layers: fc.oneof(fc.constant([descriptor]), fc.array(fc.jsonValue())),
        manifests: fc.oneof(fc.constant([descriptor]), fc.array(fc.jsonValue())),
      },
      { requiredKeys: ['schemaVersion'] },
    )
    fc.assert(
      fc.property(fc.oneof(near, fc.jsonValue()), (value) => {
        const read = parseManifest(bytes(value))
        expect('manifest' in read || read.problem.length > 0).toBe(true)
      }),
    )
  })

  test('layers that no registry hands out', () => {
    expect(isForeignLayer('application/vnd.docker.image.rootfs.foreign.diff.tar.gzip')).toBe(true)
    expect(isForeignLayer('application/vnd.oci.image.layer.nondistributable.v1.tar+gzip')).toBe(true)
    expect(isForeignLayer('application/vnd.oci.image.layer.v1.tar+gzip')).toBe(false)
  })
})
