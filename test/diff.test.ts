/** gen diff, gen facts and gen doctor, as processes. */
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { scratchFolder } from './support/secrets.ts'
import { asProcess, inTerminal, program } from './support/terminal.ts'
import { run, withTools } from './support/tools.ts'

const scratch = scratchFolder()
const example = readFileSync('blueprints/ha-kube-vip.yaml', 'utf8')

function pair(change: (text: string) => string, before = example) {
  const folder = mkdtempSync(join(scratch, 'diff-'))
  writeFileSync(join(folder, 'old.yaml'), before)
  writeFileSync(join(folder, 'cluster.yaml'), change(before))
  return { folder, diff: (...args: readonly string[]) => asProcess(folder, ['diff', 'old.yaml', ...args]) }
}

describe('gen diff', () => {
  test('says nothing when nothing differs, however it is written', () => {
    const { diff } = pair((text) =>
      text.replace('provider: kube-vip', 'provider: kube-vip # the same').replace('"24.04"', "'24.04'"),
    )
    expect(diff('--exit-code')).toEqual({ code: 0, out: '', err: '' })
  })

  test('shows what a new version changes, group by group and file by file', () => {
    const { diff } = pair((text) => text.replace('1.31.4', '1.31.5'))
    const { code, out } = diff()
    expect(code).toBe(0)
    expect(out).toMatch(
      /^--- a\/control-plane\/etc\/leaven\/kubeadm\/init\.yaml\n\+\+\+ b\/control-plane\/etc\/leaven\/kubeadm\/init\.yaml\n@@ /m,
    )
    expect(out).toMatch(/^-kubernetesVersion: v1\.31\.4\n\+kubernetesVersion: v1\.31\.5$/m)
    expect(
      diff('--names')
        .out.split('\n')
        .filter((name) => name.startsWith('workers/')),
    ).toEqual(['workers/etc/leaven/node.env', 'workers/etc/leaven/tables', 'workers/images'])
    expect(diff('--exit-code').code).toBe(1)
  })

  test('shows a node that comes and one that goes, and where the others know of them', () => {
    const { diff } = pair((text) =>
      text
        .replace('name: m3', 'name: m4')
        .replace('  - { name: w2, role: worker, address: 172.31.253.72 }\n', ''),
    )
    const names = diff('--names').out
    for (const name of [
      'nodes/m3/meta-data',
      'nodes/m4/network-config',
      'nodes/w2/meta-data',
      'control-plane/etc/leaven/kubeadm/init.yaml',
    ])
      expect(names).toContain(`${name}\n`)
    expect(diff().out).toMatch(/^--- \/dev\/null\n\+\+\+ b\/nodes\/m4\/meta-data$/m)
    expect(diff().out).toMatch(/^--- a\/nodes\/w2\/meta-data\n\+\+\+ \/dev\/null$/m)
  })

  test('never shows a secret, and says when one differs', () => {
    const secret = (password: string, passwd: string, content: string) =>
      `${example.replace(
        '  address: 172.31.253.60\n',
        `  address: 172.31.254.60\n  mode: bgp\n  bgp: { localAS: 65001, peers: [{ address: 172.31.253.1, as: 65000, password: ${password} }] }\n`,
      )}users: [{ name: ops, passwd: ${passwd} }]\nfiles: [{ path: /etc/own, mode: "0600", content: ${content} }]\n`
    const { diff } = pair(
      () => secret('newpeerword', 'newhash', 'newcontent'),
      secret('oldpeerword', 'oldhash', 'oldcontent'),
    )
    const { out, err } = diff()
    expect(out + err).not.toMatch(/(new|old)(peerword|hash|content)/)
    expect(out).toMatch(/^control-plane\/etc\/leaven\/manifests\/kube-vip\.yaml: a secret in it differs$/m)
    expect(out).toMatch(/^workers\/cloud-config: a secret in it differs$/m)
    expect(out).toMatch(/^workers\/etc\/own: a secret in it differs$/m)
  })

  test('reads one of the two from standard input, and built-in ones by name', () => {
    const { folder } = pair((text) => text)
    expect(asProcess(folder, ['diff', '-', '--exit-code'], example)).toMatchObject({ code: 0, out: '' })
    expect(asProcess(folder, ['diff', 'ha-kube-vip', 'ha-keepalived', '--names']).out).toContain(
      'control-plane/etc/leaven/haproxy.cfg\n',
    )
  })

  test('a wrong blueprint is reported, and told apart from a difference', () => {
    const { diff } = pair((text) => text.replace('1.31.4', '1.99.0'))
    expect(diff()).toMatchObject({
      code: 1,
      out: '',
      err: expect.stringContaining('cluster.yaml:7:12: error'),
    })
    expect(diff('--exit-code').code).toBe(2)
    expect(asProcess(scratch, ['diff'])).toMatchObject({
      code: 2,
      err: expect.stringContaining('gen diff OLD [NEW]'),
    })
  })

  test('what it prints is a patch', () => {
    const { folder, diff } = pair((text) => text.replace('1.31.4', '1.32.0'))
    writeFileSync(join(folder, 'changes.patch'), diff().out)
    expect(run('sh', ['-c', `cd '${folder}' && git apply --numstat changes.patch`])).toMatch(
      /^\d+\t\d+\tcontrol-plane\/etc\/leaven\/kubeadm\/init\.yaml$/m,
    )
  })

  withTools('python3')('has colours on a terminal only', () => {
    const { folder, diff } = pair((text) => text.replace('1.31.4', '1.31.5'))
    expect(diff().out).not.toContain('\u001b')
    expect(diff('--color=always').out).toContain('\u001b[32m+kubernetesVersion: v1.31.5')
    expect(inTerminal(folder, ['diff', 'old.yaml'], []).raw).toContain(
      '\u001b[31m-kubernetesVersion: v1.31.4',
    )
  })
})

