/** HAProxy, keepalived and kube-vip themselves, on our files, in network namespaces of their own. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { compileWithSecrets, filesOf, testSecrets, userDataOf } from './support/compiled.ts'
import { kubeVipProgram } from './support/programs.ts'
import { isRoot, run, withTools } from './support/tools.ts'

const scratch = mkdtempSync(join(tmpdir(), 'leaven-endpoint-'))
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

const stub = join(import.meta.dirname, 'support/api-stub.mjs')

/** A control plane's files under a folder, those of `node` filled in; returns the folder. */
async function layOut(
  endpoint: object,
  node: { name: string; address: string; interface: string },
): Promise<string> {
  const compiled = await compileWithSecrets({
    name: 'prod',
    kubernetes: { version: '1.31.4' },
    endpoint: { address: '172.31.253.60', ...endpoint },
    network: { cni: { provider: 'none' } },
    nodes: [1, 2, 3].map((n) => ({ name: `m${n}`, role: 'control-plane', address: `172.31.253.6${n}` })),
  })
  const group = compiled.groups.find(({ name }) => name === 'control-plane')
  if (group === undefined) throw new Error('no control plane')
  const root = mkdtempSync(join(scratch, `${node.name}-`))
  const filled = (text: string) =>
    text
      .replaceAll('@NODE_NAME@', node.name)
      .replaceAll('@NODE_IP@', node.address)
      .replaceAll('@NODE_INTERFACE@', node.interface)
  const files = filesOf(userDataOf(compiled, group))
  const lay = (path: string, mode: string, content: string) => {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), content, { mode: Number.parseInt(mode, 8) })
  }
  for (const { path, mode, content } of files) lay(path, mode, content)
  for (const { source, destination, mode } of group.fill)
    lay(
      destination,
      mode.toString(8),
      filled(files.find(({ path }) => path === filled(source))?.content ?? ''),
    )
  return root
}

/** PEM files of a server named `kubernetes`, signed by the cluster's CA; and by one that is not. */
beforeAll(async () => {
  const { kubernetes } = (await testSecrets('prod', true)).authorities
  writeFileSync(join(scratch, 'ca.crt'), kubernetes.certificate)
  writeFileSync(join(scratch, 'ca.key'), kubernetes.key.reveal(), { mode: 0o600 })
  const script = `
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=other -keyout other-ca.key -out other-ca.crt -days 2
    printf 'subjectAltName=DNS:kubernetes\\nextendedKeyUsage=serverAuth\\n' >ext
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=kube-apiserver -keyout server.key -out server.csr
    openssl x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile ext -out server.crt
    openssl x509 -req -in server.csr -CA other-ca.crt -CAkey other-ca.key -CAcreateserial -days 2 -extfile ext -out other.crt`
  execFileSync('sh', ['-ec', script], { cwd: scratch, stdio: 'pipe' })
})

