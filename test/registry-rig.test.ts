/** The rig itself: what the tests of images rely on is what an independent client sees. */
import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect } from 'vitest'
import { startFaultProxy } from './support/registry/fault-proxy.ts'
import { image, layer, noise } from './support/registry/images.ts'
import { startRegistry } from './support/registry/registry.ts'
import { password, user } from './support/registry/token-server.ts'
import { withTools } from './support/tools.ts'

const shared = layer({ 'bin/large': noise('large', 300_000) })
const images = [
  image('kube/one', 'v1', { layers: [shared] }),
  image('kube/two', 'v1', { layers: [shared], docker: true }),
  image('kube/single', 'v1', { platforms: [{ os: 'linux', architecture: 'amd64' }] }),
  image('kube/holes', 'v1', { absent: [{ os: 'linux', architecture: 's390x' }] }),
]
const test = withTools('docker-registry', 'skopeo', 'openssl')

describe('an independent client', () => {
  test.for([
    { tls: false, auth: undefined },
    { tls: true, auth: 'basic' },
    { tls: true, auth: 'token' },
  ] as const)('sees the images, with %o', async ({ tls, auth }) => {
    const registry = await startRegistry({ tls, images, ...(auth ? { auth } : {}) })
    for (const { repository, tag, top } of images) {
      const raw = await inspect(registry.name, `${repository}:${tag}`, auth && `${user}:${password}`)
      expect(JSON.parse(raw)).toMatchObject({ mediaType: top.mediaType })
      expect(raw.length).toBe(top.size)
    }
    if (auth !== undefined)
      await expect(inspect(registry.name, 'kube/one:v1', `${user}:wrong`)).rejects.toThrow(/unauthorized|401/)
    const hole = `kube/holes@${images[3]?.absent[0]}`
    await expect(inspect(registry.name, hole, `${user}:${password}`)).rejects.toThrow(/manifest unknown/)
  })

  test('copies an image through a proxy without faults', async () => {
    const registry = await startRegistry({ images })
    const proxy = await startFaultProxy({ before: registry.url })
    const folder = join(registry.dockerConfig, 'copy')
    writeFileSync(
      join(registry.dockerConfig, 'policy.json'),
      '{"default":[{"type":"insecureAcceptAnything"}]}',
    )
    await skopeo(
      ...['copy', '--policy', join(registry.dockerConfig, 'policy.json'), '--all', '--src-tls-verify=false'],
      ...[`docker://${proxy.name}/kube/one:v1`, `dir:${folder}`],
    )
    expect(proxy.seen.filter(({ path }) => path.includes('/blobs/')).length).toBeGreaterThan(3)
  })
})

function inspect(registry: string, name: string, credentials: string | undefined): Promise<string> {
  const who = credentials === undefined ? [] : ['--creds', credentials]
  return skopeo('inspect', '--raw', '--tls-verify=false', ...who, `docker://${registry}/${name}`)
}

/** Not execFileSync: the servers that it asks are of this very process. */
async function skopeo(...args: readonly string[]): Promise<string> {
  return (await promisify(execFile)('skopeo', args, { timeout: 20_000 })).stdout
}