describe('gen facts', () => {
  test('lists every minor that we know', () => {
    const { out } = asProcess(scratch, ['facts'])
    const minors = out
      .split('\n')
      .slice(1, -1)
      .map((line) => line.split(' ')[0])
    expect(minors.slice(0, 2)).toEqual(['1.18', '1.19'])
    expect(minors).toHaveLength(20)
  })

  test('says of a version what images it has, and who says so', () => {
    const { out, code } = asProcess(scratch, ['facts', 'v1.31.4'])
    expect(code).toBe(0)
    expect(out).toMatch(/^etcd +3\.5\.15-0$/m)
    expect(out).toMatch(/^CoreDNS +coredns\/coredns:v1\.11\.3$/m)
    expect(out).toMatch(/https:\/\/github\.com\/kubernetes\/kubernetes\/\S+ \(read \d{4}-\d\d-\d\d\)/)
    const json = JSON.parse(asProcess(scratch, ['facts', '1.31.4', '--json']).out)
    expect(json).toMatchObject({ version: '1.31.4', images: { etcd: '3.5.15-0' } })
    expect(json.sources.length).toBeGreaterThan(5)
    expect(JSON.parse(asProcess(scratch, ['facts', '--json']).out)).toHaveLength(20)
  })

  test('knows what it does not know', () => {
    expect(asProcess(scratch, ['facts', '1.13']).err).toMatch(/we know nothing of Kubernetes 1\.13/)
    expect(asProcess(scratch, ['facts', '1.13']).code).toBe(2)
  })
})

describe('gen doctor', () => {
  /** A PATH with nothing on it but what the test puts there. */
  const doctor = (programs: Readonly<Record<string, string>>, ...args: readonly string[]) => {
    const bin = mkdtempSync(join(scratch, 'bin-'))
    mkdirSync(bin, { recursive: true })
    for (const [name, script] of Object.entries(programs)) {
      writeFileSync(join(bin, name), script)
      chmodSync(join(bin, name), 0o755)
    }
    const command = `PATH='${bin}' exec '${process.execPath}' '${program}' doctor ${args.join(' ')}; `
    return run('sh', ['-c', `(${command}) ; echo "code $?"`])
  }

  test('names what is missing, for what, and where it comes from', () => {
    const printed = doctor({})
    expect(printed).toMatch(/^node \d+\.\d+\.\d+: ok/)
    expect(printed).toMatch(
      /^xorriso: missing, which gen seed --iso needs: .*\n {2}hint: apt-get install xorriso$/m,
    )
    expect(printed).toContain('code 1')
  })

  test('finds versions, and does not mind a program that will not tell', () => {
    const ok = doctor({ xorriso: '#!/bin/sh\necho "xorriso 1.5.4 : RockRidge"\n' })
    expect(ok).toContain('xorriso 1.5.4: ok')
    expect(doctor({ xorriso: '#!/bin/sh\nexit 3\n' })).toContain('xorriso (version unknown): ok')
    expect(JSON.parse(doctor({}, '--json').replace(/code \d+\n$/, ''))).toMatchObject({
      node: process.version,
    })
  })
})
