/** gen images export as a process: what it is asked, and what it says. */
import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { describe, expect } from 'vitest'
import { large } from './support/archives.ts'
import { clusterPlace, place } from './support/command-line.ts'
import { image } from './support/registry/images.ts'
import { startRegistry } from './support/registry/registry.ts'
import { password, user } from './support/registry/token-server.ts'
import { withTools } from './support/tools.ts'

const shared = large('shared', 8_000_000)
const images = [
  image('kube/one', 'v1', { layers: [shared, large('one', 24_000_000)] }),
  image('kube/two', 'v2', { layers: [shared, large('two', 12_000_000)], docker: true }),
  image('kube/three', 'latest', { layers: [shared], platforms: [{ os: 'linux', architecture: 'arm64' }] }),
]
const digest = (file: string) => createHash('sha256').update(readFileSync(file)).digest('hex')
const test = withTools('docker-registry', 'openssl')

describe('gen images export', () => {
  test('is the same from a list in any order, with comments, over TLS and tokens', async () => {
    const registry = await startRegistry({ tls: true, auth: 'token', images })
    const { gen, path } = place({
      'list.txt': `# what we run\n${registry.name}/kube/two:v2 # second\n\n${registry.name}/kube/one:v1\n`,
    })
    const env = { DOCKER_CONFIG: registry.dockerConfig }
    const listed = await gen(`images export --images list.txt --ca ${registry.ca} -o a.tar --json`, { env })
    expect(listed.err).toMatch(/^\{"event":"begin","title":"a.tar","total":\d+,"done":0\}\n/)
    const [archive] = JSON.parse(listed.out) as [
      { outcome: string; images: { name: string; digest: string }[] },
    ]
    expect(archive).toMatchObject({
      outcome: 'written',
      images: [{ digest: images[0]?.top.digest }, { digest: images[1]?.top.digest }],
    })
    const named = `--images ${registry.name}/kube/one:v1 --images ${registry.name}/kube/two:v2`
    expect((await gen(`images export ${named} --ca ${registry.ca} -o b.tar`, { env })).code).toBe(0)
    expect(digest(path('b.tar'))).toBe(digest(path('a.tar')))
    expect(listed.err + listed.out).not.toContain(password)
    expect(user).not.toBe('')
    const refused = await gen(`images export ${named} --ca ${registry.ca} -o c.tar`)
    expect(refused).toMatchObject({
      code: 1,
      err: expect.stringMatching(
        /^gen: \S+kube\/one:v1: not allowed; tried https:.*\n {2}hint: .*\ngen: \S+kube\/two:v2: not allowed/,
      ),
    })
    expect(existsSync(path('c.tar.partial'))).toBe(false)
  })

  test('says what is wrong, and writes nothing', async () => {
    const registry = await startRegistry({ images })
    const { gen, list } = place({ 'list.txt': 'ok/name:v1\nUpper/Case\n' })
    const attempts = [
      ['--images list.txt', 1, /^gen: list\.txt:2: Upper\/Case: .*capitals/m],
      [`--images ${registry.name}/kube/none:v1`, 1, /kube\/none:v1: not found; tried http/],
      [
        `--images ${registry.name}/kube/one:v9 --images ${registry.name}/kube/one:v1 --images ${registry.name}/kube/three`,
        1,
        /^gen: \S+one:v9: not found.*\n {2}hint: .*\ngen: .*three:latest has no linux\/amd64/m,
      ],
      [`--images ${registry.name}/kube/three`, 1, /three:latest has no linux\/amd64; it has linux\/arm64/],
      [`--images ${registry.name}/kube/one:v1 --platform plan9/amd64`, 2, /plan9\/amd64 is not a platform/],
      [`--images ${registry.name}/kube/one:v1 --split 3`, 2, /3 is not a size/],
      [`--images ${registry.name}/kube/one:v1 --rewrite nothing`, 2, /a rewrite is FROM=TO/],
      [`--images ${registry.name}/kube/one:v1 --role master`, 2, /exclude each other/],
    ] as const
    for (const [given, code, said] of attempts) {
      const ran = await gen(`images export ${given} --plain-http -o out.tar`)
      expect(ran.err).toMatch(said)
      expect(ran.code).toBe(code)
    }
    expect(list()).toEqual(['list.txt'])
    const arm = await gen(
      `images export --images ${registry.name}/kube/three --platform linux/arm64 --plain-http -o out.tar`,
    )
    expect(arm.err).toMatch(/three is .*three:latest\ngen: warning: .* moves, and the kubelet pulls/)
    expect(arm.code).toBe(0)
  })

  test('makes an archive for each role, from where the blueprint is told to look', async () => {
    const made = clusterPlace()
    const listed = await made.gen('images list --json')
    const names = (JSON.parse(listed.out) as { reference: string }[]).map(({ reference }) => reference)
    const copies = names.map((name) => {
      const [, repository = '', tag = ''] = /^([^:]+):(.*)$/.exec(name) ?? []
      return image(repository, tag, { layers: [shared] })
    })
    const registry = await startRegistry({ images: copies })
    const rewrites = [...new Set(names.map((name) => name.split('/')[0] ?? ''))]
      .map((host) => `--rewrite ${host}=${registry.name}/${host}`)
      .join(' ')
    const { code, err } = await made.gen(`images export ${rewrites} --plain-http`)
    expect(err).toMatch(/prod\/images\/control-plane\.tar: written: \d+ images/)
    expect(code).toBe(0)
    const verified = await made.gen('images verify out/prod/images/worker.tar --json')
    const inWorker = (JSON.parse(verified.out) as { images: { name: string }[] }).images.map(
      ({ name }) => name,
    )
    const wanted = await made.gen('images list --role worker --json')
    for (const { reference } of JSON.parse(wanted.out) as { reference: string }[])
      expect(inWorker).toContain(reference)
    expect(inWorker.join()).not.toContain('kube-apiserver')
  })
})
