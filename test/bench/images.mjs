// `gen images export` beside crane, skopeo and bare curl, from docker-registry on loopback. Never fails on a figure.
//   npm run bench:images -- --size 5000 --rounds 3 --folder /dev/shm
import { spawn, spawnSync } from 'node:child_process'
import { createCipheriv, createHash } from 'node:crypto'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { parseArgs } from 'node:util'

const { values } = parseArgs({
  options: {
    size: { type: 'string', default: '425' },
    rounds: { type: 'string', default: '5' },
    folder: { type: 'string', default: tmpdir() },
  },
})
const megabytes = Number(values.size)
const rounds = Number(values.rounds)
if (!(megabytes > 0 && Number.isInteger(rounds) && rounds > 0)) throw new Error('--size MB, --rounds COUNT')
const gen = join(import.meta.dirname, '../../dist/gen.js')
const craneVersion = 'v0.22.1'
/** What else the machine does hits all alike: they take turns, and the order turns too. */
const folder = mkdtempSync(join(values.folder, 'leaven-bench-images-'))

/** Of 425: two layers that images share, and each image's own; as kubeadm's, a CNI's and an ingress' are. */
const shared = { base: 30, runtime: 60 }
const set = [
  { name: 'etcd', layers: ['base', 60] },
  { name: 'apiserver', layers: ['base', 40, 5] },
  { name: 'manager', layers: ['base', 35] },
  { name: 'scheduler', layers: ['base', 30, 8, 2] },
  { name: 'proxy', layers: ['base', 25] },
  { name: 'coredns', layers: ['base', 25] },
  { name: 'cni', layers: ['runtime', 20, 10] },
  { name: 'cni-node', layers: ['runtime', 15] },
  { name: 'ingress', layers: ['runtime', 12, 3] },
  { name: 'pause', layers: [10] },
  { name: 'vip', layers: [35] },
]

/** Bytes that don't compress and are the same every time. */
function noise(seed, parts) {
  const key = createHash('sha256').update(seed).digest()
  const zeros = Buffer.alloc(Math.round((parts / 425) * megabytes * 1e6))
  return createCipheriv('aes-256-ctr', key, Buffer.alloc(16)).update(zeros)
}

