/** A node of the RHEL family without a network: real dnf, and a bundle on its disk. */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect } from 'vitest'
import { type Machine, programs } from './boot/machine.effect.ts'
import { root, useStage, waiting } from './boot/stage.effect.ts'
import { type Publisher, publish } from './bundle/island.effect.ts'
import { make } from './bundle/make.effect.ts'
import {
  type Distribution,
  foundDistribution,
  offerAll,
  rpmBlueprint,
  rpmTools,
  signers,
} from './bundle/rpm-island.effect.ts'
import { withTools } from './support/tools.ts'

const scratch = mkdtempSync(join(tmpdir(), 'leaven-boot-rpm-'))
const folder = join(scratch, 'bundle')
const at = 'var/lib/leaven/bundle'
let publisher: Publisher
let distribution: Distribution
const test = root ? withTools(...rpmTools) : withTools('(root)')

beforeAll(async () => {
  publisher = await publish()
  distribution = foundDistribution(publisher)
  offerAll(distribution, publisher)
  const blueprint = rpmBlueprint(publisher.url).replace('name: island', 'name: test')
  const trusted = [distribution.fingerprint(signers.rocky)]
  await make({ blueprint, role: 'worker', output: folder, trusted })
  await publisher.close()
}, 120_000)
afterAll(() => {
  distribution.remove()
  rmSync(scratch, { recursive: true, force: true })
})

describe('a machine of the RHEL family without a network', { timeout: 120_000 }, () => {
  const { joiner, onLan } = useStage()

  function rocky(): Machine {
    const machine = joiner({ tables: [['packages', 'conntrack-tools', 'kubeadm=1.31.4-*']] })
    for (const part of ['archives', 'bundle'])
      machine.write(`usr/local/lib/leaven/${part}`, readFileSync(join(programs, part), 'utf8'))
    machine.write('etc/os-release', 'ID="rocky"\nVERSION_ID="9.4"\n')
    // A repository that nobody reaches: whoever asks it fails.
    machine.write('etc/yum.repos.d/own.repo', '[own]\nname=own\nbaseurl=http://10.77.0.250/\ngpgcheck=0\n')
    machine.run('rm', '/usr/bin/apt-get')
    cpSync(folder, machine.path(at), { recursive: true })
    return machine
  }
  /** What follows is as on any other machine. */
  const installs = (machine: Machine) =>
    machine.until('packages', () => machine.has('var/lib/leaven/packages-done'), 60)
  const version = (machine: Machine, name: string) =>
    machine.has(`usr/share/island/${name}`) ? machine.read(`usr/share/island/${name}`).slice(0, 7) : undefined

  test('installs packages from the bundle, and asks no other repository', () =>
    onLan(async () => {
      const machine = rocky()
      machine.boot()
      await installs(machine)
      await machine.cut()
      expect(version(machine, 'kubeadm')).toMatch(/^1\.31\.4/)
      expect(version(machine, 'libnetfilter')).toMatch(/^1\.0/)
      expect(version(machine, 'documentation')).toBeUndefined()
      expect(machine.read('etc/yum.repos.d/own.repo')).toContain('10.77.0.250')
    }))

  test('refuses packages that the key of the bundle does not vouch for', () =>
    onLan(async () => {
      const machine = rocky()
      const sums = machine.read(`${at}/SHA256SUMS`)
      const signature = `${at}/packages/repodata/repomd.xml.asc`
      const before = machine.read(signature)
      // As somebody would have it who can write to the stick, but has not the key.
      machine.write(signature, machine.read(`${at}/packages/bundle.asc`))
      const lines = sums.split('\n').filter((line) => !line.endsWith('repomd.xml.asc'))
      machine.write(`${at}/SHA256SUMS`, lines.join('\n'))
      machine.boot()
      await waiting(machine, /packages: .*leaven/, 60)
      expect(machine.status()?.state).toBe('waiting')
      expect(version(machine, 'conntrack-tools')).toBeUndefined()
      machine.write(signature, before)
      await machine.cut()
      machine.boot()
      await installs(machine)
      await machine.cut()
      expect(version(machine, 'conntrack-tools')).toBeDefined()
    }))

  test('is made ready by install.sh, as often as one likes', () =>
    onLan(async () => {
      const machine = rocky()
      machine.run('rm', '/usr/local/bin/ctr', '/usr/bin/ctr')
      const install = () => machine.run('sh', `/${at}/install.sh`, '--role', 'worker')
      const first = install()
      expect(first.output).toContain('install.sh: ready')
      expect(first.code).toBe(0)
      for (const name of ['containerd.io', 'kubelet', 'socat']) expect(version(machine, name)).toBeDefined()
      expect(machine.read('usr/local/sbin/leaven')).toMatch(/^#!\/bin\/bash\n/)
      expect(install()).toMatchObject({ code: 0, output: expect.stringContaining('Nothing to do.') })
      writeFileSync(machine.path(`${at}/packages/socat-1.0-1.el9.noarch.rpm`), 'something else')
      expect(install()).toMatchObject({
        code: 1,
        output: expect.stringContaining('packages/socat-1.0-1.el9.noarch.rpm is damaged'),
      })
    }))
})
