/** Joining real etcd as its second voter, as a learner, as a machine that was rebuilt: nothing may cost quorum. */
import { spawn, spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import type { Machine, Server } from './boot/machine.effect.ts'
import { addresses, vip } from './boot/settings.effect.ts'
import { bootAndCut, done, root, useStage } from './boot/stage.effect.ts'

const here = dirname(fileURLToPath(import.meta.url))

describe.skipIf(!root)('a control plane that joins etcd', { timeout: 120_000 }, () => {
  const { first, folders, machine: machineAt, onLan, refuse, say, serve } = useStage()

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
      `--data-dir=${mkdtempSync(join(folders().state, 'etcd-'))}`,
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
    const script = `cd ${folders().authorities} && { etcd ${flags.join(' ')} & exec node ${here}/boot/standins/api.mjs api.crt api.key 6443 0.0.0.0 ${folders().state}; }`
    const server = await serve([at, ...also], ['sh', '-c', script])
    await until(() => healthy(server, [name]) || cluster.length > 1)
    return server
  }
  const client = () => [
    'etcdctl',
    `--cacert=${folders().authorities}/pki/etcd/ca.crt`,
    `--cert=${folders().authorities}/member.crt`,
    `--key=${folders().authorities}/member.key`,
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
    const machine = machineAt('m2', addresses.m2)
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
      say('status', undefined)
      await done(m2)
      expect(ask(m1, ['m1'], 'member', 'list').match(/, started, m\d/g)).toHaveLength(2)
      const adopted = m2.recorded().some((line) => line.startsWith('kubeadm init phase etcd local'))
      expect(adopted).toBe(cut === 'step member-added')
      expect(m2.recorded().filter((line) => /^kubeadm reset/.test(line)).length).toBe(
        /certs|manifests/.test(cut) ? 1 : 0,
      )
    }),
  )

  test.skipIf(!found)(
    "patches etcd's static pod wherever it is written, and wakes a kubelet that refused it",
    () =>
      onLan(async () => {
        say('token', 'abcdef')
        await peer('m1', ['m1'], [vip])
        const m2 = second()
        const patches = '--experimental-patches /etc/leaven/patches'
        m2.write(
          'etc/leaven/node.env',
          `${m2.read('etc/leaven/node.env')}LEAVEN_KUBEADM_FLAGS='${patches}'\n`,
        )
        await bootAndCut(m2, 'step member-added')
        m2.boot()
        await done(m2)
        const asked = m2.recorded().map((line) => line.replace(/ --ignore-preflight-errors=\S*/, ''))
        expect(asked).toContain(`kubeadm join --config /run/leaven/join.yaml ${patches}`)
        expect(asked).toContain(`kubeadm init phase etcd local --config /run/leaven/init.yaml ${patches}`)
        expect(asked).toContain('systemctl restart kubelet')
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

  test.skipIf(!found)('forms the cluster when the cut left an etcd that knows no member', () =>
    onLan(async () => {
      await refuse(addresses.m2, addresses.m3, vip)
      const m1 = first()
      m1.write('real-etcd', '')
      await bootAndCut(m1, 'step etcd')
      rmSync(m1.path('var/lib/etcd/member'), { recursive: true })
      cpSync(join(await memberless(), 'member'), m1.path('var/lib/etcd/member'), { recursive: true })
      m1.boot()
      await done(m1)
      expect(m1.recorded().filter((line) => /^kubeadm init --config/.test(line))).toHaveLength(2)
    }),
  )

  /** The data of an etcd whose power went between its log and the entry that names it: cut it until that was the moment. */
  async function memberless(): Promise<string> {
    for (let tries = 0; tries < 100; tries++) {
      const data = mkdtempSync(join(folders().state, 'torn-'))
      const log = join(data, 'member/wal/0000000000000000-0000000000000000.wal')
      // sockets in its own folder: no port can be taken
      const urls = [
        ...['listen-client', 'advertise-client'].map((flag) => `--${flag}-urls=unix://client:0`),
        ...['listen-peer', 'initial-advertise-peer'].map((flag) => `--${flag}-urls=unix://peer:0`),
        '--initial-cluster=m1=unix://peer:0',
      ]
      const etcd = spawn('etcd', ['--name=m1', `--data-dir=${data}`, ...urls], { cwd: data })
      while (!existsSync(log)) {
        if (etcd.exitCode !== null) throw new Error(`etcd ended with ${etcd.exitCode}`)
        await new Promise((next) => setImmediate(next))
      }
      await new Promise((past) => etcd.once('exit', past) && etcd.kill('SIGKILL'))
      if (!readFileSync(log).includes('peerURLs')) return data
    }
    throw new Error('etcd was never cut at the moment that this test is about')
  }
})
