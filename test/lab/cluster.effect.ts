import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { labSources } from './cache.effect.ts'
import { exec } from './exec.effect.ts'
import type { Lab } from './host.effect.ts'
import {
  type Disk,
  exists,
  install,
  type Machine,
  machineNamed,
  pathOn,
  powerOn,
  run,
} from './machine.effect.ts'
import type { Recipe } from './recipes.effect.ts'

/** A compiled blueprint and the machines that are to become its cluster. */
export type Cluster = {
  readonly lab: Lab
  readonly recipe: Recipe
  readonly topology: Topology
  /** Holds blueprint.yaml, its secrets, seed/<node>/, ca.crt and, once there is one, admin.conf. */
  readonly directory: string
}

/** What the lab itself reads of a blueprint; everything else is between gen and the nodes. */
export type Topology = {
  readonly name: string
  readonly kubernetes: { readonly version: string }
  readonly endpoint: { readonly provider: string; readonly address: string; readonly port?: number }
  readonly network?: { readonly serviceSubnet?: string }
  readonly nodes: readonly Node[]
}

export type Node = {
  readonly name: string
  readonly role: 'control-plane' | 'worker'
  readonly address: string
  readonly mac?: string
  readonly labels?: Readonly<Record<string, string>>
  readonly taints?: readonly { readonly key: string; readonly value?: string; readonly effect: string }[]
}

/** Which folder under kubernetes/ builds the blueprint's version. */
export function kubernetesOf(blueprint: string): string {
  const { version } = readTopology(blueprintFile(blueprint)).kubernetes
  return version.startsWith('1.20.') ? '1.20' : 'modern'
}

/**
 * Compiles a blueprint of blueprints/ with `gen`, as a user would, with secrets of its own.
 * @param edit changes the text first, for clusters that differ in one thing
 */
export async function compile(
  lab: Lab,
  recipe: Recipe,
  blueprint: string,
  edit: (text: string) => string = (text) => text,
  name = 'cluster',
): Promise<Cluster> {
  const directory = join(lab.directory, name)
  mkdirSync(directory, { recursive: true })
  const file = join(directory, 'blueprint.yaml')
  writeFileSync(file, edit(readFileSync(blueprintFile(blueprint), 'utf8')))
  const topology = readTopology(file)
  const gen = ['node', join(process.cwd(), 'dist/gen.js')]
  const secrets = join(directory, `${topology.name}.secrets.yaml`)
  if (!existsSync(secrets)) await exec([...gen, 'secrets', 'create', '--blueprint', file], { cwd: directory })
  await exec([...gen, 'seed', '--blueprint', file, '-o', join(directory, 'seed')], { cwd: directory })
  const { authorities } = parse(readFileSync(secrets, 'utf8')) as {
    authorities: { kubernetes: { certificate: string } }
  }
  writeFileSync(join(directory, 'ca.crt'), authorities.kubernetes.certificate)
  return { lab, recipe, topology, directory }
}

/** The cluster that `lab up` left running. */
export function openCluster(lab: Lab, recipe: Recipe): Cluster {
  const directory = join(lab.directory, 'cluster')
  return { lab, recipe, directory, topology: readTopology(join(directory, 'blueprint.yaml')) }
}

export function nodeNamed(cluster: Cluster, name: string): Node {
  const node = cluster.topology.nodes.find((one) => one.name === name)
  if (!node) throw new Error(`no node ${name}: ${cluster.topology.nodes.map((one) => one.name).join(', ')}`)
  return node
}

export function controlPlanes(cluster: Cluster): readonly Node[] {
  return cluster.topology.nodes.filter((node) => node.role === 'control-plane')
}

export function machineOf(cluster: Cluster, node: Node): Machine {
  return machineNamed(cluster.lab, node.name)
}

/** Blank disks with the seeds that gen wrote; nothing is powered on. */
export async function installAll(cluster: Cluster): Promise<void> {
  for (const node of cluster.topology.nodes) await installNode(cluster, node)
}

/** A blank disk for one node; see Disk for what can differ. */
export async function installNode(
  cluster: Cluster,
  node: Node,
  differing: Partial<Pick<Disk, 'archiveOnly' | 'size'>> = {},
): Promise<void> {
  const seed = join(cluster.directory, 'seed', node.name)
  const mac = node.mac ? { mac: node.mac } : {}
  await install(machineOf(cluster, node), { image: cluster.recipe.machine, seed, ...mac, ...differing })
}

export async function powerOnAll(
  cluster: Cluster,
  nodes: readonly Node[] = cluster.topology.nodes,
): Promise<void> {
  await Promise.all(nodes.map((node) => powerOn(machineOf(cluster, node))))
}

/** The addresses a machine's interfaces hold now. */
export async function addressesOf(cluster: Cluster, node: Node): Promise<readonly string[]> {
  const shown = await run(machineOf(cluster, node), ['ip', '-4', '-o', 'address', 'show'])
  return [...shown.stdout.matchAll(/inet ([\d.]+)\//g)].map((match) => match[1] as string)
}

/** Copies an admin's kubeconfig out of a control plane, for the operator. */
export function fetchAdminConf(cluster: Cluster): string {
  const file = join(cluster.directory, 'admin.conf')
  if (existsSync(file)) return file
  for (const node of controlPlanes(cluster)) {
    const machine = machineOf(cluster, node)
    if (!exists(machine, '/etc/kubernetes/admin.conf')) continue
    copyFileSync(pathOn(machine, '/etc/kubernetes/admin.conf'), file)
    if (readFileSync(file, 'utf8').includes('client-key-data')) return file
  }
  throw new Error('no control plane has an admin.conf yet')
}

function blueprintFile(name: string): string {
  return join(labSources, 'blueprints', `${name}.yaml`)
}

function readTopology(file: string): Topology {
  return parse(readFileSync(file, 'utf8')) as Topology
}
