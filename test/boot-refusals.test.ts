/** What the first-boot program refuses or waits for: it says so, and goes on once it is right. */
import { execFileSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { Machine } from './boot/machine.effect.ts'
import { addresses, vip, writeTables } from './boot/settings.effect.ts'
import { done, root, useStage, waiting } from './boot/stage.effect.ts'

describe.skipIf(!root)('a machine that cannot go on', { timeout: 120_000 }, () => {
  const { api, first, joiner, machine: machineAt, onLan, refuse, say } = useStage()

  /** The machine waits with `text`; nothing was asked of kubeadm. */
  async function refuses(machine: Machine, text: RegExp, seconds?: number): Promise<void> {
    machine.boot()
    await waiting(machine, text, seconds)
    expect(machine.status()?.state).toBe('failed')
    expect(machine.recorded().filter((line) => line.startsWith('kubeadm'))).toEqual([])
  }

  test('a machine that is none of the declared nodes', () =>
    onLan(async () => {
      const machine = machineAt('stranger', '10.77.0.50')
      await refuses(machine, /none of the declared nodes m1 m2 m3; here: stranger .*10\.77\.0\.50/)
      writeTables(machine, 'control-plane', [['new', 'control-plane', '10.77.0.50', '-', '-', '-', '-']])
      await machine.until('identified', () => machine.status()?.node === 'new')
      expect(machine.read('etc/hostname')).toBe('new\n')
    }))

  test('a machine that is two declared nodes: the name of one, the address of the other', () =>
    onLan(async () => {
      const machine = machineAt('m1', addresses.m2)
      await refuses(machine, /several declared nodes, m1 m2/)
    }))

  test('the name of a node, but not its address', () =>
    onLan(async () => {
      const machine = machineAt('m1', '10.77.0.50')
      await refuses(machine, /machine is m1, but has not its declared address 10\.77\.0\.11/)
    }))

  test('user-data of the wrong role', () =>
    onLan(async () => {
      const machine = machineAt('m1', addresses.m1, { role: 'worker' })
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
      const machine = machineAt('m2', addresses.m2, { env: { LEAVEN_TAKEOVER: '1' } })
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
      // half a minute in which it may only not be published yet
      await refuses(machine, /token has expired.*leaven token/, 75)
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
      say('ahead', undefined)
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
