/** Images that Kubernetes manifests run. */
import { parseAllDocuments } from 'yaml'
import { isObject, type Json } from '../model/json.ts'
import { fullName } from './reference.ts'

/** Lists of containers, as the API names them, wherever a workload has its pod template. */
const containerLists = ['containers', 'initContainers', 'ephemeralContainers']

/**
 * Full names, each once, in the order found. What is no manifest names none.
 * @param text YAML, one document or more, or JSON
 */
export function imagesInManifest(text: string): readonly string[] {
  const found = new Set<string>()
  for (const document of parseAllDocuments(text, { logLevel: 'silent' })) {
    if (document.errors.length > 0) continue
    const value = document.toJS({ maxAliasCount: 1000 }) as Json
    if (isObject(value) && typeof value['kind'] === 'string') collect(value, found)
  }
  return [...found]
}

function collect(value: Json, found: Set<string>): void {
  if (Array.isArray(value)) {
    for (const entry of value) collect(entry, found)
    return
  }
  if (!isObject(value)) return
  for (const [key, below] of Object.entries(value)) {
    if (containerLists.includes(key) && Array.isArray(below))
      for (const container of below)
        if (isObject(container) && typeof container['image'] === 'string' && container['image'] !== '')
          found.add(fullName(container['image']))
    if (key === 'volumes' && Array.isArray(below)) for (const volume of below) collectVolume(volume, found)
    if (below !== undefined) collect(below, found)
  }
}

/** https://kubernetes.io/docs/concepts/storage/volumes/#image */
function collectVolume(volume: Json, found: Set<string>): void {
  const source = isObject(volume) ? volume['image'] : undefined
  const reference = isObject(source) ? source['reference'] : undefined
  if (typeof reference === 'string' && reference !== '') found.add(fullName(reference))
}
