/** An archive to push, and what an independent client finds in the registry afterwards. */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { rmSync, writeFileSync } from 'node:fs'
import { promisify } from 'node:util'
import { beforeAll, expect } from 'vitest'
import { large, planOf, scratch, write } from '../archives.ts'
import { image } from './images.ts'
import type { Registry } from './registry.ts'
import { password, user } from './token-server.ts'

export const path = scratch()

export const sharedLayer = large('shared', 700_000)
export const images = [
  image('kube/one', 'v1', { layers: [sharedLayer, large('one', 1_200_000)] }),
  image('kube/two', 'v2', { layers: [sharedLayer], docker: true }),
  image('three', 'v3', { layers: [sharedLayer, large('three', 300_000)] }),
  image('big', 'v1', { layers: [large('big', 3_000_000)] }),
]
export const platforms = ['linux/amd64', 'linux/arm64']

/** Made before the tests of the file that asks for it. */
export function archiveOfAll(): string {
  const archive = path('all.tar')
  beforeAll(async () => {
    await write(images, archive, { plan: await planOf(images, { platforms, indexNames: true }) })
  })
  return archive
}

/** Every name leads to the digest that it had, and every platform and layer comes: skopeo checks their digests. */
export async function expectPulled(registry: Registry, prefix = ''): Promise<void> {
  const policy = path('policy.json')
  writeFileSync(policy, '{"default":[{"type":"insecureAcceptAnything"}]}')
  for (const { repository, tag, top } of images) {
    const name = `docker://${registry.name}/${prefix}${repository}:${tag}`
    const credentials = `${user}:${password}`
    const raw = await skopeo('inspect', '--raw', '--tls-verify=false', '--creds', credentials, name)
    expect(`sha256:${createHash('sha256').update(raw).digest('hex')}`).toBe(top.digest)
    const from = ['--src-tls-verify=false', '--src-creds', credentials]
    await skopeo('copy', '--policy', policy, '--all', ...from, name, `dir:${path('pulled')}`)
    rmSync(path('pulled'), { recursive: true })
  }
}

async function skopeo(...args: readonly string[]): Promise<string> {
  return (await promisify(execFile)('skopeo', args)).stdout
}
