/** The first-boot program, really run: in a root and a network of its own, cut off by SIGKILL and started again. */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createLan, type Lan, type Machine, type Server } from './boot/machine.effect.ts'
import {
  addresses,
  controlPlanes,
  makeAuthorities,
  prepare,
  vip,
  worker,
  writeTables,
} from './boot/settings.effect.ts'

const here = new URL('.', import.meta.url).pathname
const root = process.getuid?.() === 0
if (!root && process.env['CI'] === 'true') throw new Error('the first-boot tests need root (namespaces)')

describe('the program as text', () => {
  test('is clean bash', () => {
    const programs = ['leaven', 'control-plane', 'imds'].map((name) => `boot/${name}`)
    const standins = ['systemctl', 'kubelet', 'kubeadm', 'kubectl', 'ctr', 'record']
    const files = [
      ...programs,
      'test/boot/machine.sh',
      ...standins.map((name) => `test/boot/standins/${name}`),
    ]
    for (const file of files) execFileSync('bash', ['-n', file], { cwd: join(here, '..') })
    execFileSync('shellcheck', ['-x', ...files], { cwd: join(here, '..') })
  })
})

describe.skipIf(!root)('a machine', { timeout: 120_000 }, () => {
  let lan: Lan
  let authorities: string
  let state: string
  beforeAll(() => {
    authorities = mkdtempSync(join(tmpdir(), 'leaven-pki-'))
    makeAuthorities(authorities)
  })
  afterAll(() => rmSync(authorities, { recursive: true, force: true }))

  /** Every test has a LAN of its own; what is served there ends with it. */
  async function onLan(body: () => Promise<void>): Promise<void> {
    lan = createLan()
    state = mkdtempSync(join(tmpdir(), 'leaven-api-'))
    try {
      await body()
    } finally {
      await lan.remove()
      rmSync(state, { recursive: true, force: true })
    }
  }
  const say = (file: string, text: string) => writeFileSync(join(state, file), text)
  /** Addresses that refuse: quicker than silence, and what a peer looks like that is up and has no cluster. */
  const refuse = (...at: string[]) => lan.serve(at, ['sleep', '1000'])
  const api = (at: readonly string[], certificate = 'api', port = '6443') =>
    lan.serve(at, [
      'node',
      join(here, 'boot/standins/api.mjs'),
      join(authorities, `${certificate}.crt`),
      join(authorities, `${certificate}.key`),
      port,
      '0.0.0.0',
      state,
    ])
  const done = (machine: Machine) => machine.until('done', () => machine.status()?.state === 'done')
  const waiting = (machine: Machine, text: string | RegExp) =>
    machine.until(`waiting for: ${text}`, () => {
      const { message = '', reason = '' } = machine.status() ?? {}
      return `${message}: ${reason}`.match(text) !== null
    })

  function first(settings = {}): Machine {
    const machine = lan.machine('m1', addresses.m1)
    prepare(machine, authorities, settings)
    return machine
  }
  function joiner(settings = {}): Machine {
    const machine = lan.machine('w1', addresses.w1)
    prepare(machine, authorities, { role: 'worker', token: 'abcdef.0123456789abcdef', ...settings })
    return machine
  }

  /** The machine's files as a test compares them: no keys that are made anew, no times, no order of tries. */
  function left(machine: Machine): string {
    const list = execFileSync(
      'sh',
      ['-c', 'find etc root var/lib/leaven var/lib/kubelet var/lib/cloud -type f -o -type l | sort'],
      { cwd: machine.path('.') },
    )
    return list
      .toString()
      .trim()
      .split('\n')
      .filter((file) => !/leaven\.log$|status\.json$/.test(file))
      .map((file) => {
        const mode = execFileSync('stat', ['-c', '%a', machine.path(file)])
          .toString()
          .trim()
        const content = /pki\/.*\.(crt|key)$|resolv\.conf$/.test(file) ? '' : machine.read(file)
        return `${file} ${mode}\n${content}`
      })
      .join('\n')
  }
  /** What was asked at least once; systemd would itself start what is enabled, here the program has to. */
  const calls = (machine: Machine) => {
    const lines = machine.recorded().map((line) => line.replace(/ --ignore-preflight-errors=\S+/, ''))
    return [...new Set(lines.filter((line) => !line.startsWith('systemctl start')))].sort()
  }

  /** Lets the power go at `cut`: before a recorded call of a stand-in, or before a command of the program itself. */
  async function bootAndCut(machine: Machine, cut: string): Promise<void> {
    const call = /^(step|kubeadm) /.test(cut)
    // bash reads BASH_ENV first: a trap of the test's own holds the program still before the command
    const trap = `[[ $BASH_COMMAND != ${JSON.stringify(cut)}* || -e /held ]] || { touch /held /cut-now; sleep 100; }`
    machine.write(call ? 'cut-at' : 'hold.sh', call ? cut : `set -T; trap '${trap}' DEBUG\n`)
    machine.boot(call ? {} : { BASH_ENV: '/hold.sh' })
    await machine.until(`the cut at ${cut}`, () => machine.has('cut-now'))
    await machine.cut()
    for (const file of ['hold.sh', 'held']) rmSync(machine.path(file), { force: true })
  }

  /** Runs a machine to its end once undisturbed, and once for each cut; all must end the same. */
  async function survives(make: () => Machine, cuts: readonly string[]): Promise<void> {
    const calm = make()
    calm.boot()
    await done(calm)
    const [files, asked] = [left(calm), calls(calm)]
    await calm.cut()
    for (const cut of cuts) {
      const machine = make()
      await bootAndCut(machine, cut)
      machine.boot()
      await done(machine)
      expect(left(machine), `after a cut at ${cut}`).toBe(files)
      expect(calls(machine), `after a cut at ${cut}`).toEqual(asked)
      await machine.cut()
    }
  }

  test('forms the cluster, whatever moment the power goes', { timeout: 400_000 }, () =>
    onLan(async () => {
      await refuse(addresses.m2, addresses.m3, vip)
      await survives(first, [
        'phase 2 check',
        'phase 3 system',
        'phase 4 runtime',
        'phase 5 decide',
        'phase 6 init',
        'kubeadm init --config /run/leaven/init.yaml --skip-token-print',
        'step certs',
        'step kubeconfigs',
        'step manifests',
        'step etcd',
        'step init-done',
        'must mark initialised',
        'phase 7 finish',
        'must mark endpoint-seen',
        'phase 8 harden',
        'must mark done',
      ])
    }),
  )

  test('joins as a worker, whatever moment the power goes', { timeout: 400_000 }, () =>
    onLan(async () => {
      say('token', 'abcdef')
      await api([vip])
      await survives(joiner, [
        'phase 3 system',
        'phase 5 decide',
        'step join-done',
        'must mark joined',
        'phase 8 harden',
      ])
    }),
  )

  test('a worker cut before it has its certificate starts over', () =>
    onLan(async () => {
      say('token', 'abcdef')
      await api([vip])
      const machine = joiner()
      await bootAndCut(machine, 'step join-kubelet-conf')
      machine.boot()
      await done(machine)
      expect(
        machine
          .recorded()
          .filter((line) => /^kubeadm (join|reset)/.test(line))
          .map((line) => line.split(' ')[1]),
      ).toEqual(['join', 'reset', 'join'])
    }))

  test('leaves what was asked for, and a second boot changes nothing', () =>
    onLan(async () => {
      await refuse(addresses.m2, addresses.m3, vip)
      const machine = first()
      machine.boot()
      await done(machine)
      await machine.until('DNS seen on two nodes', () => machine.has('var/lib/leaven/dns-spread'))
      expect(machine.read('etc/kubernetes/manifests/vip.yaml')).toBe(
        'interface: eth0/24 pods: 10.244.0.0/24\n',
      )
      expect(machine.read('etc/hosts')).toBe(
        `127.0.0.1 localhost\n# leaven begin\n${vip} api.test\n${addresses.m1} m1\n${addresses.m2} m2\n${addresses.m3} m3\n# leaven end\n`,
      )
      expect(machine.read('etc/fstab')).toContain('#UUID=2 none swap')
      expect(machine.read('var/lib/cloud/instance/user-data.txt')).not.toContain('hunter2')
      expect(machine.recorded()).toContainEqual(expect.stringContaining('label --overwrite node m1 zone=a'))
      expect(machine.recorded()).toContainEqual(
        expect.stringContaining('apply --server-side --force-conflicts -f /etc/leaven/addons/10-net/'),
      )
      await machine.cut()
      const [files, asked] = [left(machine), machine.recorded()]
      machine.boot()
      await machine.until(
        'the rules again',
        () => !machine.console().includes('nothing') && machine.read('var/lib/leaven/leaven.log').length > 0,
      )
      await new Promise((past) => setTimeout(past, 2000))
      expect(left(machine)).toBe(files)
      expect(machine.recorded()).toEqual(asked)
      await machine.cut()
      const told = machine.run('/usr/local/sbin/leaven', 'status')
      expect(told.output).toContain('m1 is part of cluster test')
      expect(told.code).toBe(0)
    }))

  describe('as a control plane that joins real etcd', () => {
    const found = spawnSync('etcd', ['--version']).status === 0
    if (!found && process.env['CI'] === 'true') throw new Error('these tests need etcd (etcd-server)')

    const url = (address: string, port = 2380) => `https://${address}:${port}`
    const certificates = (prefix: string, ca: string) => [
      `--${prefix}cert-file=member.crt`,
      `--${prefix}key-file=member.key`,
      `--${prefix}${ca}=pki/etcd/ca.crt`,
    ]
    /** An etcd member beside the API server of the same control plane, as other machines see them. */
    async function peer(
      name: keyof typeof addresses,
      cluster: readonly (keyof typeof addresses)[],
      also: readonly string[] = [],
    ): Promise<Server> {
      const at = addresses[name]
      const flags = [
        `--name=${name}`,
        `--data-dir=${mkdtempSync(join(state, 'etcd-'))}`,
        `--listen-client-urls=${url(at, 2379)}`,
        `--advertise-client-urls=${url(at, 2379)}`,
        `--listen-peer-urls=${url(at)}`,
        `--initial-advertise-peer-urls=${url(at)}`,
        `--initial-cluster=${cluster.map((member) => `${member}=${url(addresses[member])}`).join(',')}`,
        '--client-cert-auth=true',
        '--peer-client-cert-auth=true',
        ...certificates('', 'trusted-ca-file'),
        ...certificates('peer-', 'trusted-ca-file'),
      ]
      const script = `cd ${authorities} && { etcd ${flags.join(' ')} & exec node ${here}boot/standins/api.mjs api.crt api.key 6443 0.0.0.0 ${state}; }`
      const server = await lan.serve([at, ...also], ['sh', '-c', script])
      await until(() => healthy(server, [name]) || cluster.length > 1)
      return server
    }
    const client = () => [
      'etcdctl',
      `--cacert=${authorities}/pki/etcd/ca.crt`,
      `--cert=${authorities}/member.crt`,
      `--key=${authorities}/member.key`,
    ]
    const ask = (server: Server, at: readonly (keyof typeof addresses)[], ...words: string[]) =>
      server.ask([
        'env',
        'ETCDCTL_API=3',
        ...client(),
        `--endpoints=${at.map((name) => url(addresses[name], 2379)).join(',')}`,
        ...words,
      ])
    function healthy(server: Server, at: readonly (keyof typeof addresses)[]): boolean {
      try {
        ask(server, at, 'endpoint', 'health')
        return true
      } catch {
        return false
      }
    }
    async function until(condition: () => boolean): Promise<void> {
      for (let tries = 0; !condition(); tries++) {
        if (tries > 60) throw new Error('not within 30 s')
        await new Promise((past) => setTimeout(past, 500))
      }
    }
    function second(learner = false): Machine {
      const machine = lan.machine('m2', addresses.m2)
      prepare(machine, authorities)
      machine.write('real-etcd', learner ? ',"isLearner":true' : '')
      machine.write('etcd-cluster', `m1=${url(addresses.m1)},m2=${url(addresses.m2)}`)
      rmSync(machine.path('vip'))
      return machine
    }

    const cuts = [
      'phase 5 decide',
      'step certs',
      'step manifests',
      'step member-added',
      'step etcd',
      'step join-done',
      'must mark joined',
      'phase 7 finish',
    ]
    test.skipIf(!found).each(cuts)('survives a cut at: %s', (cut) =>
      onLan(async () => {
        say('token', 'abcdef')
        const m1 = await peer('m1', ['m1'], [vip])
        const m2 = second()
        await bootAndCut(m2, cut)
        // two members, one of them not there: no quorum, so the API is down until this one is back
        const voter = ask(m1, ['m1'], 'member', 'list').trim().split('\n').length === 2
        if (voter) say('status', '500')
        m2.boot()
        await until(() => healthy(m1, ['m1', 'm2']))
        rmSync(join(state, 'status'), { force: true })
        await done(m2)
        expect(ask(m1, ['m1'], 'member', 'list').match(/, started, m\d/g)).toHaveLength(2)
        const adopted = m2.recorded().some((line) => line.startsWith('kubeadm init phase etcd local'))
        expect(adopted).toBe(cut === 'step member-added')
        expect(m2.recorded().filter((line) => /^kubeadm reset/.test(line)).length).toBe(
          /certs|manifests/.test(cut) ? 1 : 0,
        )
      }),
    )

    test.skipIf(!found)('promotes the learner that a cut left', () =>
      onLan(async () => {
        say('token', 'abcdef')
        const m1 = await peer('m1', ['m1'], [vip])
        const m2 = second(true)
        await bootAndCut(m2, 'step etcd')
        m2.boot()
        await done(m2)
        expect(ask(m1, ['m1'], 'member', 'list')).toMatch(/started, m2, .*false/)
      }),
    )

    test.skipIf(!found)('rebuilt from nothing, it removes what it was and joins', () =>
      onLan(async () => {
        say('token', 'abcdef')
        const m1 = await peer('m1', ['m1', 'm2', 'm3'], [vip])
        await peer('m3', ['m1', 'm2', 'm3'])
        await until(() => healthy(m1, ['m1', 'm3']))
        const m2 = second()
        m2.write(
          'etcd-cluster',
          ['m1', 'm2', 'm3'].map((name) => `${name}=${url(addresses[name as 'm1'])}`).join(','),
        )
        m2.boot()
        await done(m2)
        await until(() => healthy(m1, ['m1', 'm2', 'm3']))
        expect(m2.recorded()).toContainEqual(expect.stringMatching(/^kubectl .*delete node m2/))
      }),
    )
  })

  describe('says what is wrong, and goes on when it is right', () => {
    /** The machine waits with `text`; nothing was asked of kubeadm. */
    async function refuses(machine: Machine, text: RegExp): Promise<void> {
      machine.boot()
      await waiting(machine, text)
      expect(machine.status()?.state).toBe('failed')
      expect(machine.recorded().filter((line) => line.startsWith('kubeadm'))).toEqual([])
    }

    test('a machine that is none of the declared nodes', () =>
      onLan(async () => {
        const machine = lan.machine('stranger', '10.77.0.50')
        prepare(machine, authorities)
        await refuses(machine, /none of the declared nodes m1 m2 m3; here: stranger .*10\.77\.0\.50/)
        writeTables(machine, 'control-plane', [['new', 'control-plane', '10.77.0.50', '-', '-', '-', '-']])
        await machine.until('identified', () => machine.status()?.node === 'new')
        expect(machine.read('etc/hostname')).toBe('new\n')
      }))

    test('a machine that is two declared nodes: the name of one, the address of the other', () =>
      onLan(async () => {
        const machine = lan.machine('m1', addresses.m2)
        prepare(machine, authorities)
        await refuses(machine, /several declared nodes, m1 m2/)
      }))

    test('the name of a node, but not its address', () =>
      onLan(async () => {
        const machine = lan.machine('m1', '10.77.0.50')
        prepare(machine, authorities)
        await refuses(machine, /machine is m1, but has not its declared address 10\.77\.0\.11/)
      }))

    test('user-data of the wrong role', () =>
      onLan(async () => {
        const machine = lan.machine('m1', addresses.m1)
        prepare(machine, authorities, { role: 'worker' })
        await refuses(machine, /declared role control-plane in user-data of a worker/)
      }))

    test('another machine that already has the address', () =>
      onLan(async () => {
        await refuse(addresses.m2, addresses.m3, vip)
        await refuse(addresses.m1)
        await refuses(first(), /another machine has the address 10\.77\.0\.11 too/)
      }))

    test('a foreign cluster at the endpoint', () =>
      onLan(async () => {
        await refuse(addresses.m2, addresses.m3)
        const foreign = await api([vip], 'other')
        const machine = first()
        await refuses(machine, /refused, not our cluster/)
        await foreign.stop()
        await done(machine)
      }))

    test('a peer that has a cluster already: waits for the endpoint and joins, never inits', () =>
      onLan(async () => {
        say('token', 'abcdef')
        await refuse(addresses.m3)
        const m2 = await api([addresses.m2])
        const machine = first()
        machine.write('etc/leaven/pki/etcd/ca.key', '')
        rmSync(machine.path('etc/leaven/pki/etcd/ca.key'))
        machine.boot()
        await waiting(machine, /m2 already runs an API server or etcd/)
        await m2.stop()
        await api([addresses.m2, vip])
        await done(machine)
        expect(
          machine
            .recorded()
            .filter((line) => /^kubeadm (init|join) --config/.test(line))
            .map((line) => line.split(' ')[1]),
        ).toEqual(['join'])
      }))

    test('takeover: without a majority nobody forms a cluster, with one the deputy does', () =>
      onLan(async () => {
        const machine = lan.machine('m2', addresses.m2)
        prepare(machine, authorities, { env: { LEAVEN_TAKEOVER: '1' } })
        machine.boot()
        await waiting(machine, /takeover needs most control planes up and without a cluster: 1 of 3/)
        await refuse(addresses.m3)
        await waiting(machine, /forming the cluster after 600 s/)
      }))

    test('a worker whose token has expired, until it is renewed', () =>
      onLan(async () => {
        say('token', 'zzzzzz')
        await api([vip])
        const machine = joiner()
        await refuses(machine, /token has expired.*leaven token/)
        say('token', 'abcdef')
        await done(machine)
        expect(machine.has('etc/leaven/kubeadm/join.yaml')).toBe(false)
      }))

    test('a worker that is there long before the cluster', () =>
      onLan(async () => {
        const machine = joiner()
        machine.boot()
        await waiting(machine, /https:\/\/api.test:6443: Failed to connect/)
        await api([vip])
        await waiting(machine, /kubeadm init has not finished/)
        say('token', 'abcdef')
        await done(machine)
      }))

    test('a clock that is two hours off', () =>
      onLan(async () => {
        say('token', 'abcdef')
        say('ahead', '7200')
        await api([vip])
        const machine = joiner()
        machine.boot()
        await waiting(machine, /clock is 2h0m.* behind the cluster/)
        rmSync(join(state, 'ahead'))
        await done(machine)
      }))

    test('a clock before the CA was made', () =>
      onLan(async () => {
        const machine = first()
        execFileSync(
          'openssl',
          [
            'req',
            '-x509',
            '-newkey',
            'rsa:2048',
            '-nodes',
            '-keyout',
            '/dev/null',
            '-subj',
            '/CN=x',
            '-days',
            '2',
            '-out',
            machine.path('etc/leaven/pki/ca.crt'),
          ],
          { stdio: 'pipe' },
        )
        machine.write(
          'usr/local/bin/date',
          '#!/bin/bash\n[[ "$*" != +%s ]] || { /bin/date -d "-1 day" +%s; exit; }\nexec /bin/date "$@"\n',
          0o755,
        )
        await refuses(machine, /the cluster's CA was made .*: set the clock/)
      }))

    test('an image that was baked for another version', () =>
      onLan(async () => {
        const machine = first({ env: { LEAVEN_PREBAKED: '1' } })
        machine.write('etc/leaven/baked.json', '{"format":1,"kubernetes":"1.31.4","containerd":"1.6.20"}\n')
        await refuses(machine, /this image has containerd 1\.6\.20, the blueprint wants 1\.7/)
      }))

    test('no subnet for the VIP', () =>
      onLan(async () => {
        await refuses(
          first({ env: { LEAVEN_ENDPOINT_VIP: '10.99.0.1' } }),
          /0 interfaces .* have a subnet with the VIP 10\.99\.0\.1/,
        )
      }))

    test('a damaged archive, then replaced; a full disk, then freed', () =>
      onLan(async () => {
        await refuse(addresses.m2, addresses.m3, vip)
        const machine = first()
        machine.write('etc/leaven/images', 'example.test/etcd:1\n')
        machine.write('var/lib/leaven/images/all.tar', 'goo')
        machine.boot()
        await waiting(machine, /all\.tar is damaged, replace it: .*blobs\/sha256\/0123/)
        expect(machine.status()?.state).toBe('failed')
        machine.steer('disk-full', '')
        machine.write('var/lib/leaven/images/all.tar', 'good\nexample.test/etcd:1\n')
        await waiting(machine, /no space left on device/)
        machine.steer('disk-full', undefined)
        await done(machine)
        expect(machine.recorded()).toContain(
          'ctr -n k8s.io images label example.test/etcd:1 io.cri-containerd.pinned=pinned',
        )
      }))

    test('an image that no archive has', () =>
      onLan(async () => {
        const machine = first()
        machine.write('etc/leaven/images', 'example.test/etcd:1\nexample.test/pause:3\n')
        machine.write('var/lib/leaven/images/all.tar', 'good\nexample.test/etcd:1\n')
        machine.boot()
        await waiting(machine, /not \(completely\) in containerd: example.test\/pause:3; archives: all\.tar/)
      }))

    test('a kubeadm that fails says why', () =>
      onLan(async () => {
        say('token', 'abcdef')
        await api([vip])
        const machine = joiner()
        machine.steer('join-fails', '[ERROR Port-10250]: Port 10250 is in use')
        machine.boot()
        await waiting(machine, /kubeadm join: .*Port 10250 is in use/)
        machine.steer('join-fails', undefined)
        await done(machine)
      }))
  })

  const cloudInit = spawnSync('cloud-init', ['--version']).status === 0
  if (!cloudInit && process.env['CI'] === 'true') throw new Error('these tests need cloud-init')
  test.skipIf(!cloudInit)('what cloud-init keeps of the secrets goes, and its next boots go on', () =>
    onLan(async () => {
      const machine = first()
      rmSync(machine.path('var/lib/cloud/instance'), { recursive: true })
      const seed = 'var/lib/cloud/seed/nocloud'
      const once = 'write_files: [{path: /once, content: x}]\nruncmd: [["sh", "-c", "echo ran >>/ran"]]\n'
      machine.write(`${seed}/user-data`, `#cloud-config\nlocale: false\npassword: hunter2\n${once}`)
      machine.write(`${seed}/meta-data`, 'instance-id: i-1\nlocal-hostname: other\n')
      machine.write('etc/cloud/cloud.cfg.d/90-test.cfg', 'datasource_list: [NoCloud, None]\n')
      machine.write('var/lib/leaven/done', '')
      const stages = ['init --local', 'init', 'modules --mode=config', 'modules --mode=final']
      const boot = stages.map((stage) => `cloud-init ${stage} >/dev/null || echo failed: ${stage}`)
      const find = 'grep -rl hunter2 /var/lib/cloud /run/cloud-init'
      machine.write(
        'boot.sh',
        ['exec 2>/dev/null', ...boot, 'hostname', 'hostname m1', find, 'leaven boot', 'echo then', find].join(
          '\n',
        ),
      )
      const [before, after] = machine.run('bash', '/boot.sh').output.split('then\n')
      // the checker sees: secrets were there before
      expect(before).toContain('/var/lib/cloud/instances/i-1/user-data.txt')
      expect(before).not.toContain('failed')
      expect(after).toBe('')
      machine.write('etc/hostname', 'm1\n')
      for (let boots = 0; boots < 2; boots++) {
        expect(machine.run('bash', '/boot.sh').output).toBe('m1\nthen\n')
      }
      expect(machine.read('ran')).toBe('ran\n')
      expect(machine.read('var/lib/cloud/data/instance-id')).toBe('i-1\n')
    }),
  )

  test('opens its ports where something drops, once, and leaves the rest as strict as it was', () =>
    onLan(async () => {
      say('token', 'abcdef')
      await api([vip])
      const ports = [
        ['ports', 'tcp', '10250'],
        ['ports', 'tcp', '30000-32767'],
        ['ports', 'vrrp', '-'],
        ['ports', 'source', '10.244.0.0/16'],
      ]
      const machine = joiner({ tables: ports })
      const strict = [
        'iptables -P INPUT DROP',
        'iptables -P FORWARD DROP',
        'iptables -A INPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT',
      ]
      const chain = '{ type filter hook input priority 0; policy drop; ct state established accept; }'
      const both = [
        ...strict,
        'nft add table inet own',
        `nft add chain inet own in '${chain}'`,
        `nft add rule inet own in ct state established accept`,
      ]
      const made = machine.run('sh', '-ec', both.join('\n'))
      expect(made).toEqual({ code: 0, output: '' })
      const rules = () => machine.run('sh', '-c', 'iptables -S; nft list chain inet own in').output
      expect(rules()).not.toContain('10250')
      machine.boot()
      await done(machine)
      await machine.cut()
      const opened = rules()
      for (const rule of [
        '-P INPUT DROP',
        '-P FORWARD DROP',
        '-A INPUT -p tcp -m tcp --dport 10250 -j ACCEPT',
        '-A INPUT -p tcp -m tcp --dport 30000:32767 -j ACCEPT',
        '-A INPUT -p vrrp -j ACCEPT',
        '-A FORWARD -s 10.244.0.0/16 -j ACCEPT',
        '-A FORWARD -d 10.244.0.0/16 -j ACCEPT',
        'policy drop',
        'tcp dport 10250 accept',
        'tcp dport 30000-32767 accept',
        'ip saddr 10.244.0.0/16 accept',
      ])
        expect(opened).toContain(rule)
      machine.boot()
      await new Promise((past) => setTimeout(past, 3000))
      await machine.cut()
      expect(rules()).toBe(opened)
    }))

  test('loads modules by trying, and knows the old name of conntrack', () =>
    onLan(async () => {
      say('token', 'abcdef')
      await api([vip])
      const machine = joiner()
      machine.write('etc/modules-load.d/leaven.conf', 'overlay\nnf_conntrack\nip_vs_sh\n')
      machine.write(
        'usr/local/bin/modprobe',
        '#!/bin/bash\necho "$2" >>/tried\n[[ $2 =~ ^(overlay|nf_conntrack_ipv4)$ ]]\n',
        0o755,
      )
      machine.boot()
      await done(machine)
      expect(machine.read('tried')).toBe('overlay\nnf_conntrack\nnf_conntrack_ipv4\nip_vs_sh\n')
      const warnings = machine.read('var/lib/leaven/leaven.log').match(/no kernel module \w+/g)
      expect(warnings).toEqual(['no kernel module ip_vs_sh'])
    }))

  test('a pool member keeps its own name, in lower case', () =>
    onLan(async () => {
      say('token', 'abcdef')
      await api([vip])
      const machine = lan.machine('IP-10-77-0-60', '10.77.0.60')
      prepare(machine, authorities, {
        role: 'worker',
        token: 'abcdef.0123456789abcdef',
        env: { LEAVEN_DECLARED: '0' },
        nodes: controlPlanes,
      })
      machine.boot()
      await done(machine)
      expect(machine.status()?.node).toBe('ip-10-77-0-60')
    }))

  test('a declared worker registers with the labels that a kubelet may give itself', () =>
    onLan(async () => {
      say('token', 'abcdef')
      await api([vip])
      const machine = joiner({ nodes: [...controlPlanes, worker] })
      machine.write('etc/leaven/hooks/preKubeadm.sh', 'grep labels: /etc/leaven/kubeadm/join.yaml >/hooked\n')
      machine.boot()
      await done(machine)
      expect(machine.read('joined-with')).toContain('labels: "disk=ssd"')
      expect(machine.read('hooked')).toContain('@NODE_LABELS@')
    }))
})
