/** gen images list: which images, for whom, and why. */
import { createHash } from 'node:crypto'
import { createServer } from 'node:http'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { blueprint, clusterPlace } from './support/command-line.ts'

interface Listed {
  readonly reference: string
  readonly why: readonly string[]
  readonly groups: readonly string[]
}

const manifest = `# what an operator's release looks like
apiVersion: v1
kind: List
items:
  - apiVersion: batch/v1
    kind: CronJob
    spec:
      jobTemplate:
        spec:
          template:
            spec:
              initContainers: [{ name: wait, image: busybox:1.36 }]
              containers: [{ name: work, image: "example.org/worker@sha256:${'a'.repeat(64)}" }]
---
apiVersion: apps/v1
kind: Deployment
spec:
  template:
    spec:
      containers: [{ name: web, image: example.org/web }]
      volumes: [{ name: model, image: { reference: example.org/model:v3 } }]
---
{{ not: yaml
---
apiVersion: v1
kind: ConfigMap
data: { image: example.org/not-a-container:v1 }
`
const sum = createHash('sha256').update(manifest).digest('hex')
const server = createServer((request, response) => {
  response.statusCode = request.url === '/addon.yaml' ? 200 : 404
  response.end(request.url === '/addon.yaml' ? manifest : '')
})
let url = ''
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(server.address() as { port: number }).port}`
})
afterAll(() => void server.close())

async function list(extra: string, options = '') {
  const made = clusterPlace(`${blueprint}${extra}`)
  const ran = await made.gen(`images list --json ${options}`)
  const listed = ran.code === 0 ? (JSON.parse(ran.out) as Listed[]) : []
  return { ...ran, listed, names: listed.map(({ reference }) => reference) }
}

describe('gen images list', () => {
  test("has Kubernetes' own of the very version, each once, with its reason", async () => {
    const { listed } = await list('')
    expect(listed.find(({ reference }) => reference === 'registry.k8s.io/pause:3.10')).toEqual({
      reference: 'registry.k8s.io/pause:3.10',
      why: ['the sandbox of every pod'],
      groups: ['control-plane', 'workers', 'gpu'],
    })
    expect(listed.find(({ reference }) => reference.includes('kube-apiserver'))).toEqual({
      reference: 'registry.k8s.io/kube-apiserver:v1.31.4',
      why: ['control plane'],
      groups: ['control-plane'],
    })
  })

  test('of workers has nothing of the control plane', async () => {
    const { names } = await list('', '--role worker')
    expect(names).toContain('registry.k8s.io/kube-proxy:v1.31.4')
    expect(names.join()).not.toMatch(/apiserver|etcd|kube-vip/)
  })

  test('finds what addons and static pods run', async () => {
    const { listed, err } = await list(`addons: [{ name: jobs, url: ${url}/addon.yaml, sha256: "${sum}" }]
files:
  - { path: /etc/kubernetes/manifests/proxy.yaml, content: "kind: Pod\\nspec: { containers: [{ image: traefik:v3.1 }] }" }
`)
    const because = Object.fromEntries(listed.map(({ reference, why }) => [reference, why.join()]))
    expect(because).toMatchObject({
      'docker.io/library/busybox:1.36': 'runs in addon jobs',
      [`example.org/worker@sha256:${'a'.repeat(64)}`]: 'runs in addon jobs',
      'example.org/web:latest': 'runs in addon jobs',
      'example.org/model:v3': 'runs in addon jobs',
      'docker.io/library/traefik:v3.1': 'runs in /etc/kubernetes/manifests/proxy.yaml',
    })
    expect(Object.keys(because).join()).not.toContain('not-a-container')
    expect(err).toMatch(/warning: example\.org\/web:latest moves, and the kubelet pulls/)
  })

  test('says which addon it knows nothing of, and why', async () => {
    const { err, code } = await list(`addons:
  - { name: gone, url: ${url}/gone.yaml }
  - { name: other, url: ${url}/addon.yaml, sha256: "${'0'.repeat(64)}" }
`)
    expect(code).toBe(0)
    expect(err).toMatch(/images of addon gone are not known: .*\/gone\.yaml answers 404\n {2}hint: name them/)
    expect(err).toMatch(
      /images of addon other are not known: .* has the checksum [0-9a-f]{64}, the blueprint/,
    )
  })

  test("has the user's own by their full names, and says what was written", async () => {
    const { listed, err } = await list('airgap: { enabled: true, images: [nginx, registry.test/a/b:v1] }\n')
    expect(listed).toContainEqual({
      reference: 'docker.io/library/nginx:latest',
      why: ['named in airgap.images as nginx'],
      groups: ['control-plane', 'workers', 'gpu'],
    })
    expect(listed.find(({ reference }) => reference === 'registry.test/a/b:v1')?.why).toEqual([
      'named in airgap.images',
    ])
    expect(err).toMatch(/^cluster\.yaml:\d+:\d+: warning: the kubelet pulls nginx at every start/)
  })

  test('of a role that is none, or that no node has, is refused', async () => {
    expect(await list('', '--role postman')).toMatchObject({
      code: 2,
      err: expect.stringMatching(/there is no role postman/),
    })
    const alone = blueprint.replace(/ {2}- \{ name: w1.*\n/, '').replace(/pools:\n.*\n/, '')
    const { gen } = clusterPlace(alone)
    for (const command of ['list', 'export'])
      expect(await gen(`images ${command} --role worker`)).toMatchObject({
        code: 1,
        err: expect.stringContaining('gen: no node of the blueprint is a worker'),
      })
  })
})
