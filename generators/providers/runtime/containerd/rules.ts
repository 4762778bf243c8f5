/** What containerd cannot do, found before a node does. */
import { containerdFits, lookupContainerd } from '../../../facts/containerd.ts'
import { type Diagnostic, error, type Path, warning } from '../../../model/diagnostic.ts'
import { idlePaths, isObject, type Json, type JsonObject } from '../../../model/json.ts'
import type { ClusterPlan } from '../../../model/plan.ts'
import { generatedConfig } from './config.ts'
import { hostOf } from './registries.ts'

const table = 'https://github.com/containerd/containerd/blob/main/RELEASES.md#kubernetes-support'

export function containerdRules(plan: ClusterPlan): readonly Diagnostic[] {
  return [...versionRules(plan), ...registryRules(plan), ...overrideRules(plan)]
}

/** Plugins of the CRI by the version of config.toml that knows them; containerd reads past names it does not know. */
const criPlugins: Readonly<Record<number, readonly string[]>> = {
  2: ['io.containerd.grpc.v1.cri'],
  3: ['io.containerd.cri.v1.images', 'io.containerd.cri.v1.runtime'],
}

function overrideRules(plan: ClusterPlan): readonly Diagnostic[] {
  const facts = lookupContainerd(plan.runtime.version)
  if (facts === undefined) return []
  const patch = plan.overrides.containerd
  const own = criPlugins[facts.configVersion] ?? []
  const foreign = Object.values(criPlugins)
    .flat()
    .filter((name) => !own.includes(name))
  const plugins = isObject(patch['plugins']) ? Object.keys(patch['plugins']) : []
  return [
    ...plugins
      .filter((name) => foreign.includes(name))
      .map((name) => ({
        ...warning(
          'containerd/override-of-other-version',
          ['overrides', 'containerd', 'plugins', name],
          `containerd ${plan.runtime.version} has no plugin ${name}: the override changes nothing`,
          `its config.toml is of version ${facts.configVersion}: use ${own.join(' and ')}`,
        ),
        atKey: true,
      })),
    ...idlePaths(generatedConfig(plan, facts), patch).map((path) =>
      warning(
        'containerd/idle-override',
        ['overrides', 'containerd', ...path],
        `overrides.containerd.${path.join('.')} changes nothing: what is generated is so anyway`,
        'check the name against /etc/containerd/config.toml in gen userdata; or remove it',
      ),
    ),
  ]
}

function versionRules({ runtime, kubernetes }: ClusterPlan): readonly Diagnostic[] {
  const path: Path = ['runtime', 'version']
  const facts = lookupContainerd(runtime.version)
  if (facts === undefined)
    return [
      error(
        'containerd/unknown-version',
        path,
        `containerd ${runtime.version} is not a version that we know`,
        `leave runtime.version out for ${kubernetes.facts.containerd.default}`,
      ),
    ]
  const pair = `containerd ${runtime.version} and Kubernetes ${kubernetes.version}`
  const fits = containerdFits(kubernetes.facts, facts)
  if (fits === 'impossible')
    return [
      error(
        'containerd/no-common-cri',
        path,
        `${pair} share no version of the CRI, so the kubelet would not start`,
        facts.criV1alpha2
          ? 'take containerd 1.6 or newer: Kubernetes 1.26 and newer speak CRI v1 only'
          : 'take containerd 1.7: Kubernetes before 1.23 speaks CRI v1alpha2, which containerd 2 no longer has',
      ),
    ]
  return fits === 'recommended'
    ? []
    : [
        warning(
          'containerd/untested-pair',
          path,
          `${pair} are not tested together by containerd`,
          `leave runtime.version out for ${kubernetes.facts.containerd.default}, or compare with ${table}`,
        ),
      ]
}

function registryRules({ runtime, overrides }: ClusterPlan): readonly Diagnostic[] {
  const facts = lookupContainerd(runtime.version)
  const asked = Object.keys(runtime.mirrors).length > 0 || runtime.insecureRegistries.length > 0
  const found: Diagnostic[] = []
  if (asked && facts?.mirrors === 'inline')
    found.push(
      error(
        'containerd/no-mirrors',
        ['runtime', 'version'],
        `containerd ${runtime.version} has no folder for registry mirrors`,
        'take containerd 1.5 or newer',
      ),
    )
  found.push(...names(runtime))
  for (const [key, path] of inlineRegistries(overrides.containerd))
    found.push(
      error(
        'containerd/two-kinds-of-mirrors',
        path,
        `containerd refuses registry.${key} beside registry.config_path, which we set`,
        'use runtime.mirrors and runtime.insecureRegistries',
      ),
    )
  return found
}

/** Registries become names of folders. */
function names({ mirrors, insecureRegistries }: ClusterPlan['runtime']): readonly Diagnostic[] {
  const pattern = /^(\*|[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:\d{1,5})?|\[[0-9a-f:]+\](:\d{1,5})?)$/
  const named: readonly (readonly [Path, string, string])[] = [
    ...Object.keys(mirrors).map((name) => [['runtime', 'mirrors', name], name, name] as const),
    ...insecureRegistries.map(
      (name, index) => [['runtime', 'insecureRegistries', index], name, hostOf(name)] as const,
    ),
  ]
  return named.flatMap(([path, written, name]) =>
    pattern.test(name)
      ? []
      : [
          {
            ...error(
              'containerd/bad-registry',
              path,
              `${written === '' ? 'an empty text' : written} is not the name of a registry`,
              'write it as images name it: docker.io, registry.example.com:5000, or "*" for all others',
            ),
            ...(path[1] === 'mirrors' ? { atKey: true } : {}),
          },
        ],
  )
}

function inlineRegistries(patch: JsonObject): readonly (readonly [string, Path])[] {
  const plugins = isObject(patch['plugins']) ? patch['plugins'] : {}
  return Object.entries(plugins).flatMap(([plugin, settings]) => {
    const registry: Json | undefined = isObject(settings) ? settings['registry'] : undefined
    if (!isObject(registry)) return []
    return ['mirrors', 'configs']
      .filter((key) => registry[key] !== undefined && registry[key] !== null)
      .map((key) => [key, ['overrides', 'containerd', 'plugins', plugin, 'registry', key]] as const)
  })
}
