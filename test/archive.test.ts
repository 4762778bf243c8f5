/** The archive: planned to the byte, whole or not there at all, the same whatever happened on the way. */
import { createHash } from 'node:crypto'
import {
  closeSync,
  copyFileSync,
  existsSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { describe, expect, onTestFinished, test } from 'vitest'
import { openArchive } from '../generators/effects/archive/read.effect.ts'
import { verifyArchive } from '../generators/effects/archive/verify.effect.ts'
import { readJournal } from '../generators/images/journal.ts'
import { SourceError } from '../generators/images/source.ts'
import { fileHeader, readHeader, readPax } from '../generators/images/tar.ts'
import { dice, type Meddle, nameOf, planOf, scratch, someImages, write } from './support/archives.ts'
import { isRoot, run, withTools } from './support/tools.ts'

const path = scratch()
const images = someImages()
const digest = (name: string) =>
  createHash('sha256')
    .update(readFileSync(path(name)))
    .digest('hex')
const verify = (name: string) =>
  verifyArchive(path(name), { begin: () => undefined, bytes: () => undefined }, new AbortController().signal)
await write(images, path('whole.tar'))
const right = digest('whole.tar')
const leftovers = (name: string) =>
  readdirSync(path('.')).filter((file) => file.startsWith(name) && file !== name)

describe('what is written', () => {
  test('is a tar for every reader, with names by tag and by digest', async () => {
    const listed = run('tar', ['-tvf', path('whole.tar')])
    expect(listed).toMatch(/^-rw-r--r-- 0\/0 +\d+ 1970-01-01 \d\d:00 oci-layout\n-rw-r--r-- .* index.json\n/)
    const index = JSON.parse(run('tar', ['-xOf', path('whole.tar'), 'index.json'])) as {
      manifests: { platform: object; annotations: Record<string, string> }[]
    }
    const names = index.manifests.map(({ annotations }) => annotations['io.containerd.image.name'])
    for (const one of images) expect(names).toContain(nameOf(one))
    expect(
      names.filter((name) => /^registry\.test\/kube\/\w+@sha256:[0-9a-f]{64}$/.test(name ?? '')),
    ).toHaveLength(3)
    for (const { platform } of index.manifests)
      expect(platform).toEqual({ os: 'linux', architecture: 'amd64' })
  })

  test('is the same in every order, and nothing is done the second time', async () => {
    await write(images.toReversed(), path('reversed.tar'))
    expect(digest('reversed.tar')).toBe(right)
    const before = statSync(path('reversed.tar'), { bigint: true })
    expect(await write(images, path('reversed.tar'))).toBe('unchanged')
    expect(statSync(path('reversed.tar'), { bigint: true })).toEqual(before)
  })

  test('is written anew after anybody touched it, and read again after a copy', async () => {
    await write(images, path('touched.tar'))
    const file = openSync(path('touched.tar'), 'r+')
    writeSync(file, 'x', statSync(path('touched.tar')).size - 5000)
    closeSync(file)
    expect(await write(images, path('touched.tar'))).toBe('written')
    expect(digest('touched.tar')).toBe(right)
    copyFileSync(path('whole.tar'), path('copy.tar'))
    let fetched = 0
    const meddle: Meddle = (chunk) => {
      fetched += 1
      return chunk
    }
    expect(await write(images, path('copy.tar'), { meddle })).toBe('unchanged')
    expect(fetched).toBe(0)
  })

  test('verifies, and leaves nothing beside it but its record', async () => {
    expect(await verify('whole.tar')).toMatchObject({ kind: 'oci', problems: [], notes: [] })
    expect(leftovers('whole.tar')).toEqual([])
  })

  test('in parts is the same once cat has joined them', async () => {
    await write(images, path('split.tar'), { partSize: 300_000 })
    const parts = readdirSync(path('.')).filter((name) => name.startsWith('split.tar.'))
    expect(parts.length).toBeGreaterThan(5)
    run('sh', ['-c', 'cat "$0".??? >"$1"', path('split.tar'), path('joined.tar')])
    expect(digest('joined.tar')).toBe(right)
    expect((await verify('split.tar.001')).problems).toEqual([])
    // Fewer and larger parts leave none of the old ones behind.
    await write(images, path('split.tar'), { partSize: 1_000_000 })
    run('sh', ['-c', 'cat "$0".??? >"$1"', path('split.tar'), path('joined.tar')])
    expect(digest('joined.tar')).toBe(right)
  })

  test('of two platforms has an index of just those', async () => {
    const two = images.slice(0, 2)
    const plan = await planOf(two, { platforms: ['linux/amd64', 'linux/arm64'] })
    await write(two, path('two.tar'), { plan })
    const { images: found, problems } = await verify('two.tar')
    expect(problems).toEqual([])
    expect(found.map(({ name, platforms }) => [name, platforms])).toEqual(
      two.map((one) => [nameOf(one), ['linux/amd64', 'linux/arm64']]),
    )
  })

  test('has the name with the digest of the index where that was asked for', async () => {
    const [one] = images
    const name = `registry.test/kube/one@${one?.top.digest}`
    await write(images, path('index.tar'), { plan: await planOf(images, { names: [name] }) })
    const { images: found, notes, problems } = await verify('index.tar')
    expect(problems).toEqual([])
    expect(found.map((entry) => entry.name)).toContain(name)
    expect(notes.join()).toMatch(/linux\/arm64, not in the archive: import it with --platform/)
  })
})

describe('what goes wrong on the way', () => {
  test('a hundred runs that are cut off somewhere all end the same', async () => {
    for (let seed = 1; seed <= 100; seed += 1) {
      const roll = dice(seed)
      let left = Math.floor(roll() * 45)
      const meddle: Meddle = (chunk) => {
        left -= 1
        if (left < 0) throw new SourceError('unreachable', 'the connection broke')
        return chunk
      }
      const name = `cut-${seed % 4}.tar`
      const done = await write(images, path(name), { meddle }).catch((cause: unknown) => {
        expect(cause).toBeInstanceOf(SourceError)
        expect(existsSync(path(name)) && digest(name) !== right).toBe(false)
        return undefined
      })
      if (done === undefined) await write(images, path(name))
      expect(digest(name)).toBe(right)
      expect(leftovers(name)).toEqual([])
      run('rm', [path(name), path(`.${name}.exported`)])
    }
  })

  test('the next run asks only for what is missing', async () => {
    const big = someImages('more')
    const count = { first: 0, second: 0 }
    const stop: Meddle = (chunk) => {
      count.first += chunk.length
      if (count.first > 1_900_000) throw new SourceError('unreachable', 'the connection broke')
      return chunk
    }
    await expect(write(big, path('resumed.tar'), { meddle: stop })).rejects.toThrow('the connection broke')
    expect(existsSync(path('resumed.tar.partial'))).toBe(true)
    await write(big, path('resumed.tar'), {
      meddle: (chunk) => {
        count.second += chunk.length
        return chunk
      },
    })
    expect((await verify('resumed.tar')).problems).toEqual([])
    expect(count.second).toBeLessThan(1_700_000)
  })

  test('wrong bytes are fetched again, and never accepted', async () => {
    const flip: Meddle = (chunk) => Buffer.concat([Buffer.of((chunk[0] ?? 0) ^ 1), chunk.subarray(1)])
    let once = true
    await write(images, path('flipped.tar'), {
      meddle: (chunk, at, name) => {
        if (!once) return chunk
        once = false
        return flip(chunk, at, name)
      },
    })
    expect(digest('flipped.tar')).toBe(right)
    await expect(write(images, path('wrong.tar'), { meddle: flip })).rejects.toThrow(
      /^(layer \d|the config) of registry\.test\/kube\/\w+:v\d \(sha256:[0-9a-f]{64}\): its bytes have another digest, 3 times$/,
    )
    expect(existsSync(path('wrong.tar'))).toBe(false)
  })

  test('too few and too many bytes touch no neighbour', async () => {
    const longer: Meddle = (chunk) => Buffer.concat([chunk, Buffer.alloc(4096, 1)])
    await expect(write(images, path('long.tar'), { meddle: longer })).rejects.toThrow(/bytes came, 3 times/)
    await write(images, path('long.tar'))
    expect(digest('long.tar')).toBe(right)
  })

  test('a partial file that says more than it holds is not believed', async () => {
    const half: Meddle = (_, at) => {
      if (at > 400_000) throw new SourceError('unreachable', 'the connection broke')
      return _
    }
    await expect(write(images, path('lied.tar'), { meddle: half })).rejects.toThrow()
    const partial = openSync(path('lied.tar.partial'), 'r+')
    const { size } = statSync(path('lied.tar.partial'))
    ftruncateSync(partial, 4096)
    ftruncateSync(partial, size)
    closeSync(partial)
    await write(images, path('lied.tar'))
    expect(digest('lied.tar')).toBe(right)
  })

  const asRoot = isRoot() ? withTools('mount') : test.skip
  asRoot('a full disk and a read-only one are said before anything is there', async () => {
    const small = path('small')
    mkdirSync(small)
    run('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', small])
    onTestFinished(() => void run('umount', [small]))
    await expect(write(images, path('small/x.tar'))).rejects.toThrow(
      /no space left on the disk for .*x\.tar: \d+ MiB are needed, \d+ MiB are free/,
    )
    expect(readdirSync(small)).toEqual([])
    run('mount', ['-o', 'remount,size=64m', small])
    // Enough when it began, and then somebody else took the room.
    let told = false
    const fillUp: Meddle = (chunk, at) => {
      if (!told && at > 200_000) {
        told = true
        run('sh', ['-c', 'head -c 70000000 /dev/zero >"$0" 2>/dev/null || true', path('small/other')])
      }
      return chunk
    }
    await expect(write(images, path('small/x.tar'), { meddle: fillUp })).rejects.toThrow(
      /no space left on the disk/,
    )
    expect(existsSync(path('small/x.tar'))).toBe(false)
    run('rm', [path('small/other')])
    await write(images, path('small/x.tar'))
    expect(digest('small/x.tar')).toBe(right)
    run('mount', ['-o', 'remount,ro', small])
    await expect(write(images, path('small/y.tar'))).rejects.toThrow(/read-only disk/)
  })

  test('a journal that another run is writing is not taken over', async () => {
    const plan = await planOf(images)
    const ppid = process.ppid
    const start = readFileSync(`/proc/${ppid}/stat`, 'latin1')
      .replace(/^.*\) /s, '')
      .split(' ')[19]
    writeFileSync(
      path('busy.tar.partial.journal'),
      `${JSON.stringify({ format: 1, plan: `${plan.id} `, writer: `${ppid} ${start}` })}\n`,
    )
    await expect(write(images, path('busy.tar'))).rejects.toThrow(`another gen (process ${ppid}) is writing`)
  })
})

