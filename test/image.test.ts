/** What `gen packer` uploads: the plan of a machine image, and the folder that is made of it. */
import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { check, complete, completeImage } from '../generators/compile.ts'
import { loadKubernetesTable } from '../generators/effects/assets.effect.ts'
import type { Artifact } from '../generators/model/artifact.ts'
import type { Role } from '../generators/model/role.ts'
import { isSecret, renderBody } from '../generators/render/file.ts'
import { provisionArtifacts, provisionScripts } from '../generators/render/provision.ts'
import { run, withTools } from './support/tools.ts'

const blueprint = (more = '', version = '1.31.4') => `
apiVersion: leaven/v1
kind: Cluster
name: image
kubernetes: { version: ${version} }
endpoint: { address: 10.0.0.100 }
os: { provider: ubuntu, release: "24.04" }
nodes:
  - { name: m1, role: control-plane, address: 10.0.0.11 }
  - { name: w1, role: worker, address: 10.0.0.21 }
${more}`

function checked(text: string) {
  return check({
    file: 'cluster.yaml',
    blueprint: new TextEncoder().encode(text),
    kubernetes: loadKubernetesTable(),
  })
}

function provision(text: string, role: Role = 'worker') {
  const { image, diagnostics } = completeImage(checked(text), role)
  if (image === undefined) throw new Error(JSON.stringify(diagnostics))
  const artifacts = provisionArtifacts(image)
  return { image, artifacts, read: (path: string) => textOf(artifacts, path) }
}

function textOf(artifacts: readonly Artifact[], path: string): string {
  const found = artifacts.find((artifact) => artifact.path === path)
  if (found === undefined) throw new Error(`no ${path}`)
  return new TextDecoder().decode(found.bytes)
}

describe('the plan of an image', () => {
  test('installs what a node would install, also for a blueprint whose nodes come baked', () => {
    for (const more of ['', 'bootstrap: { prebaked: true }']) {
      const tables = provision(blueprint(more)).read('root/etc/leaven/tables')
      expect(tables).toMatch(/^packages\t.*\tkubelet=1\.31\.4-\*\tkubeadm=1\.31\.4-\*\t/m)
      expect(tables).toMatch(/^repositories\tkubernetes\tapt\t/m)
      expect(tables).toMatch(/^images\tregistry\.k8s\.io\/kube-proxy:v1\.31\.4$/m)
    }
  })

  test('takes release binaries where there are no packages, from the mirror that the blueprint names', () => {
    const tables = provision(
      blueprint('repositories: { binaries: "http://mirror.internal" }', '1.20.2'),
    ).read('root/etc/leaven/tables')
    expect(tables).toContain('downloads\thttp://mirror.internal/release/v1.20.2/bin/linux/amd64/kubeadm\t')
    expect(provision(blueprint('', '1.20.2')).read('root/etc/systemd/system/kubelet.service')).toContain(
      'ExecStart=',
    )
  })

  test('has the images of its role only', () => {
    const images = (role: Role) => provision(blueprint(), role).image.images.map(({ reference }) => reference)
    expect(images('worker').some((name) => name.includes('/etcd:'))).toBe(false)
    expect(images('control-plane').some((name) => name.includes('/etcd:'))).toBe(true)
    expect(images('control-plane')).toEqual(expect.arrayContaining([...images('worker')]))
  })

  test('holds nothing secret, nothing of a node, and of /etc/leaven only what the bake itself reads', () => {
    const secrets = `files:
  - { path: /etc/own.conf, content: "open" }
  - { path: /etc/own.key, mode: "0600", content: "closed" }
hooks: { preSystem: { content: "exit 0" } }`
    for (const role of ['control-plane', 'worker'] as const) {
      const { image } = provision(blueprint(secrets), role)
      const paths = image.files.map(({ path }) => path)
      expect(image.files.filter(({ body }) => isSecret(body))).toEqual([])
      expect(paths.filter((path) => path.startsWith('/etc/leaven/'))).toEqual([
        '/etc/leaven/node.env',
        '/etc/leaven/tables',
      ])
      expect(paths).toContain('/etc/own.conf')
      expect(paths).not.toContain('/etc/own.key')
      const text = image.files.map(({ body }) => renderBody(body)).join('\n')
      expect(text).not.toMatch(/10\.0\.0\.(11|21|100)|LEAVEN_CLUSTER=|PRIVATE KEY/)
    }
  })

  test('brings manifests that would be fetched while the cluster forms, where a checksum says what they are', () => {
    const addon = (sum: string) => `addons: [{ name: own, url: "https://files.internal/own.yaml"${sum} }]`
    const more = addon(`, sha256: "${'ab'.repeat(32)}"`)
    const tables = provision(blueprint(more), 'control-plane').read('root/etc/leaven/tables')
    const row = [
      'https://files.internal/own.yaml',
      'ab'.repeat(32),
      '/var/lib/leaven/bundle/manifest.yaml',
      '0644',
      'file',
    ]
    expect(tables).toContain(`downloads\t${row.join('\t')}\n`)
    const unpinned = provision(blueprint(addon('')), 'control-plane').read('root/etc/leaven/tables')
    expect(unpinned).not.toContain('/bundle/')
    expect(provision(blueprint(more)).read('root/etc/leaven/tables')).not.toContain('/bundle/')
  })

  test('reports what a node that installs would trip over', () => {
    const text = blueprint('runtime: { version: 1.7.27 }\nbootstrap: { prebaked: true }').replace(
      'ubuntu, release: "24.04"',
      'debian, release: "12", containerdSource: distribution',
    )
    expect(checked(text).diagnostics.map(({ code }) => code)).not.toContain('os/containerd-not-packaged')
    const { image, diagnostics } = completeImage(checked(text), 'worker')
    expect(image).toBeUndefined()
    expect(diagnostics.map(({ code }) => code)).toContain('os/containerd-not-packaged')
  })
})

