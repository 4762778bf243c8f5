/** What first boot does to the system around Kubernetes. */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFileSync, rmSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { addresses, controlPlanes, vip, worker, writeTables } from './boot/settings.effect.ts'
import { done, root, useStage, waiting } from './boot/stage.effect.ts'

describe.skipIf(!root)('a machine', { timeout: 120_000 }, () => {
  const { api, first, joiner, machine: machineAt, onLan, say, serve } = useStage()

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
      const machine = machineAt('IP-10-77-0-60', '10.77.0.60', {
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

  test('an endpoint with several addresses: one that is dead keeps nobody out', () =>
    onLan(async () => {
      say('token', 'abcdef')
      await api([vip])
      const machine = joiner({ env: { LEAVEN_ENDPOINT_ADDRESS: `10.77.0.110,${vip},10.77.0.111` } })
      machine.boot()
      await machine.until('done', () => machine.has('var/lib/leaven/done'), 60)
      expect(machine.read('etc/hosts')).toContain(
        `# leaven begin\n10.77.0.110 api.test\n${vip} api.test\n10.77.0.111 api.test\n`,
      )
    }))

  test('takes the name that its cloud gives it, from IMDSv2 and, where there is none, from v1', () =>
    onLan(async () => {
      say('token', 'abcdef')
      await api([vip])
      const metadata = `require('http').createServer((request, response) => {
        if (request.method === 'PUT') return response.writeHead(process.argv[1] === 'v2' ? 200 : 404).end('T')
        const allowed = process.argv[1] !== 'v2' || request.headers['x-aws-ec2-metadata-token'] === 'T'
        response.writeHead(allowed ? 200 : 401).end('IP-10-77-0-21.ec2.internal')
      }).listen(80)`
      for (const version of ['v2', 'v1']) {
        const service = await serve(['169.254.169.254', '10.77.0.98'], ['node', '-e', metadata, version])
        const machine = joiner({ env: { LEAVEN_NODE_NAME_SOURCE: 'imds-local-hostname' } })
        machine.write(
          'usr/local/lib/leaven/imds',
          readFileSync(new URL('../boot/imds', import.meta.url), 'utf8'),
        )
        machine.run('ip', 'route', 'add', '169.254.169.254', 'dev', 'eth0')
        machine.boot()
        await done(machine)
        expect(machine.status()?.node).toBe('ip-10-77-0-21.ec2.internal')
        await machine.cut()
        await service.stop()
      }
    }))

  test('keeps pods from the metadata service, on this boot and the next', () =>
    onLan(async () => {
      say('token', 'abcdef')
      await api([vip])
      const machine = joiner({ env: { LEAVEN_BLOCK_METADATA: '1' } })
      machine.boot()
      await done(machine)
      await machine.cut()
      const rules = () => machine.run('sh', '-c', 'iptables -t raw -S; ip6tables -t raw -S').output
      const blocked = rules()
      expect(blocked).toContain('-A PREROUTING -d 169.254.169.254/32 -j DROP')
      expect(blocked).toContain('-A PREROUTING -d fd00:ec2::254/128 -j DROP')
      // what a reboot does to rules in memory
      machine.run('sh', '-c', 'iptables -t raw -F; ip6tables -t raw -F')
      machine.boot()
      await new Promise((past) => setTimeout(past, 3000))
      await machine.cut()
      expect(rules()).toBe(blocked)
    }))

  test('installs what a plain image lacks, and only what its sums vouch for', () =>
    onLan(async () => {
      say('token', 'abcdef')
      await api([vip])
      const files = `require('http').createServer((request, response) => response.end('content of ' + request.url)).listen(80)`
      await serve(['10.77.0.99'], ['node', '-e', files])
      const sum = createHash('sha256').update('content of /tool').digest('hex')
      const tables = (checksum: string) => [
        ['repositories', 'kubernetes', 'apt', 'http://10.77.0.99/deb/', '/', '-', 'http://10.77.0.99/key'],
        ['packages', 'kubelet=1.31.4-*', 'conntrack'],
        ['downloads', 'http://10.77.0.99/tool', checksum, '/opt/bin/tool', '0755', 'file'],
      ]
      const machine = joiner({ tables: tables('0'.repeat(64)) })
      for (const name of ['apt-get', 'apt-mark', 'dpkg'])
        machine.write(`usr/local/bin/${name}`, `#!/bin/bash\nrecord ${name} "$@"\n`, 0o755)
      machine.boot()
      await waiting(machine, /its sha256 is not '0{64}'/)
      expect(machine.has('opt/bin/tool')).toBe(false)
      writeTables(machine, 'worker', [...controlPlanes, worker], tables(sum))
      await done(machine)
      expect(machine.read('opt/bin/tool')).toBe('content of /tool')
      expect(machine.read('etc/apt/sources.list.d/leaven-kubernetes.list').trimEnd()).toBe(
        'deb [signed-by=/etc/apt/keyrings/leaven-kubernetes.asc] http://10.77.0.99/deb/ /',
      )
      expect(machine.read('etc/apt/keyrings/leaven-kubernetes.asc')).toBe('content of /key')
      const install = machine.recorded().filter((line) => line.includes(' install '))
      expect(install).toEqual([
        expect.stringMatching(/^apt-get .*Lock::Timeout.* kubelet=1\.31\.4-\* conntrack$/),
      ])
    }))

  test('control planes join one after another where Kubernetes needs it', () =>
    onLan(async () => {
      say('token', 'abcdef')
      await api([vip])
      const machine = machineAt('m2', addresses.m2, { env: { LEAVEN_SERIALIZE_JOINS: '1' } })
      rmSync(machine.path('etc/leaven/pki/etcd/ca.key'))
      rmSync(machine.path('vip'))
      // as an API server would: a name is made once, and what is there can be read and deleted
      const lock = '/steer/lock'
      machine.write(
        'usr/local/bin/kubectl',
        `#!/bin/bash
record kubectl "$@"
case "$*" in
  *'create -n kube-system configmap'*) (set -C; all=$*; echo "\${all##*node=}" >${lock}) 2>/dev/null || { echo 'AlreadyExists' >&2; exit 1; } ;;
  *'get -n kube-system configmap'*) [[ ! -e ${lock} ]] || echo "$(cat ${lock}) 7" ;;
  *'delete -n kube-system configmap'*) rm ${lock} ;;
esac
`,
        0o755,
      )
      machine.steer('lock', 'm3\n')
      machine.boot()
      await waiting(machine, /control planes join one after another, now m3/)
      machine.steer('lock', undefined)
      await done(machine)
      const asked = machine.recorded().map((line) => line.replace(/.*(create|delete) -n kube-system.*/, '$1'))
      expect(asked.filter((line) => /^(create|delete|kubeadm join)/.test(line)).slice(-3)).toEqual([
        'create',
        'kubeadm join --config /run/leaven/join.yaml',
        'delete',
      ])
    }))
})
