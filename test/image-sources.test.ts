/** Images from folders, archives and a containerd that runs: written by skopeo and by containerd, read by us. */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect } from 'vitest'
import { exportArchive } from '../generators/effects/archive/export.effect.ts'
import { anyOf } from '../generators/effects/sources/any-of.effect.ts'
import { openNamed } from '../generators/effects/sources/open.effect.ts'
import { resolveImage } from '../generators/images/resolve.ts'
import { type ImageSource, SourceError } from '../generators/images/source.ts'
import { image, layer, noise, tarOf } from './support/registry/images.ts'
import { blobDigest, manifestOf, named, never, opened, pull } from './support/registry/opened.ts'
import { type Registry, startRegistry } from './support/registry/registry.ts'
import { isRoot, withTools } from './support/tools.ts'

const test = withTools('docker-registry', 'skopeo', 'openssl')
const scratch = mkdtempSync(join(tmpdir(), 'leaven-sources-'))
const policy = join(scratch, 'policy.json')
writeFileSync(policy, '{"default":[{"type":"insecureAcceptAnything"}]}')
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

const amd64 = { os: 'linux', architecture: 'amd64' } as const
const shared = layer({ 'bin/large': noise('sources', 1_500_000) }, 0)
const one = image('kube/one', 'v1', { layers: [shared] })
const single = image('kube/single', 'v1', { layers: [shared], platforms: [amd64], docker: true })
const name = 'registry.example.com/kube/one:v1'

let registry: Registry
const begin = async () => {
  registry = await startRegistry({ images: [one, single] })
}
beforeAll(begin)

async function copy(from: string, to: string): Promise<void> {
  const args = [
    'copy',
    '--policy',
    policy,
    '--all',
    '--src-tls-verify=false',
    `docker://${registry.name}/${from}`,
    to,
  ]
  await promisify(execFile)('skopeo', args, { timeout: 30_000 })
}
const open = (written: string, env: Readonly<Record<string, string>> = {}) =>
  openNamed(written, { cwd: scratch, env: { ...process.env, ...env } })

describe('an OCI layout', () => {
  test('gives every byte: a folder and an archive, names in full and tags only', async () => {
    await copy('kube/one:v1', `oci:${scratch}/layout:v1`)
    await pull(await open('oci:layout@registry.example.com/kube/one'), name, one)
    await copy('kube/one:v1', `oci:${scratch}/full:${name}`)
    const full = await open('oci:full')
    await pull(full, name, one)
    await pull(full, `registry.example.com/kube/one@${one.top.digest}`, one)
    await copy('kube/one:v1', `oci-archive:${scratch}/layout.tar:${name}`)
    const archive = await open('oci-archive:layout.tar')
    await pull(archive, name, one)
    await archive.close()
  })

  test('says what it has instead', async () => {
    await copy('kube/one:v1', `oci:${scratch}/other:v1`)
    const source = await open('oci:other')
    await expect(source.resolve(named(name), never)).rejects.toMatchObject({
      reason: 'missing',
      message: `${name} is not in oci:other`,
      hint: 'there is v1',
    })
    const lost = `sha256:${'0'.repeat(64)}`
    await expect(source.manifest(named(name), lost, never)).rejects.toMatchObject({ reason: 'missing' })
    await expect(blobDigest(source, name, { digest: lost, size: 1 })).rejects.toMatchObject({
      reason: 'missing',
    })
  })

  test('that is damaged is told', async () => {
    await copy('kube/one:v1', `oci:${scratch}/damaged:${name}`)
    const path = join(scratch, 'damaged/blobs', one.top.digest.replace(':', '/'))
    writeFileSync(path, `${readFileSync(path, 'utf8')} `)
    const source = await open('oci:damaged')
    await expect(source.resolve(named(name), never)).rejects.toMatchObject({ reason: 'damaged' })
    const large = { digest: shared.blob.digest, size: shared.blob.bytes.length + 1 }
    await expect(blobDigest(source, name, large)).rejects.toThrow(/has \d+ instead of \d+ bytes/)
  })

  test.for([
    ['oci:nowhere', /is no OCI layout/],
    ['oci-archive:nowhere.tar', /does not exist/],
    ['oci-archive:text', /is not a tar archive/],
    ['docker-archive:plain.tar', /neither an OCI layout nor/],
    ['tarball:x', /is no source of images/],
    ['oci:', /is no source of images/],
    ['nginx', /is no source of images/],
  ] as const)('%s is refused', async ([written, message]) => {
    writeFileSync(join(scratch, 'text'), 'hello\n')
    writeFileSync(join(scratch, 'plain.tar'), tarOf({ a: 'b' }))
    await expect(open(written)).rejects.toThrow(message)
  })
})

