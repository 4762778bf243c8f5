/** Where a command gets images from: options that every such command shares, and what the blueprint says. */
import { isAbsolute, join } from 'node:path'
import type { RegistryOptions } from '../effects/registry/registry-source.effect.ts'
import { parseRewrite } from '../images/endpoints.ts'
import { type ImageSource, SourceError } from '../images/source.ts'
import type { ClusterPlan } from '../model/plan.ts'
import { flag, type Invocation, type Io, type OptionSpec, UsageError, UserError } from './command.ts'

export const registryOptions: Readonly<Record<string, OptionSpec>> = {
  from: {
    type: 'string',
    multiple: true,
    value: 'SOURCE',
    description:
      'look there before any registry: oci:DIR, oci-archive:FILE, docker-archive:FILE (with @REPOSITORY where names are tags only) or containerd:[NAMESPACE]; may be repeated',
  },
  'plain-http': { type: 'boolean', description: 'registries speak HTTP without TLS' },
  rewrite: {
    type: 'string',
    multiple: true,
    value: 'FROM=TO',
    description:
      'fetch images whose name begins with FROM from TO, such as registry.k8s.io=harbor.example.com/k8s; their names stay; may be repeated',
  },
  ca: {
    type: 'string',
    multiple: true,
    value: '[REGISTRY=]FILE',
    description:
      'who signed the certificates of registries, or of this one (PEM), beside whom this machine trusts; may be repeated',
  },
}

/** Strings of an option that may be repeated. */
export function texts({ values }: Invocation, name: string): readonly string[] {
  const value = values[name]
  const all = Array.isArray(value) ? value : value === undefined ? [] : [value]
  return all.filter((entry) => typeof entry === 'string')
}

/**
 * @param plan its mirrors are asked first; undefined without a blueprint
 * @param note told before a pause; standard error when left out
 * @throws UsageError
 */
export function readRegistryOptions(
  invocation: Invocation,
  io: Pick<Io, 'env' | 'cwd' | 'stderr'>,
  plan: Pick<ClusterPlan, 'runtime'> | undefined,
  note = (text: string) => io.stderr(`gen: ${text}\n`),
): RegistryOptions {
  const rewrites = texts(invocation, 'rewrite').map((written) => {
    const read = parseRewrite(written)
    if ('problem' in read) throw new UsageError(read.problem)
    return read.rewrite
  })
  const caFiles: string[] = []
  const caFilesOf: Record<string, string[]> = {}
  for (const written of texts(invocation, 'ca')) {
    const [, registry, file = ''] = /^(?:([\w.:[\]-]+)=)?(.*)$/s.exec(written) ?? []
    const path = isAbsolute(file) ? file : join(io.cwd, file)
    if (registry === undefined) caFiles.push(path)
    else caFilesOf[registry] = [...(caFilesOf[registry] ?? []), path]
  }
  return {
    env: io.env,
    rewrites,
    caFiles,
    caFilesOf,
    plainHttp: flag(invocation, 'plain-http'),
    ...(plan === undefined
      ? {}
      : { mirrors: plan.runtime.mirrors, insecure: plan.runtime.insecureRegistries }),
    retrying: (message, milliseconds) =>
      note(`${message}: trying again in ${Math.ceil(milliseconds / 1000)} s`),
  }
}

/**
 * What --from names, and then registries, with the credentials of docker's config.json and the environment's proxies.
 * @throws UsageError, UserError
 */
export async function openSource(
  invocation: Invocation,
  io: Io,
  note: (text: string) => void,
  plan?: Pick<ClusterPlan, 'runtime'>,
): Promise<ImageSource> {
  const options = readRegistryOptions(invocation, io, plan, note)
  const { openRegistries } = await import('../effects/registry/registry-source.effect.ts')
  const places = await openPlaces(texts(invocation, 'from'), io)
  const registries = openRegistries(options)
  if (places.length === 0) return registries
  const { anyOf } = await import('../effects/sources/any-of.effect.ts')
  return anyOf([...places, registries])
}

async function openPlaces(names: readonly string[], io: Io): Promise<readonly ImageSource[]> {
  if (names.length === 0) return []
  const { openNamed } = await import('../effects/sources/open.effect.ts')
  const places: ImageSource[] = []
  try {
    for (const name of names) places.push(await openNamed(name, io))
    return places
  } catch (cause) {
    for (const place of places) await place.close()
    if (cause instanceof SourceError) throw new UserError(cause.message, cause.hint)
    throw cause
  }
}
