/** Mirrors and insecure registries as one hosts.toml each: https://github.com/containerd/containerd/blob/main/docs/hosts.md */
import type { FileSpec } from '../../../model/contribution.ts'
import type { JsonObject } from '../../../model/json.ts'
import type { ClusterPlan } from '../../../model/plan.ts'
import { registryFolder } from './config.ts'

/** Docker Hub's registry is not at the name that its images carry. */
const hub = { name: 'docker.io', server: 'https://registry-1.docker.io' }

/** `*` in the blueprint: every registry that has no entry of its own. */
const everyRegistry = '*'

export function registryFiles({ runtime }: ClusterPlan): readonly FileSpec[] {
  const insecure = new Set(runtime.insecureRegistries.map(hostOf))
  const registries = new Set([...Object.keys(runtime.mirrors), ...insecure])
  return [...registries].map((registry) => ({
    path: `${registryFolder}/${registry === everyRegistry ? '_default' : registry}/hosts.toml`,
    mode: 0o644,
    body: { kind: 'toml', value: hosts(registry, runtime.mirrors[registry] ?? [], insecure) },
  }))
}

/** Tried in order: the mirrors, then the registry itself. */
function hosts(registry: string, mirrors: readonly string[], insecure: ReadonlySet<string>): JsonObject {
  const own = insecure.has(registry)
  const entries = [
    ...mirrors.map((url) => [url.replace(/\/+$/, ''), insecure.has(hostOf(url))] as const),
    // An insecure registry speaks TLS with a certificate that nobody knows, or, the `server` below, none at all.
    ...(own ? [[`https://${registry}`, true] as const] : []),
  ]
  return {
    ...(registry === everyRegistry ? {} : { server: server(registry, own) }),
    host: Object.fromEntries(entries.map(([url, unchecked]) => [url, host(url, unchecked)])),
  }
}

function server(registry: string, insecure: boolean): string {
  if (registry === hub.name) return hub.server
  return `${insecure ? 'http' : 'https'}://${registry}`
}

function host(url: string, unchecked: boolean): JsonObject {
  return {
    capabilities: ['pull', 'resolve'],
    ...(unchecked && url.startsWith('https:') ? { skip_verify: true } : {}),
    // Harbor's proxy projects and the like: the API's root is written out, and no /v2 is to be added.
    ...(/\/v2(\/|$)/.test(url) ? { override_path: true } : {}),
  }
}

/** `https://harbor.example.com/v2/hub` and `harbor.example.com` → `harbor.example.com` */
export function hostOf(registry: string): string {
  return registry.replace(/^https?:\/\//, '').replace(/\/.*$/, '')
}
