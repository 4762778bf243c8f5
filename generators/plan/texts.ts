/** The user's own texts on the nodes: hooks and files, written in the blueprint or beside it, plain or as templates. */
import { display, suggestion } from '../blueprint/schema.ts'
import type { Blueprint, BlueprintText } from '../model/blueprint.ts'
import type { FileSpec } from '../model/contribution.ts'
import { type Diagnostic, error, type Path } from '../model/diagnostic.ts'
import type { JsonObject } from '../model/json.ts'
import type { ClusterPlan } from '../model/plan.ts'
import { parseRole, type Role } from '../model/role.ts'
import { renderMustache, templateProblems } from '../render/format/mustache.ts'

/** Files beside the blueprint by the path that it names them with: their text, or why there is none. */
export type Texts = Readonly<Record<string, string | { readonly problem: string }>>

export const hookNames = ['preSystem', 'preKubeadm', 'postKubeadm', 'postDone'] as const

interface UserFile {
  readonly destination: string
  readonly mode: number
  readonly roles: readonly string[] | undefined
  readonly template: boolean
  readonly written: BlueprintText
  readonly at: Path
}

function userFiles({ hooks, files }: Blueprint): readonly UserFile[] {
  return [
    ...(files ?? []).map((file, index) => ({
      destination: file.path,
      mode: Number.parseInt(file.mode ?? '0644', 8),
      roles: file.roles,
      template: file.template ?? false,
      written: file,
      at: ['files', index],
    })),
    ...hookNames.flatMap((name) => {
      const written = hooks?.[name]
      if (written === undefined) return []
      return [
        {
          destination: `/etc/leaven/hooks/${name}.sh`,
          mode: 0o700,
          roles: undefined,
          template: true,
          written,
          at: ['hooks', name],
        },
      ]
    }),
  ]
}

/** What has to be read before nodes can be planned: relative to the blueprint, each once. */
export function textPaths(blueprint: Blueprint): readonly string[] {
  return [...new Set(userFiles(blueprint).flatMap(({ written }) => written.file ?? []))]
}

export function checkTexts(blueprint: Blueprint, texts: Texts): readonly Diagnostic[] {
  return userFiles(blueprint).flatMap((file) => {
    const { content, file: path } = file.written
    if ((content === undefined) === (path === undefined))
      return [
        error(
          'blueprint/one-text',
          file.at,
          `${display(file.at)} ${path === undefined ? 'has neither content nor file' : 'has content and file'}`,
          'write the text under content, or name a file beside the blueprint under file',
        ),
      ]
    const text = textOf(file, texts)
    if (typeof text !== 'string')
      return [
        error(
          'blueprint/unreadable-file',
          [...file.at, 'file'],
          text.problem,
          'paths are relative to the blueprint',
        ),
      ]
    return file.template ? checkTemplate(file, text) : []
  })
}

function textOf({ written }: UserFile, texts: Texts): string | { readonly problem: string } {
  if (written.file === undefined) return written.content ?? ''
  return texts[written.file] ?? { problem: `${written.file} was not read` }
}

function checkTemplate({ written, at }: UserFile, text: string): readonly Diagnostic[] {
  return templateProblems(text, sample).map(({ line, message, unknown }) =>
    error(
      unknown === undefined ? 'blueprint/template-syntax' : 'blueprint/unknown-variable',
      [...at, written.file === undefined ? 'content' : 'file'],
      `${written.file ?? 'the template'}, line ${line}: ${message}`,
      unknown !== undefined && /^[A-Za-z][A-Za-z0-9.]*$/.test(unknown.name)
        ? suggestion(unknown.name, unknown.known)
        : 'braces of another language? a first line {{=<% %>=}} makes <% %> the delimiters here',
    ),
  )
}

