import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parse as parseToml } from 'smol-toml'
import { describe, expect, test } from 'vitest'
import type { JsonObject } from '../generators/model/json.ts'
import type { ClusterSecrets } from '../generators/model/secrets.ts'
import { containerd } from '../generators/providers/runtime/containerd/index.ts'
import { codes, contributed, fileOf, planOf, table, textOf, written } from './support/contributed.ts'
import { isRoot, run, withTools } from './support/tools.ts'

describe('containerd', () => {
  const config = (patch: JsonObject = {}) =>
    fileOf(contributed('runtime', patch), '/etc/containerd/config.toml')
  const options = {
    dataDir: '/data/containerd',
    cniBinDir: '/usr/lib/cni',
    maxConcurrentDownloads: 10,
    restrictOomScoreAdj: true,
    selinux: true,
  }

  test('1.x gets version 2, with one CRI plugin', () => {
    expect(parseToml(config())).toEqual({
      version: 2,
      plugins: {
        'io.containerd.grpc.v1.cri': {
          sandbox_image: 'registry.k8s.io/pause:3.10',
          registry: { config_path: '/etc/containerd/certs.d' },
          containerd: {
            runtimes: { runc: { runtime_type: 'io.containerd.runc.v2', options: { SystemdCgroup: true } } },
          },
        },
      },
    })
  })

  test.each([
    ['2.0.5', { bin_dir: '/usr/lib/cni' }],
    ['2.2.0', { bin_dirs: ['/usr/lib/cni'] }],
  ])('%s gets version 3, with images and runtime apart', (version, cni) => {
    expect(parseToml(config({ runtime: { version, ...options } }))).toEqual({
      version: 3,
      root: '/data/containerd',
      plugins: {
        'io.containerd.cri.v1.images': {
          max_concurrent_downloads: 10,
          pinned_images: { sandbox: 'registry.k8s.io/pause:3.10' },
          registry: { config_path: '/etc/containerd/certs.d' },
        },
        'io.containerd.cri.v1.runtime': {
          enable_selinux: true,
          restrict_oom_score_adj: true,
          cni,
          containerd: {
            runtimes: { runc: { runtime_type: 'io.containerd.runc.v2', options: { SystemdCgroup: true } } },
          },
        },
      },
    })
  })

  test('the patch of the user has the last word', () => {
    const cri = 'io.containerd.grpc.v1.cri'
    const patch = { plugins: { [cri]: { registry: null, stream_idle_timeout: '1h' } }, oom_score: -999 }
    const plan = planOf()
    const overridden = { ...plan, overrides: { ...plan.overrides, containerd: patch } }
    const body = containerd.contribute?.(
      overridden,
      { role: 'worker', pool: undefined },
      {} as ClusterSecrets,
    )
    const merged = parseToml(fileOf(body ?? {}, '/etc/containerd/config.toml')) as JsonObject
    expect(merged['oom_score']).toBe(-999)
    expect(merged).toHaveProperty(['plugins', cri, 'stream_idle_timeout'], '1h')
    expect(merged).not.toHaveProperty(['plugins', cri, 'registry'])
    expect(merged).toHaveProperty(['plugins', cri, 'sandbox_image'], 'registry.k8s.io/pause:3.10')
  })

  test('the sandbox is the pause of the Kubernetes version, from the same registry', () => {
    const patch = {
      kubernetes: { version: '1.20.2', imageRepository: 'registry.aliyuncs.com/google_containers' },
    }
    expect(config(patch)).toContain('sandbox_image = "registry.aliyuncs.com/google_containers/pause:3.2"')
    expect(contributed('runtime', patch).images).toEqual([
      { reference: 'registry.aliyuncs.com/google_containers/pause:3.2', why: 'the sandbox of every pod' },
    ])
  })

  test('crictl finds it without being told', () => {
    expect(fileOf(contributed('runtime'), '/etc/crictl.yaml')).toMatch(
      /runtime-endpoint: "?unix:\/\/\/run\/containerd\/containerd\.sock/,
    )
  })

  // The installed one: Debian 12 has 1.6, Debian 13 has 1.7, and both read version 2.
  withTools('containerd')('containerd itself reads the values', () => {
    const path = written('config.toml', config({ runtime: options }))
    const dumped = parseToml(run('containerd', ['--config', path, 'config', 'dump'])) as JsonObject
    const cri = ['plugins', 'io.containerd.grpc.v1.cri']
    expect(dumped['root']).toBe('/data/containerd')
    expect(dumped).toHaveProperty([...cri, 'sandbox_image'], 'registry.k8s.io/pause:3.10')
    expect(dumped).toHaveProperty([...cri, 'registry', 'config_path'], '/etc/containerd/certs.d')
    expect(dumped).toHaveProperty([...cri, 'max_concurrent_downloads'], 10)
    expect(dumped).toHaveProperty([...cri, 'restrict_oom_score_adj'], true)
    expect(dumped).toHaveProperty([...cri, 'enable_selinux'], true)
    expect(dumped).toHaveProperty([...cri, 'cni', 'bin_dir'], '/usr/lib/cni')
    expect(dumped).toHaveProperty([...cri, 'cni', 'conf_dir'], '/etc/cni/net.d')
    const runc = [...cri, 'containerd', 'runtimes', 'runc']
    expect(dumped).toHaveProperty([...runc, 'options', 'SystemdCgroup'], true)
    expect(dumped).toHaveProperty([...runc, 'runtime_type'], 'io.containerd.runc.v2')
  })

  test.each([
    [
      { kubernetes: { version: '1.22.17' }, runtime: { version: '2.1.5' } },
      ['error containerd/no-common-cri'],
    ],
    [
      { kubernetes: { version: '1.31.4' }, runtime: { version: '1.5.18' } },
      ['error containerd/no-common-cri'],
    ],
    [
      { kubernetes: { version: '1.34.2' }, runtime: { version: '1.7.20' } },
      ['warning containerd/untested-pair'],
    ],
    [
      { kubernetes: { version: '1.36.1' }, runtime: { version: '1.7.28' } },
      ['warning containerd/untested-pair'],
    ],
    [{ runtime: { version: '9.9.9' } }, ['error containerd/unknown-version']],
    [{ runtime: { mirrors: { 'Docker.io/': ['https://m'] } } }, ['error containerd/bad-registry']],
    [{ runtime: { insecureRegistries: [''] } }, ['error containerd/bad-registry']],
    [
      {
        kubernetes: { version: '1.20.2' },
        runtime: { version: '1.4.13', insecureRegistries: ['10.0.0.5:5000'] },
      },
      ['error containerd/no-mirrors'],
    ],
    [
      {
        overrides: {
          containerd: { plugins: { 'io.containerd.grpc.v1.cri': { registry: { mirrors: {} } } } },
        },
      },
      ['error containerd/two-kinds-of-mirrors'],
    ],
    [{}, []],
  ] as [JsonObject, string[]][])('rules: %j', (patch, expected) => {
    expect(codes('runtime', patch)).toEqual(expected)
  })

  test('an unknown version lays nothing down, for rules and plan are made together', () => {
    expect(contributed('runtime', { runtime: { version: '9.9.9' } })).toEqual({})
  })

  test('every known Kubernetes gets a containerd that fits', () => {
    for (const version of Object.keys(table))
      expect([version, codes('runtime', { kubernetes: { version } })]).toEqual([version, []])
  })
})

