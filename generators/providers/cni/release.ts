/** What the pod networks that come as a manifest have in common: which release, its images, what it touches on a node. */

import { partOf } from '../../model/address.ts'
import type { ContainerImage, FileSpec } from '../../model/contribution.ts'
import { type Diagnostic, error, warning } from '../../model/diagnostic.ts'
import type { JsonObject } from '../../model/json.ts'
import type { ClusterPlan } from '../../model/plan.ts'

export interface Release {
  readonly version: string
  /** Minors that get this release when the blueprint names none. */
  readonly kubernetes: readonly string[]
  /** The folder that its manifests lie in. */
  readonly manifests: string
  /** All that its manifest names, with registry and tag. */
  readonly images: readonly string[]
}

/** The one that the blueprint names, or the one for its Kubernetes. */
export function chooseRelease<Kind extends Release>(
  releases: readonly Kind[],
  { kubernetes, network }: ClusterPlan,
): Kind | undefined {
  const wanted = network.cniOptions['version']
  if (typeof wanted === 'string') return releases.find(({ version }) => version === wanted.replace(/^v/, ''))
  return releases.find((release) => release.kubernetes.includes(kubernetes.facts.minor)) ?? releases.at(-1)
}

export function releaseRules(
  name: string,
  releases: readonly Release[],
  plan: ClusterPlan,
): readonly Diagnostic[] {
  const { minor } = plan.kubernetes.facts
  const path = ['network', 'cni', 'version']
  const release = chooseRelease(releases, plan)
  if (release === undefined) {
    const known = `known: ${releases.map(({ version }) => version).join(', ')}`
    return [
      error(
        'cni/unknown-version',
        path,
        `${name} ${plan.network.cniOptions['version']} is no version that we know`,
        known,
      ),
    ]
  }
  if (release.kubernetes.includes(minor)) return []
  const usual = releases.find((candidate) => candidate.kubernetes.includes(minor))?.version
  return [
    warning(
      'cni/other-version',
      path,
      `${name} ${release.version} is not what we take for Kubernetes ${minor}`,
      usual === undefined ? 'compare with its own list of versions' : `leave version out to get ${usual}`,
    ),
  ]
}

/** IPv6 alone needs other settings of each of them; beside IPv4 we have them. */
export function ipv4Only(name: string, { network }: ClusterPlan): readonly Diagnostic[] {
  if (partOf('ipv4', network.podSubnet) !== undefined) return []
  return [
    error(
      'cni/ipv4-only',
      ['network', 'podSubnet'],
      `${name} gets no IPv6 pod subnet from us: ${network.podSubnet}`,
      'take an IPv4 subnet, or cni provider none and a manifest of your own',
    ),
  ]
}

export const releaseOptions = (
  name: string,
  releases: readonly Release[],
  repository: string,
): JsonObject => ({
  version: {
    description: `Release of ${name}.`,
    type: 'string',
    pattern: '^v?[0-9]+\\.[0-9]+\\.[0-9]+$',
    expect: 'a version with three numbers',
    otherwise: 'by the Kubernetes version',
    examples: [releases.at(-1)?.version ?? ''],
  },
  imageRepository: {
    description: 'Registry and path to take all its images from; their last names stay.',
    type: 'string',
    pattern: '^[a-z0-9.-]+(:[0-9]+)?(/[a-z0-9._-]+)*$',
    expect: 'a registry with an optional path, without scheme',
    default: repository,
    examples: [`registry.example.com/${name}`],
  },
  manifest: {
    description: 'Take its manifest from elsewhere; it must be the one of the same release.',
    type: 'object',
    properties: {
      url: {
        description: 'Where.',
        type: 'string',
        pattern: '^https?://[^\\s]+$',
        expect: 'a URL that begins with http:// or https://',
        examples: [`https://mirror.example.com/${name}.yaml`],
      },
      sha256: {
        description: 'Its checksum.',
        otherwise: 'not checked',
        type: 'string',
        pattern: '^[0-9a-f]{64}$',
        expect: '64 hexadecimal digits',
        examples: ['0'.repeat(64)],
      },
    },
    required: ['url'],
    additionalProperties: false,
    examples: [{ url: `https://mirror.example.com/${name}.yaml` }],
  },
})

/** What to fetch: the release's own manifest unless the blueprint says where else. */
export function manifestOf({ manifests }: Release, options: JsonObject, file: string) {
  const { url = `${manifests}/${file}`, sha256 } = (options['manifest'] ?? {}) as {
    url?: string
    sha256?: string
  }
  return { url, file, ...(sha256 === undefined ? {} : { sha256 }) }
}

/** `patchesStrategicMerge` and `images` are what kubectl understands alike from 1.14 to today. */
export function kustomization(file: string, { images }: Release, options: JsonObject): JsonObject {
  const repository = options['imageRepository']
  return {
    apiVersion: 'kustomize.config.k8s.io/v1beta1',
    kind: 'Kustomization',
    resources: [file],
    patchesStrategicMerge: [patchFile],
    ...(typeof repository === 'string'
      ? {
          images: images.map((image) => ({
            name: nameOf(image),
            newName: `${repository}/${lastName(image)}`,
          })),
        }
      : {}),
  }
}

export const patchFile = 'leaven.yaml'

export function releaseImages({ images }: Release, options: JsonObject): readonly ContainerImage[] {
  const repository = options['imageRepository']
  return images.map((image) => ({
    reference:
      typeof repository === 'string' ? `${repository}/${image.slice(image.lastIndexOf('/') + 1)}` : image,
    why: 'pod network',
  }))
}

/** `quay.io/calico/node:v3.32.2` → `quay.io/calico/node` */
function nameOf(image: string): string {
  return image.slice(0, image.lastIndexOf(':'))
}

function lastName(image: string): string {
  return nameOf(image).slice(image.lastIndexOf('/') + 1)
}

/** NetworkManager, where it runs, would take addresses and routes away from interfaces that it did not make. */
export function unmanaged(...interfaces: readonly string[]): FileSpec {
  const devices = interfaces.map((name) => `interface-name:${name}`).join(';')
  return {
    path: '/etc/NetworkManager/conf.d/leaven-cni.conf',
    mode: 0o644,
    body: { kind: 'lines', lines: ['[keyfile]', `unmanaged-devices=${devices}`] },
  }
}
