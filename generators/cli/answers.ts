/** Answers to the questions of gen init: what can be made of a line, or what is wrong with it. */
import { basename } from 'node:path'
import { suggestion } from '../blueprint/schema.ts'
import type { Answers } from '../blueprint/starter.ts'
import { loadKubernetesTable } from '../effects/assets.effect.ts'
import { knownMinors, lookupKubernetes } from '../facts/facts.ts'
import { parseAddress } from '../model/address.ts'
import * as registry from '../registry.ts'

export type Read<Value> = (line: string) => { readonly value: Value } | { readonly problem: string }

/** As far as it can be a cluster's name. */
export function folderName(folder: string): string {
  const name = basename(folder)
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-+|-+$/g, '')
    .slice(0, 40)
  return 'value' in readName(name) ? name : 'kubernetes'
}

/** One minor behind the newest: tools around Kubernetes have caught up with it. */
export function usualVersion(): string {
  const table = loadKubernetesTable()
  const found = lookupKubernetes(table, knownMinors(table).at(-2) ?? '')
  if (!found.ok) throw new Error('no facts of Kubernetes')
  return found.facts.version
}

export const readName: Read<string> = (line) =>
  /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(line)
    ? { value: line }
    : { problem: `${line} cannot be a name: lower-case letters, digits and -, at most 63` }

export const readVersion: Read<string> = (line) => {
  const found = lookupKubernetes(loadKubernetesTable(), line)
  if (found.ok) return { value: found.facts.version }
  return { problem: `we know nothing of Kubernetes ${line}; ${suggestion(line, found.known)}` }
}

export const readCloud: Read<(typeof registry.cloud)[number]> = (line) => {
  const value = registry.cloud.find((entry) => entry.name === line)
  const names = registry.cloud.map((entry) => entry.name)
  return value === undefined ? { problem: `there is no ${line}; ${suggestion(line, names)}` } : { value }
}

export const readOs: Read<Answers['os']> = (line) => {
  const [name = '', release] = line.split(/[: ]+/)
  const os = registry.os.find((entry) => entry.name === name)
  if (os === undefined)
    return {
      problem: `there is no ${name}; ${suggestion(
        name,
        registry.os.map((entry) => entry.name),
      )}`,
    }
  const releases = Object.keys(os.releases)
  if (release !== undefined && !releases.includes(release))
    return { problem: `${name} has no release ${release} that we know; ${suggestion(release, releases)}` }
  return { value: { provider: name, release: release ?? os.defaultRelease } }
}

export const readAddress: Read<string> = (line) =>
  parseAddress(line) === undefined ? { problem: `${line} is not an IP address` } : { value: line }

export const readHost: Read<string> = (line) =>
  parseAddress(line) !== undefined || /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/.test(line)
    ? { value: line }
    : { problem: `${line} is neither an IP address nor a DNS name in lower case` }

/** A number takes the addresses that were proposed. */
export function readNodes(proposed: readonly string[], least: number): Read<readonly string[]> {
  return (line) => {
    if (/^\d+$/.test(line)) {
      const count = Number(line)
      if (count >= least && count <= proposed.length) return { value: proposed.slice(0, count) }
      return { problem: `from ${least} to ${proposed.length}, or their addresses` }
    }
    const addresses = line.split(/[\s,]+/).filter((part) => part !== '')
    const wrong = addresses.find((address) => parseAddress(address) === undefined)
    return wrong === undefined ? { value: addresses } : { problem: `${wrong} is not an IP address` }
  }
}

export const readYes: Read<boolean> = (line) => {
  if (/^(y|yes|true)$/i.test(line)) return { value: true }
  return /^(n|no|false)$/i.test(line) ? { value: false } : { problem: 'yes or no' }
}
