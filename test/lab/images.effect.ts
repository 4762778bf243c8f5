import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  createReadStream,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { join, resolve } from 'node:path'
import { labSources } from './cache.effect.ts'
import { eventually, exec } from './exec.effect.ts'

/** test/lab/kubernetes/<name>/components.json: what a build makes and which image each program goes into. */
export type Components = {
  readonly kubernetes: string
  readonly images: Readonly<Record<string, ImageContent>>
}

type ImageContent = {
  readonly binaries: readonly string[]
  /** Tools from the machines' base, or `pause`. */
  readonly needs?: readonly string[]
  readonly entrypoint?: readonly string[]
}

type Descriptor = {
  mediaType: string
  digest: string
  size: number
  annotations?: Record<string, string>
}

/**
 * Makes container images of the built programs, pushes them to a registry on loopback and exports them from
 * there as one OCI archive that `ctr images import` takes, named as the nodes ask for them.
 * @param kubernetes directory with the binaries
 * @param base       the machines' root, for shared libraries
 */
export async function makeImages(
  images: Components['images'],
  kubernetes: string,
  base: string,
  directory: string,
): Promise<void> {
  const work = join(directory, 'work')
  const layout = join(work, 'layout')
  mkdirSync(join(layout, 'blobs/sha256'), { recursive: true })
  const manifests: Descriptor[] = []
  for (const [reference, content] of Object.entries(images)) {
    manifests.push(await oneImage(reference, content, kubernetes, base, layout))
  }
  writeIndex(layout, manifests)
  await throughRegistry(Object.keys(images), work)
  await exec(['tar', '-C', join(work, 'exported'), '-cf', join(directory, 'images.tar'), '.'])
  rmSync(work, { recursive: true })
}

async function oneImage(
  reference: string,
  content: ImageContent,
  kubernetes: string,
  base: string,
  layout: string,
): Promise<Descriptor> {
  const files = join(layout, '..', reference.replaceAll(/[/:]/g, '_'))
  const items = [
    ...content.binaries.map((name) => resolve(kubernetes, name)),
    ...(content.needs ?? []).map((name) => `needs:${name}`),
  ]
  await exec([join(labSources, 'images/filesystem.sh'), base, files, ...items])
  const layer = join(layout, 'layer.tar')
  const owner = ['--owner=0', '--group=0', '--numeric-owner']
  await exec(['tar', '-C', files, '--sort=name', '--mtime=@0', ...owner, '-cf', layer, '.'])
  rmSync(files, { recursive: true })
  const digest = await sha256(layer)
  const size = statSync(layer).size
  renameSync(layer, join(layout, 'blobs/sha256', digest))
  const config = blob(layout, 'application/vnd.oci.image.config.v1+json', {
    architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
    os: 'linux',
    config: {
      Env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'],
      ...(content.entrypoint ? { Entrypoint: content.entrypoint } : {}),
    },
    rootfs: { type: 'layers', diff_ids: [`sha256:${digest}`] },
  })
  const manifest = blob(layout, 'application/vnd.oci.image.manifest.v1+json', {
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config,
    layers: [{ mediaType: 'application/vnd.oci.image.layer.v1.tar', digest: `sha256:${digest}`, size }],
  })
  return { ...manifest, annotations: { 'org.opencontainers.image.ref.name': reference } }
}

function blob(layout: string, mediaType: string, value: unknown): Descriptor {
  const text = JSON.stringify(value)
  const digest = createHash('sha256').update(text).digest('hex')
  writeFileSync(join(layout, 'blobs/sha256', digest), text)
  return { mediaType, digest: `sha256:${digest}`, size: text.length }
}

function writeIndex(layout: string, manifests: readonly Descriptor[]): void {
  writeFileSync(join(layout, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}')
  const mediaType = 'application/vnd.oci.image.index.v1+json'
  writeFileSync(join(layout, 'index.json'), JSON.stringify({ schemaVersion: 2, mediaType, manifests }))
}

/** layout → registry → exported: what comes out is what a registry hands out. */
async function throughRegistry(references: readonly string[], work: string): Promise<void> {
  const port = await freePort()
  const configuration = join(work, 'registry.yml')
  writeFileSync(
    configuration,
    `version: 0.1\nstorage: {filesystem: {rootdirectory: ${work}/registry}}\n` +
      `http: {addr: "127.0.0.1:${port}"}\nlog: {level: error, accesslog: {disabled: true}}\n`,
  )
  const registry = spawn('docker-registry', ['serve', configuration], { stdio: 'ignore' })
  try {
    await eventually('docker-registry', 20, async () => (await fetch(`http://127.0.0.1:${port}/v2/`)).ok, 100)
    const skopeo = ['skopeo', 'copy', '--quiet', '--insecure-policy']
    for (const reference of references) {
      const served = `docker://127.0.0.1:${port}/${reference}`
      await exec([...skopeo, '--dest-tls-verify=false', `oci:${work}/layout:${reference}`, served])
      await exec([...skopeo, '--src-tls-verify=false', served, `oci:${work}/exported:${reference}`])
    }
  } finally {
    registry.kill('SIGKILL')
  }
  nameForContainerd(join(work, 'exported/index.json'))
}

/** containerd takes a full name from this annotation; the standard one may hold no host. */
function nameForContainerd(file: string): void {
  const index = JSON.parse(readFileSync(file, 'utf8')) as { manifests: Descriptor[] }
  for (const manifest of index.manifests) {
    const name = manifest.annotations?.['org.opencontainers.image.ref.name'] as string
    manifest.annotations = { 'io.containerd.image.name': name }
  }
  writeFileSync(file, JSON.stringify(index))
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.on('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0))
    })
  })
}

async function sha256(file: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer)
  return hash.digest('hex')
}