async function put(base, repository, bytes, mediaType) {
  const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`
  const begun = await fetch(`${base}/${repository}/blobs/uploads/`, { method: 'POST' })
  const place = new URL(begun.headers.get('location'))
  place.searchParams.set('digest', digest)
  await created(place, bytes, 'application/octet-stream')
  return { mediaType, digest, size: bytes.length }
}

async function created(url, body, type) {
  const answer = await fetch(url, { method: 'PUT', body, headers: { 'content-type': type } })
  if (answer.status !== 201) throw new Error(`PUT ${url}: ${answer.status} ${await answer.text()}`)
}

/** @returns every blob's URL, each once, and how many bytes they have */
async function fill(base) {
  const blobs = new Map()
  for (const { name, layers } of set) {
    const described = []
    for (const [at, one] of layers.entries()) {
      const bytes = noise(typeof one === 'string' ? one : `${name}${at}`, shared[one] ?? one)
      described.push(await put(base, name, bytes, 'application/vnd.oci.image.layer.v1.tar+gzip'))
    }
    const diffs = described.map(({ digest }) => digest)
    const config = { os: 'linux', architecture: 'amd64', rootfs: { type: 'layers', diff_ids: diffs } }
    const mediaType = 'application/vnd.oci.image.config.v1+json'
    const configDescriptor = await put(base, name, Buffer.from(JSON.stringify(config)), mediaType)
    const type = 'application/vnd.oci.image.manifest.v1+json'
    const manifest = { schemaVersion: 2, mediaType: type, config: configDescriptor, layers: described }
    await created(`${base}/${name}/manifests/v1`, JSON.stringify(manifest), type)
    for (const { digest, size } of [configDescriptor, ...described])
      if (!blobs.has(digest)) blobs.set(digest, { url: `${base}/${name}/blobs/${digest}`, size })
  }
  const all = [...blobs.values()]
  return { urls: all.map(({ url }) => url), bytes: all.reduce((sum, { size }) => sum + size, 0) }
}

async function startRegistry() {
  const config = {
    version: '0.1',
    log: { level: 'info', accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: join(folder, 'storage') } },
    http: { addr: '127.0.0.1:0' },
  }
  const file = join(folder, 'registry.yml')
  writeFileSync(file, JSON.stringify(config))
  // Into a file: while a contestant runs nobody would empty a pipe, and a registry that cannot log stands still.
  const log = join(folder, 'registry.log')
  const child = spawn('docker-registry', ['serve', file], { stdio: ['ignore', 'ignore', openSync(log, 'w')] })
  for (;;) {
    await setTimeout(50)
    if (child.exitCode !== null) throw new Error(`docker-registry: ${readFileSync(log, 'utf8')}`)
    const port = /listening on 127\.0\.0\.1:(\d+)/.exec(readFileSync(log, 'utf8'))?.[1]
    if (port !== undefined) return { name: `127.0.0.1:${port}`, stop: () => child.kill('SIGKILL') }
  }
}

function has(program) {
  return spawnSync('which', [program]).status === 0
}

/** Of the machine, or made once by Go and kept in the cache. */
function findCrane() {
  if (has('crane')) return 'crane'
  const bin = join(process.env.LEAVEN_CACHE ?? join(homedir(), '.cache/leaven'), 'bin')
  const target = join(bin, `crane-${craneVersion}`)
  if (existsSync(target)) return target
  if (!has('go')) return undefined
  mkdirSync(bin, { recursive: true })
  const made = mkdtempSync(join(bin, '.make-'))
  const env = { ...process.env, GOBIN: made, GOFLAGS: '' }
  const source = `github.com/google/go-containerregistry/cmd/crane@${craneVersion}`
  const { status } = spawnSync('go', ['install', source], { env, stdio: 'inherit' })
  if (status === 0) renameSync(join(made, 'crane'), target)
  rmSync(made, { recursive: true })
  return status === 0 ? target : undefined
}

/**
 * Of a command and all that it starts: seconds, processor seconds, and the largest process in mebibytes. Before it,
 * memory is taken and let go: what a hypervisor took back meanwhile costs whoever needs it first, by chance.
 */
const measure = `import json, os, subprocess, sys, time
subprocess.run([sys.executable, '-c', "b'1' * ${Math.round(megabytes * 1.2e6)}"])
begun = time.monotonic()
ran = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, used = os.wait4(ran.pid, 0)
wall = time.monotonic() - begun
if status: sys.exit(1)
print(json.dumps({'wall': wall, 'cpu': used.ru_utime + used.ru_stime, 'rss': used.ru_maxrss / 1024}))`

function run(argv) {
  const { status, stdout, stderr } = spawnSync('python3', ['-c', measure, ...argv], { encoding: 'utf8' })
  if (status !== 0) throw new Error(`${argv.join(' ').slice(0, 200)}: ${stderr}`)
  return JSON.parse(stdout)
}

/** What each is asked to do; every one writes below `to`, which is empty. */
function contestants(registry, urls, crane) {
  const refs = set.map(({ name }) => `${registry}/${name}:v1`)
  const list = join(folder, 'list.txt')
  writeFileSync(list, `${refs.join('\n')}\n`)
  const own = (to) => [
    process.execPath,
    gen,
    'images',
    'export',
    '--images',
    list,
    '--plain-http',
    '-o',
    `${to}/all.tar`,
  ]
  const policy = join(folder, 'policy.json')
  writeFileSync(policy, '{"default":[{"type":"insecureAcceptAnything"}]}')
  const copies = set.map(
    ({ name }) =>
      `skopeo copy -q --policy ${policy} --src-tls-verify=false docker://${registry}/${name}:v1 oci:"$0":${name}`,
  )
  const curl = (to) => {
    const config = urls.map((url, at) => `url = "${url}"\noutput = "${to}/${at}"\n`)
    writeFileSync(join(folder, 'curl.txt'), config.join(''))
    return [
      'curl',
      '-sf',
      '--parallel',
      '--parallel-immediate',
      '--parallel-max',
      '8',
      '-K',
      join(folder, 'curl.txt'),
    ]
  }
  return new Map([
    ['gen images export', own],
    ...(crane === undefined
      ? []
      : [
          ['crane pull', (to) => [crane, 'pull', '--insecure', ...refs, `${to}/all.tar`]],
          // Like ours: once it says that it is done, a power cut takes nothing away.
          [
            'crane pull, then sync',
            (to) => [
              'sh',
              '-ec',
              `"$0" pull --insecure ${refs.join(' ')} "$1"; sync "$1"`,
              crane,
              `${to}/all.tar`,
            ],
          ],
          [
            'crane pull --format=oci',
            (to) => [crane, 'pull', '--insecure', '--format=oci', ...refs, `${to}/oci`],
          ],
        ]),
    ...(has('skopeo') ? [['skopeo copy', (to) => ['sh', '-ec', copies.join('\n'), `${to}/oci`]]] : []),
    ['curl, 8 at a time', curl],
  ])
}