/** The files of one group, rendered; `checkTexts` has found nothing. */
export function renderTexts(
  plan: ClusterPlan,
  blueprint: Blueprint,
  group: { readonly name: string; readonly role: Role },
  texts: Texts,
): readonly FileSpec[] {
  const view = templateView(plan, group)
  return userFiles(blueprint)
    .filter(({ roles }) => roles === undefined || roles.some((word) => parseRole(word) === group.role))
    .map((file) => {
      const text = textOf(file, texts)
      if (typeof text !== 'string') throw new Error(text.problem)
      return {
        path: file.destination,
        mode: file.mode,
        body: { kind: 'text', text: file.template ? renderMustache(text, view) : text },
      }
    })
}

/** What templates can ask for. Names are a promise: they are added to, never changed. No secrets. */
export function templateView(
  { name, kubernetes, endpoint, network, os, runtime, cloud, airgapped, nodes }: ClusterPlan,
  group: { readonly name: string; readonly role: Role },
): JsonObject {
  const members = (role: Role) =>
    nodes
      .filter((node) => node.role === role)
      .map((node) => ({ name: node.name, address: node.address ?? '' }))
  return {
    clusterName: name,
    kubernetesVersion: kubernetes.version,
    imageRepository: kubernetes.imageRepository,
    endpointHost: endpoint.host,
    endpointAddress: endpoint.address ?? '',
    endpointPort: endpoint.port,
    podSubnet: network.podSubnet,
    serviceSubnet: network.serviceSubnet,
    dnsDomain: network.dnsDomain,
    dnsAddress: network.dnsAddress,
    os: os.provider,
    osRelease: os.release,
    runtimeSocket: runtime.socket,
    cloud: cloud.provider,
    airgapped,
    role: group.role,
    group: group.name,
    isControlPlane: group.role === 'control-plane',
    isWorker: group.role === 'worker',
    controlPlanes: members('control-plane'),
    workers: members('worker'),
  }
}

/** Every variable: an example of it, and what it is. Templates are checked against these names. */
export const variables: Readonly<
  Record<string, { readonly example: JsonObject[string]; readonly what: string }>
> = {
  clusterName: { example: 'prod', what: "the cluster's name" },
  kubernetesVersion: { example: '1.31.4', what: 'the exact version, without v' },
  imageRepository: { example: 'registry.k8s.io', what: "registry of Kubernetes' own images" },
  endpointHost: { example: 'api.prod.internal', what: 'name, or else address, of the API server' },
  endpointAddress: { example: '172.31.253.60', what: 'its address; empty when only a name is known' },
  endpointPort: { example: 6443, what: 'its port' },
  podSubnet: { example: '10.244.0.0/16', what: 'addresses of pods' },
  serviceSubnet: { example: '10.96.0.0/12', what: 'addresses of services' },
  dnsDomain: { example: 'cluster.local', what: "the cluster's DNS domain" },
  dnsAddress: { example: '10.96.0.10', what: 'address of cluster DNS' },
  os: { example: 'ubuntu', what: 'the operating system' },
  osRelease: { example: '24.04', what: 'its release' },
  runtimeSocket: {
    example: 'unix:///run/containerd/containerd.sock',
    what: "the container runtime's socket",
  },
  cloud: { example: 'nocloud', what: 'where the VM lives' },
  airgapped: { example: false, what: 'whether nothing may be fetched' },
  role: { example: 'control-plane', what: '`control-plane` or `worker`' },
  group: { example: 'control-plane', what: "`control-plane`, `workers` or the pool's name" },
  isControlPlane: { example: true, what: 'for sections: `{{#isControlPlane}}…{{/isControlPlane}}`' },
  isWorker: { example: false, what: 'for sections' },
  controlPlanes: {
    example: [{ name: 'm1', address: '172.31.253.61' }],
    what: 'list of `name` and `address`: `{{#controlPlanes}}{{address}} {{name}}{{/controlPlanes}}`',
  },
  workers: { example: [{ name: 'w1', address: '172.31.253.71' }], what: 'the same for declared workers' },
}

const sample: JsonObject = Object.fromEntries(
  Object.entries(variables).map(([name, { example }]) => [name, example]),
)