describe("docker save's archive", () => {
  test('becomes an image with the same config and layers', async () => {
    await copy('kube/single:v1', `docker-archive:${scratch}/docker.tar:registry.example.com/kube/single:v1`)
    const source = await open('docker-archive:docker.tar')
    const full = named('registry.example.com/kube/single:v1')
    const resolved = await resolveImage(source, full, [amd64], never)
    const [found] = resolved.platforms
    expect(found?.config.digest).toBe(single.blobs.at(-1)?.digest)
    // skopeo unpacks the layers.
    expect(found?.layers[0]?.digest).toBe(shared.diffId)
    for (const blob of found?.layers ?? [])
      expect(await blobDigest(source, 'registry.example.com/kube/single', blob)).toBe(blob.digest)
    await expect(source.resolve(named('registry.example.com/kube/single:v2'), never)).rejects.toThrow(
      /v2 is not in docker-archive/,
    )
    await source.close()
  })

  test('is exported where no registry is in reach, the config that says its platform too', async () => {
    await copy('kube/single:v1', `docker-archive:${scratch}/alone.tar:registry.example.com/kube/single:v1`)
    const unreachable = async () => Promise.reject(new SourceError('unreachable', 'no registry is in reach'))
    const nobody: ImageSource = {
      resolve: unreachable,
      manifest: unreachable,
      // biome-ignore lint/correctness/useYield: it has nothing
      blob: async function* () {
        await unreachable()
      },
      close: async () => undefined,
    }
    const source = anyOf([await open('docker-archive:alone.tar'), nobody])
    const wishes = [{ reference: named('registry.example.com/kube/single:v1') }]
    const job = { wishes, platforms: [amd64], indexNames: false, older: [], partSize: undefined }
    const watcher = { begin: () => undefined, bytes: () => undefined, note: () => undefined }
    const path = join(scratch, 'exported.tar')
    const { outcome } = await exportArchive({ ...job, path }, source, watcher, never)
    expect(outcome).toBe('written')
    const exported = await open('oci-archive:exported.tar')
    const config = { digest: single.blobs.at(-1)?.digest ?? '', size: single.blobs.at(-1)?.bytes.length ?? 0 }
    expect(await blobDigest(exported, 'registry.example.com/kube/single:v1', config)).toBe(config.digest)
    await exported.close()
    await source.close()
  })
})

describe('several sources', () => {
  test('what the first lacks comes from the next, and so does what it has damaged', async () => {
    await copy('kube/one:v1', `oci:${scratch}/first:${registry.name}/kube/one:v1`)
    const path = join(scratch, 'first/blobs', shared.blob.digest.replace(':', '/'))
    const bytes = readFileSync(path)
    bytes[1000] = (bytes[1000] ?? 0) ^ 1
    writeFileSync(path, bytes)
    const source = anyOf([await open('oci:first'), opened({}).source])
    const large = { digest: shared.blob.digest, size: shared.blob.bytes.length }
    const at = `${registry.name}/kube/one:v1`
    expect(await blobDigest(source, at, large)).not.toBe(large.digest)
    expect(await blobDigest(source, at, large)).toBe(large.digest)
    await pull(source, `${registry.name}/kube/single:v1`, single)
    await expect(source.resolve(named(`${registry.name}/kube/none:v1`), never)).rejects.toThrow(
      /not found; tried http/,
    )
  })
})

describe.skipIf(!isRoot())('a containerd that runs', () => {
  const contained = withTools('docker-registry', 'openssl', 'containerd', 'ctr')
  const address = join(scratch, 'containerd.sock')
  let child: ChildProcess | undefined
  afterAll(() => child?.kill('SIGKILL'))
  const ctr = (...args: readonly string[]) =>
    promisify(execFile)('ctr', ['-a', address, '-n', 'k8s.io', ...args])

  contained('gives every byte of what it has', async () => {
    const config = join(scratch, 'containerd.toml')
    const folders = { root: join(scratch, 'root'), state: join(scratch, 'state') }
    writeFileSync(
      config,
      `version = 2\nroot = "${folders.root}"\nstate = "${folders.state}"\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n[grpc]\naddress = "${address}"\n[ttrpc]\naddress = "${address}.ttrpc"\n`,
    )
    child = spawn('containerd', ['-c', config], { stdio: 'ignore' })
    for (let count = 0; ; count += 1) {
      if (
        await ctr('version').then(
          () => true,
          () => false,
        )
      )
        break
      if (count === 100) throw new Error('containerd does not start')
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
    const at = `${registry.name}/kube/one:v1`
    await ctr('content', 'fetch', '--plain-http', '--all-platforms', at)
    const source = await open('containerd:', { CONTAINERD_ADDRESS: address })
    await pull(source, at, one)
    const large = { digest: shared.blob.digest, size: shared.blob.bytes.length, mediaType: '' }
    const rest: Buffer[] = []
    for await (const bytes of source.blob(named(at), large, 1_000_000, never)) rest.push(Buffer.from(bytes))
    expect(Buffer.concat(rest).equals(shared.blob.bytes.subarray(1_000_000))).toBe(true)
    await expect(source.resolve(named(`${registry.name}/kube/one:v2`), never)).rejects.toMatchObject({
      reason: 'missing',
    })
    await expect(manifestOf(source, at, `sha256:${'0'.repeat(64)}`)).rejects.toMatchObject({
      reason: 'missing',
    })
    const elsewhere = await open('containerd:other', { CONTAINERD_ADDRESS: address })
    await expect(elsewhere.resolve(named(at), never)).rejects.toMatchObject({ reason: 'missing' })
  })

  contained(
    'that does not run, or a ctr that is not there, is told',
    async () => {
      const nobody = await open('containerd:', { CONTAINERD_ADDRESS: join(scratch, 'nobody.sock') })
      await expect(nobody.resolve(named(name), never)).rejects.toMatchObject({
        reason: 'unreachable',
        hint: expect.stringContaining('CONTAINERD_ADDRESS'),
      })
      const without = await open('containerd:', { PATH: scratch })
      await expect(without.resolve(named(name), never)).rejects.toThrow(/ctr is not in PATH/)
    },
    90_000,
  )
})
