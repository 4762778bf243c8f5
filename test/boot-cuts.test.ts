/** The first-boot program, really run: cut off by SIGKILL anywhere and started again, it ends the same. */
import { execFileSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import type { Machine } from './boot/machine.effect.ts'
import { addresses, vip } from './boot/settings.effect.ts'
import { bootAndCut, calls, done, left, root, useStage } from './boot/stage.effect.ts'

const here = dirname(fileURLToPath(import.meta.url))

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

describe.skipIf(!root)('a machine that loses power', { timeout: 120_000 }, () => {
  const { api, first, joiner, onLan, refuse, say } = useStage()

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

  test('begun to form the cluster, but another did meanwhile: starts over and joins', () =>
    onLan(async () => {
      say('token', 'abcdef')
      await refuse(addresses.m2, addresses.m3)
      const machine = first()
      rmSync(machine.path('vip'))
      const server = await refuse(vip)
      await bootAndCut(machine, 'kubeadm init --config /run/leaven/init.yaml --skip-token-print')
      await server.stop()
      await api([vip])
      machine.boot()
      await done(machine)
      expect(
        machine
          .recorded()
          .filter((line) => /^kubeadm (init --config|reset|join)/.test(line))
          .map((line) => line.split(' ')[1]),
      ).toEqual(['init', 'reset', 'join'])
      expect(
        ['init-started', 'lost', 'initialised', 'joined'].filter((mark) =>
          machine.has(`var/lib/leaven/${mark}`),
        ),
      ).toEqual(['joined'])
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
})