describe('registries', () => {
  const hosts = (runtime: JsonObject) =>
    Object.fromEntries(
      (contributed('runtime', { runtime }).files ?? [])
        .filter(({ path }) => path.startsWith('/etc/containerd/certs.d/'))
        .map((file) => [file.path.slice('/etc/containerd/certs.d/'.length), parseToml(textOf(file))]),
    )
  const capabilities = ['pull', 'resolve']

  test('mirrors are tried in order, before the registry itself', () => {
    const found = hosts({
      mirrors: {
        'docker.io': ['https://one.example.com/', 'http://two.example.com:5000'],
        'registry.k8s.io': ['https://harbor.example.com/v2/k8s'],
        '*': ['https://all.example.com'],
      },
    })
    expect(found).toEqual({
      'docker.io/hosts.toml': {
        server: 'https://registry-1.docker.io',
        host: {
          'https://one.example.com': { capabilities },
          'http://two.example.com:5000': { capabilities },
        },
      },
      'registry.k8s.io/hosts.toml': {
        server: 'https://registry.k8s.io',
        host: { 'https://harbor.example.com/v2/k8s': { capabilities, override_path: true } },
      },
      '_default/hosts.toml': { host: { 'https://all.example.com': { capabilities } } },
    })
    expect(Object.keys((found['docker.io/hosts.toml'] as JsonObject)['host'] as JsonObject)[0]).toBe(
      'https://one.example.com',
    )
  })

  test('insecure ones are taken with any certificate, or without TLS', () => {
    expect(
      hosts({
        insecureRegistries: ['http://10.0.0.5:5000'],
        mirrors: { 'quay.io': ['https://10.0.0.5:5000'] },
      }),
    ).toEqual({
      'quay.io/hosts.toml': {
        server: 'https://quay.io',
        host: { 'https://10.0.0.5:5000': { capabilities, skip_verify: true } },
      },
      '10.0.0.5:5000/hosts.toml': {
        server: 'http://10.0.0.5:5000',
        host: { 'https://10.0.0.5:5000': { capabilities, skip_verify: true } },
      },
    })
  })

  const asRoot = isRoot() || process.env['CI'] !== undefined ? withTools('containerd', 'ctr') : test.skip
  asRoot('containerd asks them in that order, by these paths', async () => {
    const asked: string[] = []
    const servers = [0, 1, 2].map((index) =>
      createServer((request, response) => {
        asked.push(`${index} ${request.url}`)
        response.writeHead(404).end()
      }).listen(0, '127.0.0.1'),
    )
    await Promise.all(servers.map((server) => new Promise((resolve) => server.once('listening', resolve))))
    const [one, two, three] = servers.map((server) => `127.0.0.1:${(server.address() as AddressInfo).port}`)
    const contribution = contributed('runtime', {
      runtime: {
        mirrors: { [three ?? '']: [`http://${one}`, `http://${two}/v2/hub`] },
        insecureRegistries: [three ?? ''],
      },
    })
    for (const file of contribution.files ?? []) written(join('registries', file.path), textOf(file))
    const settings = written(
      'daemon/c.toml',
      'version = 2\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n',
    )
    const root = dirname(settings)
    const socket = join(root, 'c.sock')
    const daemon = spawn('containerd', [
      ...['--config', settings, '--address', socket],
      ...['--root', `${root}/root`, '--state', `${root}/state`],
    ])
    try {
      for (let tries = 0; !existsSync(socket) && tries < 200; tries += 1) await sleep(50)
      const client = spawn('ctr', [
        ...['-a', socket, 'images', 'pull', '--snapshotter', 'native'],
        ...['--hosts-dir', join(root, '../registries/etc/containerd/certs.d'), `${three}/app/web:1`],
      ])
      const code = await new Promise((resolve) => client.once('exit', resolve))
      expect(code).not.toBe(0)
    } finally {
      daemon.kill()
      await new Promise((resolve) => daemon.once('exit', resolve))
      for (const server of servers) server.close()
    }
    const paths = asked.filter((line) => line.includes('/manifests/1'))
    const ns = `ns=${encodeURIComponent(three ?? '')}`
    expect([...new Set(paths)]).toEqual([
      `0 /v2/app/web/manifests/1?${ns}`,
      `1 /v2/hub/app/web/manifests/1?${ns}`,
      '2 /v2/app/web/manifests/1',
    ])
  })
})
