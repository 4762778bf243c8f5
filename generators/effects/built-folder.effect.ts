/** Reads what `gen packer` and `packer build` left in a folder. */
import { createHash } from 'node:crypto'
import { createReadStream, existsSync } from 'node:fs'
import { readdir, readFile, stat } from 'node:fs/promises'
import { basename, isAbsolute, join, relative } from 'node:path'
import type { JsonObject } from '../model/json.ts'
import type { Manifest } from '../render/artifacts.ts'
import type { BuiltFolder, HashedFile, PackerManifest } from '../render/provenance.ts'
import { explained, FileError } from './files.effect.ts'

export interface Watcher {
  readonly begin: (total: number) => void
  readonly bytes: (count: number) => void
}

/**
 * Every byte of what went in and came out is read.
 * @throws FileError when something is missing, or is not what Packer's own checksums say
 */
export async function readBuilt(folder: string, watcher: Watcher, signal: AbortSignal): Promise<BuiltFolder> {
  const manifest = await readJson<PackerManifest>(folder, 'packer-manifest.json')
  const { files } = await readJson<Manifest>(folder, 'manifest.json')
  const images = join(folder, 'provision/images')
  const archives = existsSync(images) ? (await readdir(images)).filter((name) => name.endsWith('.tar')) : []
  const inputs = [
    ...files.map(({ path }) => path),
    'manifest.json',
    ...archives.sort().map((name) => `provision/images/${name}`),
  ]
  const made = manifest.builds
    .filter(({ packer_run_uuid: run }) => run === manifest.last_run_uuid)
    .flatMap((build) => build.files ?? [])
    .map(({ name }) => (isAbsolute(name) ? relative(folder, name) : join(name)))
  const told = ['SHA256SUMS', 'baked.json', 'packer-manifest.json', 'sbom.cdx.json']
  const outputs = [...made, ...told.filter((name) => name !== 'SHA256SUMS' || existsSync(join(folder, name)))]
  const sizes = await Promise.all([...inputs, ...outputs].map((path) => sizeOf(folder, path)))
  watcher.begin(sizes.reduce((sum, size) => sum + size, 0))
  const hash = async (paths: readonly string[]) => {
    const hashed: HashedFile[] = []
    for (const path of paths)
      hashed.push({ path, sha256: await sha256Of(join(folder, path), watcher, signal) })
    return hashed
  }
  const built = {
    variables: await readJson<JsonObject>(folder, 'node.auto.pkrvars.json'),
    manifest,
    inputs: await hash(inputs),
    outputs: await hash(outputs),
  }
  await compare(folder, built.outputs)
  return built
}

async function readJson<T>(folder: string, name: string): Promise<T> {
  const path = join(folder, name)
  const text = await explained(path, () => readFile(path, 'utf8'))
  try {
    return JSON.parse(text) as T
  } catch {
    throw new FileError('other', `${path} is not JSON`)
  }
}

function sizeOf(folder: string, path: string): Promise<number> {
  return explained(join(folder, path), async () => (await stat(join(folder, path))).size)
}

function sha256Of(path: string, watcher: Watcher, signal: AbortSignal): Promise<string> {
  return explained(path, async () => {
    const hash = createHash('sha256')
    for await (const chunk of createReadStream(path, { highWaterMark: 1024 * 1024, signal })) {
      hash.update(chunk as Buffer)
      watcher.bytes((chunk as Buffer).length)
    }
    return hash.digest('hex')
  })
}

/** Packer hashed its files when they were made: `digest, tab, name`. */
async function compare(folder: string, outputs: readonly HashedFile[]): Promise<void> {
  if (!outputs.some(({ path }) => path === 'SHA256SUMS')) return
  const lines = (await readFile(join(folder, 'SHA256SUMS'), 'utf8')).trim().split('\n')
  for (const line of lines) {
    const [digest, name = ''] = line.split(/\s+/)
    const file = outputs.find(({ path }) => basename(path) === basename(name))
    if (file !== undefined && file.sha256 !== digest)
      throw new FileError(
        'other',
        `${file.path} is not what packer build made: its sha256 is not the one in SHA256SUMS`,
      )
  }
}
