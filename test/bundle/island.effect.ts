/** A publisher on loopback, a blueprint that takes everything from it, and an archive of tiny images. */
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { kubernetes } from '../support/compiled.ts'
import { run } from '../support/tools.ts'

export const kubernetesVersion = '1.20.15'

export interface Publisher {
  readonly url: string
  /** Paths that were asked for, in order. */
  readonly asked: string[]
  /** What it serves; change it to change the world. */
  readonly files: Map<string, Uint8Array>
  close(): Promise<void>
}

export const sha256 = (bytes: string | Uint8Array) => createHash('sha256').update(bytes).digest('hex')

/** Release files as dl.k8s.io and GitHub have them, programs being scripts that know their version. */
export async function publish(): Promise<Publisher> {
  const files = new Map<string, Uint8Array>()
  const asked: string[] = []
  const put = (path: string, bytes: Uint8Array) => {
    files.set(path, bytes)
    files.set(`${path}.sha256`, Buffer.from(`${sha256(bytes)}\n`))
  }
  for (const name of ['kubeadm', 'kubelet', 'kubectl'])
    put(
      `/release/v${kubernetesVersion}/bin/linux/amd64/${name}`,
      Buffer.from(`#!/bin/sh\necho v${kubernetesVersion}\n`),
    )
  const tools = kubernetes['1.20']?.tools ?? { crictl: '', cniPlugins: '' }
  const crictl = `/kubernetes-sigs/cri-tools/releases/download/v${tools.crictl}/crictl-v${tools.crictl}-linux-amd64.tar.gz`
  put(crictl, tarOf({ crictl: '#!/bin/sh\n' }))
  const plugins = `/containernetworking/plugins/releases/download/v${tools.cniPlugins}/cni-plugins-linux-amd64-v${tools.cniPlugins}.tgz`
  put(plugins, tarOf({ bridge: '#!/bin/sh\n', loopback: '#!/bin/sh\n' }))
  files.set('/addon.yaml', Buffer.from('kind: Namespace\n'))
  const server: Server = createServer((request, response) => {
    const path = request.url ?? ''
    asked.push(path)
    const bytes = files.get(path)
    if (bytes === undefined) response.writeHead(404).end('not here')
    else response.writeHead(200, { 'content-length': bytes.length }).end(bytes)
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    asked,
    files,
    close: () =>
      new Promise((closed) => {
        server.closeAllConnections()
        server.close(() => closed())
      }),
  }
}

function tarOf(files: Readonly<Record<string, string>>): Uint8Array {
  const folder = mkdtempSync(join(tmpdir(), 'leaven-tar-'))
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text, { mode: 0o755 })
  run('tar', ['-C', folder, '--sort=name', '--mtime=@0', '-czf', join(folder, '.tgz'), ...Object.keys(files)])
  const bytes = readFileSync(join(folder, '.tgz'))
  rmSync(folder, { recursive: true })
  return bytes
}

/** Two nodes behind a VIP without a network; `lines` say what they run. */
export function offlineBlueprint(url: string, version: string, lines: readonly string[], more = ''): string {
  return `apiVersion: leaven/v1
kind: Cluster
name: island
kubernetes: { version: ${version} }
endpoint: { address: 10.77.0.10 }
network: { gateway: 10.77.0.1, cni: { provider: none } }
${lines.join('\n')}
airgap: { enabled: true }
addons:
  - { name: spaces, url: "${url}/addon.yaml" }
nodes:
  - { name: m1, role: control-plane, address: 10.77.0.11 }
  - { name: w1, role: worker, address: 10.77.0.21 }
${more}`
}

/** Debian 12, whose own containerd takes Kubernetes' binaries from before they were packaged at pkgs.k8s.io. */
export function islandBlueprint(url: string, more = ''): string {
  const lines = [
    'os: { provider: debian, release: "12", containerdSource: distribution }',
    'runtime: { version: "1.6" }',
    `repositories: { binaries: "${url}" }`,
  ]
  return offlineBlueprint(url, kubernetesVersion, lines, more)
}

/** One layer with one file for each name: an OCI layout in a plain tar, as `gen images export` writes it. */
export function writeImages(
  archive: string,
  names: readonly string[],
): readonly { name: string; digest: string }[] {
  const folder = mkdtempSync(join(tmpdir(), 'leaven-oci-'))
  mkdirSync(join(folder, 'blobs/sha256'), { recursive: true })
  const blob = (bytes: Uint8Array | string, mediaType: string) => {
    writeFileSync(join(folder, 'blobs/sha256', sha256(bytes)), bytes)
    return { mediaType, digest: `sha256:${sha256(bytes)}`, size: Buffer.byteLength(bytes) }
  }
  const platform = { os: 'linux', architecture: 'amd64' }
  const manifests = names.map((name) => {
    const layer = tarOf({ name })
    const config = {
      ...platform,
      rootfs: { type: 'layers', diff_ids: [`sha256:${sha256(gunzipSync(layer))}`] },
    }
    const oci = 'application/vnd.oci.image'
    const manifest = blob(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: `${oci}.manifest.v1+json`,
        config: blob(JSON.stringify(config), `${oci}.config.v1+json`),
        layers: [blob(layer, `${oci}.layer.v1.tar+gzip`)],
      }),
      `${oci}.manifest.v1+json`,
    )
    return { ...manifest, platform, annotations: { 'io.containerd.image.name': name } }
  })
  writeFileSync(join(folder, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}')
  writeFileSync(join(folder, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests }))
  run('tar', ['-C', folder, '--sort=name', '--mtime=@0', '-cf', archive, 'oci-layout', 'index.json', 'blobs'])
  rmSync(folder, { recursive: true })
  return manifests.map(({ digest, annotations }) => ({
    name: annotations['io.containerd.image.name'],
    digest,
  }))
}

/** Essential packages and apt, nothing else; made once a machine. */
export function cleanDebian(scratch: string): string {
  const cache = join(process.env['LEAVEN_CACHE'] ?? join(homedir(), '.cache/leaven'), 'debian-12-apt.tar')
  if (!existsSync(cache)) {
    mkdirSync(join(cache, '..'), { recursive: true })
    run('mmdebstrap', ['-q', '--variant=apt', 'bookworm', `${cache}.new.tar`])
    renameSync(`${cache}.new.tar`, cache)
  }
  const root = mkdtempSync(join(scratch, 'root-'))
  run('tar', ['-xf', cache, '-C', root])
  // No init: services of packages stay off, as on any build machine.
  writeFileSync(join(root, 'usr/sbin/policy-rc.d'), '#!/bin/sh\nexit 101\n', { mode: 0o755 })
  return root
}