describe('formats', () => {
  test('half a line of a journal counts for nothing', () => {
    const head = '{"format":1,"plan":"p","writer":"1 2"}\n'
    expect(readJournal(`${head}12 blobs/sha256/a\n99 blobs/sha`)?.written).toEqual(
      new Map([['blobs/sha256/a', 12]]),
    )
    expect(readJournal('something else\n')).toBeUndefined()
    expect(readJournal('')).toBeUndefined()
  })

  test('a file of 9 GB is as large for GNU tar and Python', async () => {
    const size = 9_000_000_000
    const header = fileHeader(`blobs/sha256/${'a'.repeat(64)}`, size)
    const file = openSync(path('large.tar'), 'w')
    writeSync(file, header)
    // A hole, not bytes.
    ftruncateSync(file, header.length + Math.ceil(size / 512) * 512 + 1024)
    closeSync(file)
    expect(run('tar', ['-tvf', path('large.tar')])).toContain(` ${size} `)
    const script = 'import sys,tarfile; print([m.size for m in tarfile.open(sys.argv[1])])'
    expect(run('python3', ['-c', script, path('large.tar')]).trim()).toBe(`[${size}]`)
    const archive = await openArchive(path('large.tar'))
    expect([...archive.members.values()].map((member) => member.size)).toEqual([size])
    await archive.close()
    expect(readPax(header.subarray(512, 1024))).toEqual({ size: String(size) })
  })

  test('a damaged header is no header', () => {
    const header = fileHeader('x', 3)
    expect(readHeader(header)).toMatchObject({ name: 'x', size: 3, kind: 'file' })
    header[0] = 0x79
    expect(readHeader(header)).toBe('damaged')
    expect(readHeader(new Uint8Array(512))).toBe('end')
  })
})
