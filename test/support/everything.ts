/** A blueprint with every field of the base and of the default providers, each with its own example. */
import { axes, axisSchema, rootSchema } from '../../generators/blueprint/assemble.ts'
import { isObject, type Json, type JsonObject } from '../../generators/model/json.ts'
import * as registry from '../../generators/registry.ts'

export function everything(): JsonObject {
  const document = exampleOf(rootSchema()) as { [key: string]: Json }
  const result: JsonObject = axes.reduce<JsonObject>((sum, { axis, path, fallback }) => {
    const provider = registry[axis].find(({ name }) => name === fallback)
    if (provider === undefined) throw new Error(fallback)
    return placed(sum, path, exampleOf(axisSchema(axis, provider)))
  }, document)
  // Examples of single fields, where together they would contradict each other.
  const { bgp: _bgp, mode: _mode, version: _version, ...endpoint } = result['endpoint'] as JsonObject
  const network = result['network'] as JsonObject
  const node = (name: string, role: string, address: string): JsonObject => ({
    ...((result['nodes'] as JsonObject[])[0] as JsonObject),
    name,
    role,
    address,
  })
  return {
    ...result,
    // What all of bake.builders can make.
    bake: { ...(result['bake'] as JsonObject), firmware: 'bios' },
    os: { ...(result['os'] as JsonObject), architecture: 'amd64' },
    endpoint,
    network: { ...network, dhcpRange: '172.31.253.200-172.31.253.250' },
    hooks: { preSystem: { content: 'echo {{clusterName}}' }, postDone: { content: 'true' } },
    lint: { allow: [] },
    nodes: [
      node('m1', 'control-plane', '172.31.253.61'),
      { name: 'm2', role: 'master', address: '172.31.253.62' },
      { name: 'm3', role: 'master', address: '172.31.253.63', mac: '52:54:00:12:34:63' },
      { name: 'w1', role: 'worker', address: '172.31.253.71', labels: { zone: 'a' } },
    ],
    pools: [
      {
        name: 'burst',
        role: 'worker',
        maxNodes: 3,
        labels: { a: 'b' },
        taints: [{ key: 'k', effect: 'NoSchedule' }],
      },
    ],
  }
}

function exampleOf(schema: JsonObject): Json {
  if (isObject(schema['properties']))
    return Object.fromEntries(
      Object.entries(schema['properties']).map(([name, field]) => [name, exampleOf(field as JsonObject)]),
    )
  const [example] = (schema['examples'] ?? []) as readonly Json[]
  return example ?? schema['default'] ?? {}
}

function placed(document: JsonObject, [key = '', ...rest]: readonly string[], value: Json): JsonObject {
  const below = document[key]
  return { ...document, [key]: rest.length === 0 ? value : placed(isObject(below) ? below : {}, rest, value) }
}