function race(entrants) {
  const names = [...entrants.keys()]
  const results = new Map([...names, 'the same again'].map((name) => [name, []]))
  for (let round = 0; round < rounds; round += 1)
    for (let turn = 0; turn < names.length; turn += 1) {
      const name = names[(turn + round) % names.length]
      const to = join(folder, 'to')
      mkdirSync(to)
      const command = entrants.get(name)(to)
      results.get(name).push(run(command))
      if (name === names[0]) results.get('the same again').push(run(command))
      rmSync(to, { recursive: true })
    }
  return results
}

function median(numbers) {
  const sorted = [...numbers].sort((one, other) => one - other)
  return (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2
}

function report(results, bytes) {
  const own = results.get('gen images export')
  console.log(
    `${set.length} images, ${(bytes / 1e6).toFixed(0)} MB, medians of ${rounds}; ratios are those of the rounds`,
  )
  console.log('                            wall s   cpu s  RSS MiB  gen/it wall  gen/it cpu')
  for (const [name, runs] of results) {
    const part = (key) => median(own.map((one, at) => one[key] / runs[at][key])).toFixed(2)
    const cells = [
      median(runs.map(({ wall }) => wall)).toFixed(2),
      median(runs.map(({ cpu }) => cpu)).toFixed(2),
      Math.max(...runs.map(({ rss }) => rss)).toFixed(0),
    ]
    const ratios = runs === own ? [] : [part('wall'), part('cpu')]
    console.log(
      name.padEnd(25) +
        cells.map((cell) => cell.padStart(9)).join('') +
        ratios.map((cell) => cell.padStart(12)).join(''),
    )
  }
  const again = results.get('the same again')
  const part = median(again.map(({ wall }, at) => wall / own[at].wall))
  const peak = Math.max(...own.map(({ rss }) => rss))
  const beside = (it) =>
    it === undefined ? 'not measured' : median(own.map(({ wall }, at) => wall / it[at].wall)).toFixed(2)
  console.log(
    `wall beside crane pull: ${beside(results.get('crane pull'))} (aim 0.90), on the disk both: ${beside(results.get('crane pull, then sync'))}, RSS: ${peak.toFixed(0)} MiB (aim 150), the same again: ${part.toFixed(2)} of the first (aim 0.20)`,
  )
}

let stop = () => undefined
process.on('exit', () => {
  stop()
  rmSync(folder, { recursive: true, force: true })
})
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(130))
const crane = findCrane()
if (crane === undefined) console.log('without crane: neither it nor go is there')
const registry = await startRegistry()
stop = registry.stop
const { urls, bytes } = await fill(`http://${registry.name}/v2`)
report(race(contestants(registry.name, urls, crane)), bytes)
// docker-registry would keep us.
process.exit()