describe('the folder', () => {
  test('says of every file what it has to be', () => {
    const { artifacts, read } = provision(blueprint())
    const rows = read('contents')
      .trim()
      .split('\n')
      .map((line) => line.split('\t'))
    const placed = artifacts.filter(({ path }) => path.startsWith('root/'))
    expect(rows.map(([, , path]) => `root${path}`)).toEqual(placed.map(({ path }) => path))
    for (const [index, { bytes }] of placed.entries())
      expect(rows[index]?.[1]).toBe(createHash('sha256').update(bytes).digest('hex'))
    expect(rows.find(([, , path]) => path === '/usr/local/sbin/leaven')?.[0]).toBe('0755')
    expect(placed.every(({ secret }) => !secret)).toBe(true)
  })

  withTools('shellcheck', 'bash')('has scripts that pass shellcheck as they are shipped', () => {
    const { read } = provision(blueprint())
    for (const name of [...provisionScripts, 'inventory.sh'])
      run('shellcheck', ['-s', 'bash', '-e', 'SC1090,SC1091,SC2013,SC2046,SC2154', '-'], read(name))
  })

  test('starts as sh, whatever sh is', () => {
    const { read } = provision(blueprint())
    for (const name of provisionScripts)
      expect(read(name)).toMatch(/^#!\/bin\/bash\n\[ -n "\$BASH_VERSION" \] \|\| exec bash /)
  })
})

describe("a baked node's user-data", () => {
  const texts = (more: string) =>
    complete(checked(blueprint(more))).groups?.map(({ role, files, env }) => ({
      role,
      paths: files.map(({ path }) => path),
      expects: env['LEAVEN_BAKED_EXPECT'],
    })) ?? []

  test('is data only', () => {
    const programs = ['/usr/local/sbin/leaven', '/etc/systemd/system/leaven.service']
    for (const { paths } of texts('')) expect(paths).toEqual(expect.arrayContaining(programs))
    for (const { paths } of texts('bootstrap: { prebaked: true }'))
      expect(paths.filter((path) => path.startsWith('/usr/') || path.includes('leaven.service'))).toEqual([])
  })

  test('asks for the version that was named, and for the series where it is our default', () => {
    const role = (name: string) => texts('').find((text) => text.role === name)?.expects
    expect(role('worker')).toMatch(/^kubernetes=1\.31\.4 containerd=\d+\.\d+$/)
    expect(role('control-plane')).toMatch(/ role=control-plane$/)
    expect(texts('runtime: { version: 1.7.27 }')[0]?.expects).toContain('containerd=1.7.27')
  })
})
