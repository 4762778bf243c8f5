/** The built program as users run it: what it prints where, how it ends, and what it leaves behind. */
import { execFileSync, spawnSync } from 'node:child_process'
import { gunzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import type { Io } from '../generators/cli/command.ts'
import { main } from '../generators/cli/main.ts'
import { blueprint, clusterPlace, place, program } from './support/command-line.ts'
import { filesOf } from './support/compiled.ts'
import { withTools } from './support/tools.ts'

describe('a fresh machine', () => {
  const fresh = place()

  test('gets the built-in example, and nothing but user-data on stdout', async () => {
    const master = await fresh.gen('userdata --role master')
    expect(master.code).toBe(0)
    expect(master.out).toMatch(/^#cloud-config\n/)
    expect(master.err).toMatch(/built-in example ha-kube-vip/)
    expect(master.err).toMatch(/gen init, then gen secrets create/)
    expect(master.err).toMatch(/prod\.secrets\.yaml/)
    expect(fresh.list()).toEqual(['prod.secrets.yaml'])
    expect(fresh.mode('prod.secrets.yaml')).toBe(0o600)
  })

  test('gets the same bytes from the same secrets, and workers that fit', async () => {
    const [one, other, worker] = await Promise.all([
      fresh.gen('userdata --role master'),
      fresh.gen('userdata --role control-plane'),
      fresh.gen('userdata --role worker'),
    ])
    expect(other.bytes.equals(one.bytes)).toBe(true)
    const ca = (text: string) => filesOf(text).find(({ path }) => path === '/etc/leaven/pki/ca.crt')?.content
    expect(ca(worker.out)).toBe(ca(one.out))
    expect(worker.out).not.toContain('PRIVATE KEY')
  })

  test('the example is a blueprint that compiles from a pipe and as cluster.yaml', async () => {
    const example = await fresh.gen('example ha-kube-vip')
    const piped = await fresh.gen('userdata --role worker -b -', { input: example.out })
    const own = clusterPlace(example.out)
    const found = await own.gen('userdata --role worker')
    expect([example.code, piped.code, found.code]).toEqual([0, 0, 0])
    expect(found.err).toBe('')
    expect(piped.out.split('\n').length).toBe(found.out.split('\n').length)
  })
})

describe('userdata', () => {
  const here = clusterPlace()
  const texts = async (...commands: readonly string[]) =>
    Promise.all(commands.map(async (command) => (await here.gen(`userdata ${command}`)).out))

  test('is the same for a role and each of its nodes, and another for a pool', async () => {
    const [role, node, last, worker, named, pool] = await texts(
      '--role master',
      '--node m1',
      '--node m3',
      '--role worker',
      '--node w1',
      '--pool gpu',
    )
    expect(new Set([role, node, last]).size).toBe(1)
    expect(named).toBe(worker)
    expect(new Set([role, worker, pool]).size).toBe(3)
  })

  test('-o writes a private file and nothing on stdout', async () => {
    const { code, out, err } = await here.gen('userdata --role master -o master.txt')
    expect([code, out]).toEqual([0, ''])
    expect(here.mode('master.txt')).toBe(0o600)
    expect(err).toMatch(/^gen: wrote master\.txt \(\d+ bytes, plain\)\n$/)
    expect(here.read('master.txt').toString()).toBe((await here.gen('userdata --role master')).out)
  })

  withTools('python3')('says the same in every encoding', async () => {
    const [plain, mime, packed] = await texts(
      '--role master --encoding plain',
      '--role master --encoding mime',
      '--role master --encoding gzip+base64',
    )
    const gzip = await here.gen('userdata --role master --encoding gzip')
    const meaning = (text: string) => ({ ...parse(text, { version: '1.1' }), write_files: filesOf(text) })
    const expected = meaning(plain ?? '')
    expect(meaning(gunzipSync(gzip.bytes).toString())).toEqual(expected)
    expect(meaning(gunzipSync(Buffer.from(packed ?? '', 'base64')).toString())).toEqual(expected)
    // cloud-init unpacks with Python's email package.
    const script = `import email,sys
message = email.message_from_string(sys.stdin.read())
parts = [part for part in message.walk() if part.get_content_type() == 'text/cloud-config']
assert len(parts) == 1
sys.stdout.write(parts[0].get_payload(decode=True).decode())`
    expect(meaning(execFileSync('python3', ['-c', script], { input: mime ?? '', encoding: 'utf8' }))).toEqual(
      expected,
    )
  })

  test('is gzipped for a target where plain does not fit, and checked against its limit', async () => {
    const aws = await here.gen('userdata --role master --target aws')
    expect(aws.code).toBe(0)
    expect(aws.bytes.length).toBeLessThanOrEqual(16_384)
    expect(gunzipSync(aws.bytes).toString()).toMatch(/^#cloud-config\n/)
    const tooLarge = await here.gen('userdata --role master --target aws --encoding plain')
    expect(tooLarge.code).toBe(1)
    expect(tooLarge.out).toBe('')
    expect(tooLarge.err).toMatch(/has \d+ bytes as plain, and aws takes 16384 .*\/leaven \d+, /)
  })

  test('a closed pipe is no failure', () => {
    const command = `${process.execPath} ${program} userdata --role master 2>err.txt | head -c 1; echo "$\{PIPESTATUS[0]}"`
    const { stdout } = spawnSync('bash', ['-c', command], { cwd: here.folder, encoding: 'utf8' })
    expect(stdout).toBe('#0\n')
    expect(here.read('err.txt').toString()).toBe('')
  })
})

describe('wrong usage', () => {
  const here = clusterPlace()
  const before = here.list()

  test.each([
    ['usrdata', 2, /there is no command usrdata/, /did you mean userdata/],
    ['userdata --rle master', 2, /--rle/, /--help/],
    ['userdata', 2, /whose user-data/, /--role master/],
    ['userdata --role master --node m1', 2, /--role and --node/, /one of/],
    ['userdata --role mater', 2, /no role named mater/, /did you mean master/],
    ['userdata --role master --target asw', 2, /no target named asw/, /did you mean aws/],
    ['userdata --role master --encoding gzp', 2, /no encoding named gzp/, /did you mean gzip/],
    ['userdata --role', 2, /--role/, /--help/],
    ['userdata --role master extra', 2, /does not take extra/, /--help/],
    ['userdata --node m4', 1, /no node named m4/, /did you mean m\d/],
    ['userdata --pool gpus', 1, /no pool named gpus/, /did you mean gpu/],
    ['userdata --role master -b missing', 1, /no file and no built-in blueprint named missing/, /built in/],
    ['userdata --role master -b ./missing.yaml', 1, /missing\.yaml does not exist/, undefined],
    ['userdata --role master -o no/such/folder/x', 1, /no\/such\/folder\/x does not exist/, undefined],
    ['seed --node m4', 1, /no node named m4/, /did you mean m\d/],
    ['validate --format xml', 2, /--format cannot be xml/, /text/],
    ['secrets', 2, /needs a command/, /create/],
    ['secrets creat', 2, /does not take creat/, /did you mean create/],
    ['secrets create', 1, /exists already/, /--force/],
  ])('gen %s', async (command, code, message, hint) => {
    const ran = await here.gen(command)
    expect(ran.code).toBe(code)
    expect(ran.out).toBe('')
    const [first, second, ...rest] = ran.err.trimEnd().split('\n')
    expect(first).toMatch(/^gen: /)
    expect(first).toMatch(message)
    if (hint !== undefined) expect(second).toMatch(hint)
    expect(rest).toEqual([])
    expect(here.list()).toEqual(before)
  })

  test('without a command the help comes, on stdout, and exit code 2', async () => {
    const [bare, asked] = await Promise.all([here.gen(''), here.gen('--help')])
    expect(asked.code).toBe(0)
    expect(asked.out).toMatch(/usage: gen COMMAND/)
    expect([bare.code, bare.out]).toEqual([2, asked.out])
  })

  test('every command has help that names its options', async () => {
    const help = (await here.gen('--help')).out
    const names = [...help.matchAll(/^ {2}([a-z]+) {2}/gm)].map((match) => match[1])
    expect(names.length).toBeGreaterThan(6)
    for (const { code, out } of await Promise.all(names.map((name) => here.gen(`${name} --help`)))) {
      expect(code).toBe(0)
      expect(out).toMatch(/usage: gen [\s\S]*--help/)
    }
  })
})

describe('problems', () => {
  const wrong = clusterPlace(blueprint.replace('name: m2,', 'name: m1,').replace('253.62', '253.61'))
  const doubtful = clusterPlace(`${blueprint}ntp: { servers: [] }\n`.replace('1.31.4', '1.31.99'))

  test('--format json lists all of them with places', async () => {
    const { code, out, err } = await wrong.gen('validate --format json')
    expect([code, err === '' || out === '']).toEqual([1, true])
    const list = JSON.parse(out + err) as { code: string; file: string; line: number; column: number }[]
    expect(list.map((entry) => [entry.code, entry.file, entry.line])).toEqual([
      ['blueprint/duplicate-name', 'cluster.yaml', 9],
      ['blueprint/duplicate-address', 'cluster.yaml', 9],
    ])
    expect(wrong.list()).toEqual(['cluster.yaml', 'prod.secrets.yaml'])
  })

  test('a warning passes, and fails with --strict', async () => {
    const [lenient, strict] = await Promise.all([
      doubtful.gen('userdata --role worker'),
      doubtful.gen('userdata --role worker --strict'),
    ])
    expect([lenient.code, strict.code]).toEqual([0, 1])
    expect(lenient.err).toContain('warning: Kubernetes 1.31.99 is newer')
    expect(strict.out).toBe('')
  })

  test('a bug of ours ends with 70, one place and what to report', async () => {
    let err = ''
    const io: Io = {
      stdin: async () => new Uint8Array(),
      stdout: async () => {
        throw new TypeError('a wire came loose')
      },
      stderr: (text) => {
        err += text
      },
      env: {},
      cwd: '/',
      stdoutIsTerminal: false,
      stderrIsTerminal: false,
      columns: 80,
    }
    expect(await main(['--version'], io)).toBe(70)
    expect(err).toMatch(/^gen: this is a bug in gen \S+: a wire came loose\n {2}at .*\n {2}please report/)
    expect(err.split('\n')).toHaveLength(4)
    expect(err).not.toContain(import.meta.dirname)
  })
})
