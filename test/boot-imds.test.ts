/** boot/imds against a metadata service that has only version 2, and whose tokens go no further than its hop limit. */
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { root } from './boot/stage.effect.ts'
import { withTools } from './support/tools.ts'

const prefix = `leaven-imds-${process.pid}`
const [cloud, node, pod] = [`${prefix}-c`, `${prefix}-n`, `${prefix}-p`]
const ip = (...args: string[]) => execFileSync('ip', args, { stdio: ['ignore', 'pipe', 'pipe'] })
const folder = mkdtempSync(join(tmpdir(), 'leaven-imds-'))
const stops: (() => void)[] = []
afterAll(() => {
  for (const stop of stops) stop()
  for (const name of [cloud, node, pod]) spawnSync('ip', ['netns', 'delete', name])
  rmSync(folder, { recursive: true, force: true })
})

/** The answer to PUT leaves with the hop limit as its TTL, as EC2 has it; everything else travels as usual. */
const service = `import http.server, socket, sys, time
tokens = {}
class Imds(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    def say(self, status, text=''):
        self.send_response(status); self.send_header('Content-Length', str(len(text))); self.end_headers(); self.wfile.write(text.encode())
    def do_PUT(self):
        ttl = self.headers.get('X-aws-ec2-metadata-token-ttl-seconds', '')
        if self.path != '/latest/api/token' or not ttl.isdigit() or not 1 <= int(ttl) <= 21600 or 'X-Forwarded-For' in self.headers:
            return self.say(400)
        self.connection.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, int(sys.argv[1]))
        token = 'T%d' % len(tokens); tokens[token] = time.time() + int(ttl)
        self.say(200, token)
    def do_GET(self):
        if tokens.get(self.headers.get('X-aws-ec2-metadata-token'), 0) < time.time(): return self.say(401)
        self.say(200, 'ip-10-0-1-11.eu-central-1.compute.internal') if self.path == '/latest/meta-data/local-hostname' else self.say(404)
    def log_message(self, *_): pass
http.server.ThreadingHTTPServer(('169.254.169.254', int(sys.argv[2])), Imds).serve_forever()
`

function wire(): void {
  for (const name of [cloud, node, pod]) {
    ip('netns', 'add', name)
    ip('-n', name, 'link', 'set', 'lo', 'up')
  }
  const pair = (one: string, oneAddress: string, other: string, otherAddress: string, name: string) => {
    ip('link', 'add', `${name}0`, 'netns', one, 'type', 'veth', 'peer', 'name', `${name}1`, 'netns', other)
    ip('-n', one, 'address', 'add', oneAddress, 'dev', `${name}0`)
    ip('-n', other, 'address', 'add', otherAddress, 'dev', `${name}1`)
    ip('-n', one, 'link', 'set', `${name}0`, 'up')
    ip('-n', other, 'link', 'set', `${name}1`, 'up')
  }
  pair(cloud, '169.254.169.254/16', node, '169.254.0.1/16', 'wan')
  pair(node, '10.244.0.1/24', pod, '10.244.0.2/24', 'pod')
  ip('-n', pod, 'route', 'add', 'default', 'via', '10.244.0.1')
  ip('-n', cloud, 'route', 'add', '10.244.0.0/24', 'via', '169.254.0.1')
  ip('netns', 'exec', node, 'sysctl', '-q', '-w', 'net.ipv4.ip_forward=1')
}

async function serve(hopLimit: number): Promise<() => void> {
  const child = spawn('ip', [
    'netns',
    'exec',
    cloud,
    'python3',
    join(folder, 'imds.py'),
    String(hopLimit),
    '80',
  ])
  const stop = () => void child.kill('SIGKILL')
  stops.push(stop)
  for (let tries = 0; tries < 100; tries += 1) {
    const { status } = spawnSync('ip', [
      'netns',
      'exec',
      cloud,
      'bash',
      '-c',
      'exec 3<>/dev/tcp/169.254.169.254/80',
    ])
    if (status === 0) return stop
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error('the metadata service did not start')
}

/** What boot/imds finds out there; with the pauses of a test. */
function nameSeenBy(namespace: string): string {
  const script = `because() { echo "because: $*"; return 1; }; . boot/imds; imds && echo "$NODE"`
  return execFileSync('ip', ['netns', 'exec', namespace, 'bash', '-c', `${script}; exit 0`], {
    encoding: 'utf8',
  }).trim()
}

const tested = root ? withTools('ip', 'python3', 'curl') : test.skip

tested('a node gets its name, and a pod on it no token', { timeout: 60_000 }, async () => {
  writeFileSync(join(folder, 'imds.py'), service)
  wire()
  const name = 'ip-10-0-1-11.eu-central-1.compute.internal'
  const stop = await serve(1)
  expect(nameSeenBy(node)).toBe(name)
  expect(nameSeenBy(pod)).toBe('because: no local-hostname from http://169.254.169.254/latest')
  stop()
  // The pod does reach the service: with a hop more, it is answered.
  const second = await serve(2)
  expect(nameSeenBy(pod)).toBe(name)
  second()
})