/** Runs a shell script with its own network and mounts; what it starts ends with it. */
function inNamespace(script: string, environment: Readonly<Record<string, string>>): string {
  return execFileSync(
    'unshare',
    ['--net', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc', 'bash', '--norc', '-c', script],
    {
      encoding: 'utf8',
      env: {
        PATH: process.env['PATH'],
        STUB: stub,
        NODE: process.execPath,
        SCRATCH: scratch,
        ...environment,
      },
      timeout: 50_000,
    },
  )
}

/** `within SECONDS COMMAND` waits for success and prints how long that took, or `never`. */
const tools = `
  within() { local end=$1 start=$EPOCHREALTIME; shift
    until "$@"; do sleep 0.1
      awk -v s="$start" -v n="$EPOCHREALTIME" -v e="$end" 'BEGIN { exit !(n - s > e) }' && { echo never; return 1; }
    done
    awk -v s="$start" -v n="$EPOCHREALTIME" 'BEGIN { printf "%.1f\\n", n - s }'; }`

const m1 = { name: 'm1', address: '172.31.253.61', interface: 'eth0' }

describe('keepalived-haproxy', () => {
  const ha = { provider: 'keepalived-haproxy' }

  withTools('haproxy')('haproxy takes its configuration without a warning', async () => {
    for (const endpoint of [ha, { ...ha, port: 443 }]) {
      const root = await layOut(endpoint, m1)
      const config = join(root, 'etc/haproxy/haproxy.cfg')
      execFileSync('sed', ['-i', `s|/etc/haproxy/leaven-ca|${root}&|`, config])
      expect(run('haproxy', ['-c', '-dW', '-f', config])).toContain('valid')
    }
  })

  const withKeepalived = isRoot() ? withTools('keepalived', 'unshare', 'ip') : test.skip

  withKeepalived('keepalived takes the configuration of every node', async () => {
    for (const [n, name] of ['m1', 'm2', 'm3'].entries()) {
      const root = await layOut(
        { ...ha, virtualRouterId: 99 },
        { name, address: `172.31.253.6${n + 1}`, interface: 'eth0' },
      )
      const printed = inNamespace(
        `ip link add eth0 type veth peer name sw0; ip link set eth0 up; ip link set sw0 up
        sed "s|/usr/libexec|$ROOT&|" "$ROOT/etc/keepalived/keepalived.conf" >"$ROOT/checked.conf"
        keepalived --config-test -f "$ROOT/checked.conf" 2>&1; echo "ended with $?"`,
        { ROOT: root },
      )
      expect(printed).toBe('ended with 0\n')
    }
  })

  withTools('shellcheck')('the check script is clean', async () => {
    const root = await layOut(ha, m1)
    run('shellcheck', ['--shell=sh', join(root, 'usr/libexec/keepalived/leaven-check')])
  })

  const withNet = isRoot() ? withTools('haproxy', 'curl', 'unshare', 'ip') : test.skip

  withNet(
    'HAProxy sends nobody to an API server of another CA, and the check tells when none is left',
    async () => {
      const root = await layOut(ha, m1)
      const printed = inNamespace(
        `${tools}
      ip link set lo up; for n in 1 2 3; do ip addr add 172.31.253.6$n/32 dev lo; done
      mkdir -p /tmp/x; mount --bind "$ROOT/etc/haproxy" /etc/haproxy
      serve() { "$NODE" "$STUB" "$1" 6443 "$SCRATCH/$2.crt" "$SCRATCH/server.key" "$SCRATCH/ca.crt" "$3" >/dev/null & }
      serve 172.31.253.61 other 200; serve 172.31.253.62 server 500
      haproxy -f /etc/haproxy/haproxy.cfg 2>/dev/null &
      check() { sh "$ROOT/usr/libexec/keepalived/leaven-check"; }
      sleep 3; check && echo 'wrong: healthy' || echo 'nobody to serve'
      serve 172.31.253.63 server 200; good=$!
      within 5 check >/dev/null && echo 'one serves'
      for i in 1 2 3 4 5 6; do curl -s --cacert "$SCRATCH/ca.crt" --resolve kubernetes:8443:172.31.253.61 -o /dev/null -D - https://kubernetes:8443/readyz | tr -d '\\r' | grep x-stub; done | sort | uniq -c
      kill $good; gone() { ! check; }; within 5 gone >/dev/null && echo 'nobody again'`,
        { ROOT: root },
      )
      expect(
        printed
          .trim()
          .split('\n')
          .map((line) => line.trim()),
      ).toEqual(['nobody to serve', 'one serves', '6 x-stub: 172.31.253.63', 'nobody again'])
    },
  )

  const withVrrp = isRoot() ? withTools('keepalived', 'unshare', 'ip', 'nsenter') : test.skip

  withVrrp(
    'the VIP is on the first node, moves when that dies, and stays though no API server serves',
    async () => {
      const [one, two] = [
        await layOut(ha, m1),
        await layOut(ha, { name: 'm2', address: '172.31.253.62', interface: 'eth0' }),
      ]
      const printed = inNamespace(
        `${tools}
      mount -t tmpfs tmpfs /run; mkdir -p /run/netns
      for n in 1 2; do ip netns add m$n; ip -n m$n link set lo up; done
      ip link add br0 type bridge; ip link set br0 up
      for n in 1 2; do
        ip link add port$n type veth peer name eth0 netns m$n; ip link set port$n master br0 up
        ip -n m$n addr add 172.31.253.6$n/24 dev eth0; ip -n m$n link set eth0 up
      done
      start() { sed -i "s|/usr/libexec|$2&|" $2/etc/keepalived/keepalived.conf
        ip netns exec $1 keepalived -n -l -p /run/$1.pid -r /run/$1.vrrp -f $2/etc/keepalived/keepalived.conf >$2/log 2>&1 & }
      holds() { ip -n $1 -o addr show eth0 | grep -q 'inet 172.31.253.60/32'; }
      start m1 "$ONE"; first=$!; start m2 "$TWO"
      within 15 holds m1 >/dev/null && echo 'm1 holds it'
      sleep 5; holds m1 && ! holds m2 && echo 'm1 alone, with no API server anywhere'
      ip link del port1; kill -9 $first
      within 15 holds m2`,
        { ONE: one, TWO: two },
      )
      const lines = printed.trim().split('\n')
      expect(lines.slice(0, 2)).toEqual(['m1 holds it', 'm1 alone, with no API server anywhere'])
      expect(Number(lines[2])).toBeLessThan(5)
    },
  )
})

describe('kube-vip', () => {
  const program = kubeVipProgram()
  const withKubeVip = program !== undefined && isRoot() ? withTools('unshare', 'ip') : test.skip

  withKubeVip.each([
    ['arp', 'eth0', {}],
    [
      'bgp',
      'lo',
      {
        mode: 'bgp',
        bgp: { localAS: 65001, peers: [{ address: '172.31.253.1', as: 65000, password: 's3cret' }] },
      },
    ],
  ])(
    '%s: takes the lease at its own API server, holds the VIP on %s, and lets go when that server dies',
    async (_, device, options) => {
      const root = await layOut({ version: '1.2.1', ...options }, m1)
      const pod = parse(run('cat', [join(root, 'etc/kubernetes/manifests/kube-vip.yaml')]))
      const [container] = pod.spec.containers
      const binds = container.volumeMounts.map(({ name, mountPath }: { name: string; mountPath: string }) => {
        const { path } = pod.spec.volumes.find((volume: { name: string }) => volume.name === name).hostPath
        return `t=${mountPath}; s="$ROOT${path}"; if [ -d "$s" ]; then mkdir -p $t; else mkdir -p $(dirname $t); touch $t; fi; mount --bind "$s" $t`
      })
      const printed = inNamespace(
        `${tools}
      ip link set lo up; ip link add eth0 type veth peer name sw0; ip link set sw0 up
      ip addr add 172.31.253.61/24 dev eth0; ip link set eth0 up
      mkdir -p /etc/kubernetes; mount -t tmpfs tmpfs /etc/kubernetes
      ${binds.join('\n')}
      "$NODE" "$STUB" 127.0.0.1 6443 "$SCRATCH/server.crt" "$SCRATCH/server.key" "$SCRATCH/ca.crt" >"$ROOT/requests" & api=$!
      within 10 grep -q listening "$ROOT/requests" >/dev/null
      env -i PATH="$PATH" ${container.env.map(({ name, value }: { name: string; value: string }) => `${name}='${value}'`).join(' ')} "$KUBE_VIP" manager >"$ROOT/log" 2>&1 & vip=$!
      holds() { ip -o addr show dev ${device} | grep -q 'inet 172.31.253.60/32'; }
      free() { ! holds; }
      within 15 holds >/dev/null && echo held || cat "$ROOT/log"
      sleep 2; kill $api; within 20 free
      cat "$ROOT/requests"`,
        { ROOT: root, KUBE_VIP: program ?? '' },
      )
      const [held, seconds, , ...requests] = printed.trim().split('\n')
      expect(held).toBe('held')
      // Its renewDeadline is 3 s.
      expect(Number(seconds)).toBeLessThan(6)
      const seen = requests.map((line) => JSON.parse(line))
      expect(seen.map(({ method }) => method)).toEqual(expect.arrayContaining(['GET', 'POST', 'PUT']))
      for (const request of seen)
        expect(request).toMatchObject({ client: { O: 'system:masters' }, servername: 'kubernetes' })
    },
  )
})
