/** The list of what a machine holds, read with CycloneDX's own schema. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { Ajv } from 'ajv'
import { describe, expect, test } from 'vitest'
import { place } from './support/command-line.ts'
import { cyclonedxSchema } from './support/programs.ts'
import { run, withTools } from './support/tools.ts'

const inventory = join(import.meta.dirname, '../boot/image/inventory.sh')
const schema = cyclonedxSchema()

function validator(path: string) {
  const read = (name: string) => JSON.parse(readFileSync(join(dirname(path), name), 'utf8')) as object
  // Formats such as iri-reference would need a library of their own.
  const ajv = new Ajv({ strict: false, validateFormats: false })
  for (const name of ['spdx.SNAPSHOT.schema.json', 'jsf-0.82.SNAPSHOT.schema.json'])
    ajv.addSchema({ ...read(name), $id: `http://cyclonedx.org/schema/${name}` })
  return ajv.compile(read('bom-1.5.SNAPSHOT.schema.json'))
}

interface Bom {
  readonly components: readonly { readonly type: string; readonly name: string; readonly purl?: string }[]
}

describe.skipIf(schema === undefined)('sbom.cdx.json', () => {
  withTools('dpkg-query')('is CycloneDX 1.5, of this machine\u2019s packages, a program and an image', () => {
    const made = place({ 'inventory.sh': readFileSync(inventory), kubelet: 'a program' })
    mkdirSync(made.path('root/etc/leaven'), { recursive: true })
    mkdirSync(made.path('bin'))
    writeFileSync(
      made.path('root/etc/leaven/node.env'),
      "LEAVEN_ROLE='worker'\nLEAVEN_KUBERNETES_VERSION='1.31.4'\n",
    )
    const download = ['downloads', 'https://dl.k8s.io/kubelet', 'a', made.path('kubelet'), '0755', 'file']
    writeFileSync(made.path('root/etc/leaven/tables'), `${download.join('\t')}\n`)
    // As containerd's own client prints it; a containerd with this very image runs in the bake.
    const digest = `sha256:${'c'.repeat(64)}`
    const rows = `REF TYPE DIGEST SIZE PLATFORMS LABELS\nregistry.k8s.io/pause:3.10 application/vnd.oci.image.index.v1+json ${digest} 300 KiB linux/amd64 -\n`
    writeFileSync(made.path('bin/ctr'), `#!/bin/sh\nprintf '%s' '${rows}'\n`, { mode: 0o755 })
    const text = run('env', [
      `PATH=${made.path('bin')}:${process.env['PATH']}`,
      'bash',
      made.path('inventory.sh'),
    ])
    const bom = JSON.parse(text) as Bom
    const check = validator(schema ?? '')
    expect(check(bom), JSON.stringify(check.errors?.slice(0, 3))).toBe(true)
    const packages = run('dpkg-query', ['-W', '-f', '${db:Status-Status} ${Package}\n'])
      .split('\n')
      .filter((line) => line.startsWith('installed '))
    expect(bom.components.filter(({ type }) => type === 'library')).toHaveLength(packages.length)
    expect(bom.components.find(({ name }) => name === 'kubelet')).toMatchObject({
      hashes: [{ alg: 'SHA-256', content: expect.stringMatching(/^[0-9a-f]{64}$/) }],
    })
    expect(bom.components.find(({ type }) => type === 'container')?.purl).toBe(
      `pkg:oci/pause@sha256%3A${'c'.repeat(64)}?repository_url=registry.k8s.io/pause&tag=3.10`,
    )
    // The schema does notice.
    expect(check({ ...bom, specVersion: 1.5 })).toBe(false)
    expect(check({ ...bom, components: [{ type: 'programme', name: 'x' }] })).toBe(false)
  })

  test('the schema is the official one', () => {
    const { $id } = JSON.parse(readFileSync(schema ?? '', 'utf8')) as { $id: string }
    expect($id).toMatch(/^http:\/\/cyclonedx\.org\/schema\/bom-1\.5/)
  })
})
