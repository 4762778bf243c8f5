/** Rules across fields that no provider owns. They see a blueprint whose shape is right. */
import { canonical, splitFamilies } from '../model/address.ts'
import type { Blueprint } from '../model/blueprint.ts'
import { type Diagnostic, error, type Path, warning } from '../model/diagnostic.ts'
import { parseRole } from '../model/role.ts'
import { addressRules } from './addresses.ts'
import { familyRules } from './families.ts'

export function checkRules(blueprint: Blueprint): readonly Diagnostic[] {
  return [
    ...addressRules(blueprint),
    ...familyRules(blueprint),
    ...duplicates(blueprint),
    ...roles(blueprint),
    ...controlPlanes(blueprint),
    ...reservedPaths(blueprint),
  ]
}

function duplicates({ network, nodes, pools }: Blueprint): readonly Diagnostic[] {
  const names: readonly (readonly [Path, string])[] = [
    ...nodes.map((node, index) => [['nodes', index, 'name'], node.name] as const),
    ...(pools ?? []).map((pool, index) => [['pools', index, 'name'], pool.name] as const),
  ]
  const given = (field: 'address' | 'mac'): [Path, string][] =>
    nodes.flatMap((node, index) => {
      const value = node[field]
      return splitFamilies(value ?? '')
        .filter((part) => part !== '')
        .map((part) => [['nodes', index, field], canonical(part.toLowerCase())])
    })
  const gateway = splitFamilies(network?.gateway ?? '')
    .filter((part) => part !== '')
    .map((part): [Path, string] => [['network', 'gateway'], canonical(part)])
  return [
    ...repeated(names, 'blueprint/duplicate-name', 'name'),
    ...repeated([...gateway, ...given('address')], 'blueprint/duplicate-address', 'address'),
    ...repeated(given('mac'), 'blueprint/duplicate-mac', 'MAC address'),
  ]
}

function repeated(
  entries: readonly (readonly [Path, string])[],
  code: Diagnostic['code'],
  what: string,
): readonly Diagnostic[] {
  const first = new Map<string, Path>()
  return entries.flatMap(([path, value]) => {
    const earlier = first.get(value)
    if (earlier === undefined) {
      first.set(value, path)
      return []
    }
    return [
      {
        ...error(code, path, `the ${what} ${value} is given twice`, `every node has its own ${what}`),
        related: [{ path: earlier, message: 'it is first given here' }],
      },
    ]
  })
}

function roles({ pools, nodes }: Blueprint): readonly Diagnostic[] {
  const found: Diagnostic[] = []
  pools?.forEach((pool, index) => {
    if (pool.role !== undefined && parseRole(pool.role) === 'control-plane')
      found.push(
        error(
          'blueprint/pool-role',
          ['pools', index, 'role'],
          `the pool ${pool.name} cannot have the role ${pool.role}`,
          'control planes are declared under nodes: they must know each other before the first boot',
        ),
      )
    if (['control-plane', 'workers'].includes(pool.name))
      found.push(
        error(
          'blueprint/pool-name',
          ['pools', index, 'name'],
          `a pool cannot be named ${pool.name}`,
          'that is the name of the declared nodes; choose another',
        ),
      )
  })
  nodes.forEach((node, index) => {
    if (node.name === 'localhost')
      found.push(
        error(
          'blueprint/node-name',
          ['nodes', index, 'name'],
          'a node cannot be named localhost',
          'give it a host name of its own',
        ),
      )
  })
  return found
}

function controlPlanes({ nodes }: Blueprint): readonly Diagnostic[] {
  const masters = nodes.filter((node) => parseRole(node.role) === 'control-plane')
  const found: Diagnostic[] = []
  if (masters.length === 0)
    found.push(
      error(
        'blueprint/no-control-plane',
        ['nodes'],
        'no node has the role control-plane',
        'give at least one node the role control-plane; three make it highly available',
      ),
    )
  nodes.forEach((node, index) => {
    if (parseRole(node.role) === 'control-plane' && node.address === undefined)
      found.push(
        error(
          'blueprint/control-plane-address',
          ['nodes', index],
          `the control plane ${node.name} has no address`,
          'control planes must know each other before the first boot: add address:',
        ),
      )
    if (
      parseRole(node.role) === 'control-plane' &&
      node.taints?.some((taint) => taint.effect === 'NoExecute')
    )
      found.push(
        warning(
          'blueprint/no-execute',
          ['nodes', index, 'taints'],
          `the taint NoExecute on the control plane ${node.name} evicts what does not tolerate it, kube-proxy and CNI excepted`,
          'use NoSchedule',
        ),
      )
  })
  return found
}

/** Files of the user's that would break first boot without a word. */
function reservedPaths({ files }: Blueprint): readonly Diagnostic[] {
  const reserved = /^\/(etc\/leaven|var\/lib\/leaven|etc\/kubernetes\/pki)\/|^\/usr\/local\/sbin\/leaven$/
  return (files ?? []).flatMap((file, index) =>
    reserved.test(file.path)
      ? [
          error(
            'blueprint/reserved-path',
            ['files', index, 'path'],
            `${file.path} belongs to first boot`,
            'choose another path, or use overrides',
          ),
        ]
      : [],
  )
}
