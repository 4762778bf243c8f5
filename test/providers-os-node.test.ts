import { chmodSync, cpSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { JsonObject } from '../generators/model/json.ts'
import type { Role } from '../generators/model/role.ts'
import { contributed, fileOf, textOf, written } from './support/contributed.ts'
import { run, withTools } from './support/tools.ts'

describe('ports', () => {
  const ports = (patch: JsonObject, role: Role) =>
    contributed('os', patch, role).ports?.map(({ protocol, port }) => `${port}/${protocol}`)
  const nodePorts = ['30000-32767/tcp', '30000-32767/udp']

  test('of a control plane and a worker', () => {
    expect(ports({}, 'control-plane')).toEqual(
      ['6443/tcp', '2379-2380/tcp', '10250/tcp', '10256/tcp', '10257/tcp', '10259/tcp'].concat(nodePorts),
    )
    expect(ports({}, 'worker')).toEqual(['10250/tcp', '10256/tcp'].concat(nodePorts))
  })

  test('follow the range of NodePorts', () => {
    const kubernetes = { apiServer: { extraArgs: { 'service-node-port-range': '20000-22767' } } }
    expect(ports({ kubernetes }, 'worker')).toEqual([
      '10250/tcp',
      '10256/tcp',
      '20000-22767/tcp',
      '20000-22767/udp',
    ])
  })

  test("the endpoint's own port is opened where the endpoint is ours", () => {
    const floating = { endpoint: { provider: 'keepalived-haproxy', port: 8443 } }
    expect(ports(floating, 'control-plane')).toContain('8443/tcp')
    expect(ports(floating, 'worker')).not.toContain('8443/tcp')
    expect(ports({ endpoint: { provider: 'external', port: 8443 } }, 'control-plane')).not.toContain(
      '8443/tcp',
    )
    expect(
      ports({ kubernetes: { apiServer: { port: 7443 } }, endpoint: { port: 7443 } }, 'control-plane')?.[0],
    ).toBe('7443/tcp')
  })
})

describe('kernel', () => {
  test.each([
    ['ubuntu', 'nf_conntrack'],
    ['rhel', 'nf_conntrack'],
    ['centos', 'nf_conntrack_ipv4'],
  ])('%s loads %s, for ipvs only', (provider, module) => {
    const modules = (proxyMode: string) =>
      contributed('os', { os: { provider }, kubernetes: { proxyMode } }).modules
    expect(modules('iptables')).toEqual(['overlay', 'br_netfilter'])
    expect(modules('ipvs')).toEqual([
      'overlay',
      'br_netfilter',
      'ip_vs',
      'ip_vs_rr',
      'ip_vs_wrr',
      'ip_vs_sh',
      module,
    ])
  })

  test('forwards IPv6 for clusters that have it', () => {
    const forwarding = 'net.ipv6.conf.all.forwarding'
    expect(contributed('os').sysctl).toMatchObject({
      'net.ipv4.ip_forward': '1',
      'net.bridge.bridge-nf-call-iptables': '1',
    })
    expect(contributed('os').sysctl).not.toHaveProperty([forwarding])
    const sysctl = contributed('os', {
      network: { podSubnet: 'fd00:10::/48', serviceSubnet: 'fd00:96::/112' },
    }).sysctl
    expect(sysctl?.[forwarding]).toBe('1')
    expect(contributed('os', { os: { provider: 'centos' } }).sysctl?.['fs.may_detach_mounts']).toBe('1')
  })
})

describe('HTTP proxy', () => {
  const proxy = {
    http: 'http://u:p%40ss@proxy.internal:3128',
    noProxy: ['mirror.internal', '.corp', '10.1.0.0/16'],
  }
  const found = contributed('os', {
    proxy,
    network: { podSubnet: '10.244.0.0/16', dnsDomain: 'cluster.local' },
  })

  test.each(['containerd', 'kubelet', 'leaven'])(
    'reaches %s.service, with nothing of the cluster behind it',
    (unit) => {
      const text = fileOf(found, `/etc/systemd/system/${unit}.service.d/http-proxy.conf`)
      expect(text).toContain('Environment="HTTPS_PROXY=http://u:p%%40ss@proxy.internal:3128"\n')
      const list = /"no_proxy=(.*)"/.exec(text)?.[1]?.split(',') ?? []
      expect(list).toEqual(
        expect.arrayContaining([
          '172.31.253.60',
          'api.prod.internal',
          '172.31.253.61',
          '172.31.253.62',
          'm1',
          'w1',
        ]),
      )
      expect(list).toEqual(
        expect.arrayContaining(['10.244.0.0/16', '10.96.0.0/12', '.svc', '.cluster.local', '127.0.0.1']),
      )
      expect(list).toEqual(expect.arrayContaining(proxy.noProxy))
    },
  )

  test('apt goes directly to hosts that are named, and to nothing that it does not understand', () => {
    expect(fileOf(found, '/etc/apt/apt.conf.d/90leaven-proxy')).toBe(
      [
        'Acquire::http::Proxy "http://u:p%40ss@proxy.internal:3128";',
        'Acquire::https::Proxy "http://u:p%40ss@proxy.internal:3128";',
        'Acquire::http::Proxy::mirror.internal "DIRECT";',
        'Acquire::https::Proxy::mirror.internal "DIRECT";',
        '',
      ].join('\n'),
    )
  })

  withTools('apt-config')('apt reads it so', () => {
    const path = written('apt.conf', fileOf(found, '/etc/apt/apt.conf.d/90leaven-proxy'))
    const dump = run('apt-config', ['-c', path, 'dump', '--format', '%f=%v%n'])
    expect(dump).toContain('Acquire::http::Proxy::mirror.internal=DIRECT\n')
    expect(dump).toContain('Acquire::https::Proxy=http://u:p%40ss@proxy.internal:3128\n')
  })

  test('nothing is written without one', () => {
    expect(contributed('os').files).toEqual([])
  })
})

describe('units that we write, read by systemd', () => {
  const patch = { kubernetes: { version: '1.20.2' }, proxy: { http: 'http://u:p%40ss@proxy:3128' } }

  withTools('systemd-analyze')('kubelet.service with its drop-ins is accepted', () => {
    const root = dirname(written('units/root', ''))
    // The targets that every unit hangs on.
    cpSync('/usr/lib/systemd/system', join(root, 'usr/lib/systemd/system'), {
      recursive: true,
      verbatimSymlinks: true,
    })
    for (const file of contributed('os', patch).files ?? []) written(join('units', file.path), textOf(file))
    for (const program of ['kubelet', 'containerd']) {
      const path = written(join('units/usr/bin', program), '#!/bin/sh\n')
      chmodSync(path, 0o755)
    }
    const verify = () =>
      run('sh', ['-c', `systemd-analyze verify --man=no --root=${root} kubelet.service 2>&1`])
    expect(verify()).toBe('')
    written('units/etc/systemd/system/kubelet.service.d/99-wrong.conf', '[Service]\nRestart=perhaps\n')
    expect(verify()).toContain('99-wrong.conf')
  })
})

describe('clock', () => {
  const ntp = { servers: ['ntp.aliyun.com', 'time.internal'] }

  test.each([
    ['debian', '/etc/chrony/chrony.conf', 'chrony.service'],
    ['alma', '/etc/chrony.conf', 'chronyd.service'],
  ])('%s has it in %s, run by %s', (provider, path, unit) => {
    const found = contributed('os', { os: { provider }, ntp })
    expect(fileOf(found, path)).toContain('server ntp.aliyun.com iburst\nserver time.internal iburst\n')
    expect(found.services).toEqual([{ phase: 'system', unit }])
    expect(found.packages).toContainEqual({ name: 'chrony' })
  })

  test("stays the OS's own when no server is named", () => {
    expect(contributed('os').services).toEqual([])
    expect(contributed('os').packages).not.toContainEqual({ name: 'chrony' })
  })

  withTools('chronyd')('chronyd accepts the file', () => {
    const text = fileOf(contributed('os', { ntp }), '/etc/chrony/chrony.conf')
    expect(run('chronyd', ['-p', '-f', written('chrony.conf', text)])).toContain(
      'server time.internal iburst',
    )
    expect(() => run('chronyd', ['-p', '-f', written('wrong.conf', `${text}nonsense\n`)])).toThrow(
      /nonsense|Invalid/,
    )
  })
})
