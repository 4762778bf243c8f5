/** gen images push: into docker-registry and out again, by skopeo; and what may happen on the way. */
import type { ChildProcess } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { describe, expect } from 'vitest'
import { someImages, write } from './support/archives.ts'
import { place } from './support/command-line.ts'
import { startFaultProxy } from './support/registry/fault-proxy.ts'
import { archiveOfAll, expectPulled, images, path, sharedLayer } from './support/registry/pushed.ts'
import { type Registry, startRegistry } from './support/registry/registry.ts'
import { password } from './support/registry/token-server.ts'
import { withTools } from './support/tools.ts'

const test = withTools('docker-registry', 'skopeo', 'openssl')
const archive = archiveOfAll()

describe('gen images push', () => {
  test.for(['basic', 'token'] as const)(
    'over TLS, with %s: skopeo pulls the same digests, and nothing is sent twice',
    async (auth) => {
      const registry = await startRegistry({ tls: true, auth })
      const { gen } = place()
      const env = { DOCKER_CONFIG: registry.dockerConfig }
      const command = `images push ${archive} ${registry.name}/k8s --ca ${registry.ca}`
      const first = await gen(`${command} --json`, { env })
      expect(first.code, first.err).toBe(0)
      const pushed = JSON.parse(first.out) as { uploaded: object; mounted: number; names: { to: string }[] }
      expect(first.err).toMatch(/^\{"event":"begin","title":"all.tar","total":\d+,"done":0\}\n/)
      expect(pushed.names.map(({ to }) => to)).toContain(`${registry.name}/k8s/kube/one:v1`)
      // The layer that three images share goes over the network once.
      expect(pushed.mounted).toBeGreaterThanOrEqual(2)
      await expectPulled(registry, 'k8s/')
      const again = await gen(command, { env })
      expect(again.err).toMatch(/ names; 0 blobs sent, 0 B; 0 taken over from other repositories, \d+ there/)
      expect(again.out).toContain(`${registry.name}/k8s/kube/two:v2  ${images[1]?.top.digest}\n`)
      expect(first.err + first.out + again.err).not.toContain(password)
      if (auth === 'token')
        expect(registry.tokens?.asked.map(({ scopes }) => scopes.join(' '))).toContain(
          'repository:k8s/kube/two:pull,push repository:k8s/kube/one:pull',
        )
    },
  )

  test('killed at any request it leaves no name that leads nowhere, and then goes on', async () => {
    const registry = await startRegistry()
    let child: ChildProcess | undefined
    let at = Number.POSITIVE_INFINITY
    let count = 0
    const proxy = await startFaultProxy({
      before: registry.url,
      faults: () => {
        count += 1
        if (count === at) child?.kill('SIGKILL')
        return undefined
      },
    })
    const { gen } = place()
    const once = async (limit: number) => {
      at = limit
      count = 0
      return gen(`images push ${archive} ${proxy.name} --plain-http`, {
        started: (one) => {
          child = one
        },
      })
    }
    let killed = 0
    // Each further than the one before: what is there already takes fewer requests.
    for (let limit = 3; limit < 200; limit += 6) {
      const { code, signal, err } = await once(limit)
      if (code === 0) break
      expect(signal, err).toBe('SIGKILL')
      killed += 1
      await expectWhole(registry)
    }
    expect(killed).toBeGreaterThan(3)
    expect((await once(Number.POSITIVE_INFINITY)).code).toBe(0)
    await expectPulled(registry)
  })

  test('ends in order on Ctrl-C', async () => {
    const registry = await startRegistry()
    let child: ChildProcess | undefined
    const proxy = await startFaultProxy({
      before: registry.url,
      faults: ({ method }) => {
        if (method !== 'PATCH') return undefined
        // A second one would end it at once.
        child?.kill('SIGINT')
        child = undefined
        return { kind: 'no-answer' }
      },
    })
    const { code, err } = await place().gen(`images push ${archive} ${proxy.name} --plain-http`, {
      started: (one) => {
        child = one
      },
    })
    expect(err).toContain('stopped; the same command goes on')
    expect(code).toBe(130)
  })

  test('says what is wrong', async () => {
    const registry = await startRegistry({ auth: 'basic' })
    const older = path('older.tar')
    await write(someImages(), older)
    const { gen, path: own, read } = place({ 'text.tar': 'no archive\n', config: '' })
    const delta = own('delta.tar')
    const newer = path('newer.tar')
    await write(someImages('2'), newer)
    await gen(`images diff ${older} ${newer} -o ${delta}`)
    const damaged = own('damaged.tar')
    const bytes = readFileSync(archive)
    const inside = bytes.indexOf(sharedLayer.blob.bytes) + 5000
    bytes[inside] = (bytes[inside] ?? 0) ^ 1
    writeFileSync(damaged, bytes)
    const to = `${registry.name} --plain-http`
    const login = { DOCKER_CONFIG: registry.dockerConfig }
    const attempts = [
      [`${archive}`, {}, 2, /push which archive where\?/],
      [
        `${archive} harbor`,
        {},
        2,
        /harbor is no registry, such as harbor.example.com\/harbor or harbor:5000/,
      ],
      [`${archive} a.example/Upper`, {}, 2, /capitals/],
      [`none.tar ${to}`, login, 1, /none.tar does not exist/],
      [`text.tar ${to}`, login, 1, /text.tar is not a tar archive/],
      [`${archive} ${to}`, {}, 1, /access denied \(401.*\n +hint: docker login 127/],
      [`${archive} 127.0.0.1:9 --plain-http`, {}, 1, /127.0.0.1:9: nobody listens there/],
      [`${archive} ${registry.name}`, login, 1, /does not speak TLS\n +hint: --plain-http/],
      [
        `${damaged} ${to}`,
        login,
        1,
        new RegExp(
          `blob ${sharedLayer.blob.digest}: its bytes .* not those of its digest\n.*gen images verify`,
        ),
      ],
      [`${delta} ${to}`, login, 1, /blob sha256:[0-9a-f]{64}: .* is not in the archive\n +hint: a delta/],
    ] as const
    for (const [given, env, code, said] of attempts) {
      const ran = await gen(`images push ${given}`, { env })
      expect(ran.err).toMatch(said)
      expect(ran.code).toBe(code)
    }
    expect(read('text.tar').toString()).toBe('no archive\n')
    await expectWhole(registry)
    // A registry that has what the delta leaves out takes it.
    expect((await gen(`images push ${older} ${to}`, { env: login })).code).toBe(0)
    const rest = await gen(`images push ${delta} ${to}`, { env: login })
    expect(rest.code, rest.err).toBe(0)
  }, 60_000)
})

/** Whatever name is there leads to manifests and blobs that are there. */
async function expectWhole(registry: Registry): Promise<void> {
  const base = `http://${registry.back}/v2`
  const { repositories } = (await (await fetch(`${base}/_catalog`)).json()) as { repositories: string[] }
  for (const repository of repositories) {
    const listed = (await (await fetch(`${base}/${repository}/tags/list`)).json()) as { tags?: string[] }
    for (const tag of listed.tags ?? []) await expectThere(`${base}/${repository}`, tag)
  }
}

interface Document {
  readonly manifests?: readonly { readonly digest: string }[]
  readonly config?: { readonly digest: string }
  readonly layers?: readonly { readonly digest: string }[]
}

async function expectThere(repository: string, name: string): Promise<void> {
  const accept = images.flatMap(({ manifests }) => manifests.map(({ mediaType }) => mediaType)).join(', ')
  const answer = await fetch(`${repository}/manifests/${name}`, { headers: { accept } })
  expect(answer.status).toBe(200)
  const { manifests = [], config, layers = [] } = (await answer.json()) as Document
  for (const { digest } of manifests) await expectThere(repository, digest)
  for (const one of config === undefined ? [] : [config, ...layers])
    expect((await fetch(`${repository}/blobs/${one.digest}`, { method: 'HEAD' })).status).toBe(200)
}
