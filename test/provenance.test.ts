/** What `gen provenance` says of a build that Packer really made. */
import { createHash } from 'node:crypto'
import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Ajv } from 'ajv'
import { expect } from 'vitest'
import { place } from './support/command-line.ts'
import { bakeBlueprint } from './support/machines.ts'
import { run, withTools } from './support/tools.ts'

/** https://slsa.dev/spec/v1.0/provenance and in-toto's statement v1, closed: a field that neither has is a mistake of ours. */
const closed = (properties: object, required: readonly string[] = []) => ({
  type: 'object',
  properties,
  required,
  additionalProperties: false,
})
const word = { type: 'string', minLength: 1 }
const digest = closed({ sha256: { type: 'string', pattern: '^[0-9a-f]{64}$' } }, ['sha256'])
const resource = {
  ...closed({ name: word, uri: word, digest, annotations: { type: 'object' } }),
  anyOf: [{ required: ['uri'] }, { required: ['digest'] }, { required: ['name'] }],
}
const statement = closed(
  {
    _type: { const: 'https://in-toto.io/Statement/v1' },
    subject: { type: 'array', minItems: 1, items: closed({ name: word, digest }, ['name', 'digest']) },
    predicateType: { const: 'https://slsa.dev/provenance/v1' },
    predicate: closed(
      {
        buildDefinition: closed(
          {
            buildType: word,
            externalParameters: { type: 'object' },
            internalParameters: { type: 'object' },
            resolvedDependencies: { type: 'array', items: resource },
          },
          ['buildType', 'externalParameters'],
        ),
        runDetails: closed(
          {
            builder: closed(
              { id: { type: 'string', pattern: '^[a-z][a-z0-9+.-]*:' }, version: { type: 'object' } },
              ['id'],
            ),
            metadata: closed({
              invocationId: word,
              finishedOn: { type: 'string', pattern: '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\dZ$' },
            }),
            byproducts: { type: 'array', items: resource },
          },
          ['builder'],
        ),
      },
      ['buildDefinition', 'runDetails'],
    ),
  },
  ['_type', 'subject', 'predicateType', 'predicate'],
)

interface Statement {
  readonly subject: readonly { readonly name: string; readonly digest: { readonly sha256: string } }[]
  readonly predicate: {
    readonly buildDefinition: {
      readonly resolvedDependencies: readonly { readonly name?: string; readonly uri?: string }[]
    }
    readonly runDetails: {
      readonly builder: { readonly id: string }
      readonly metadata: { readonly invocationId?: string }
    }
  }
}

/** The folder of gen, and in it the build of a file instead of a machine: Packer's own manifest and checksums. */
async function built() {
  const made = place({ 'cluster.yaml': bakeBlueprint({ qemu: '{}' }) })
  expect((await made.gen('packer --role worker -o out')).code).toBe(0)
  const folder = 'out/worker/qemu-amd64'
  const template = `source "file" "node" {
  content = "a disk"
  target  = "output-1/disk.qcow2"
}
build {
  sources = ["source.file.node"]
  post-processor "manifest" {
    output = "packer-manifest.json"
  }
  post-processor "checksum" {
    checksum_types = ["sha256"]
    output         = "SHA256SUMS"
  }
}
`
  mkdirSync(made.path(`${folder}/output-1`))
  writeFileSync(made.path('file.pkr.hcl'), template)
  run('sh', [
    '-c',
    'cd "$1" && CHECKPOINT_DISABLE=1 packer build -color=false ../../../file.pkr.hcl',
    '-',
    made.path(folder),
  ])
  for (const name of ['baked.json', 'sbom.cdx.json']) writeFileSync(made.path(`${folder}/${name}`), '{}\n')
  return { made, folder }
}

withTools('packer')('is SLSA\u2019s, and its digests are those of the files', async () => {
  const { made, folder } = await built()
  const { code, err } = await made.gen(`provenance ${folder}`)
  expect([code, err]).toEqual([0, expect.stringContaining(`gen: wrote ${folder}/provenance.json`)])
  const said = JSON.parse(made.read(`${folder}/provenance.json`).toString()) as Statement
  const check = new Ajv({ strict: false }).compile(statement)
  expect(check(said), JSON.stringify(check.errors)).toBe(true)
  expect(said.subject.map(({ name }) => name)).toEqual([
    'output-1/disk.qcow2',
    'SHA256SUMS',
    'baked.json',
    'packer-manifest.json',
    'sbom.cdx.json',
  ])
  for (const { name, digest } of said.subject)
    expect(
      createHash('sha256')
        .update(readFileSync(join(made.path(folder), name)))
        .digest('hex'),
    ).toBe(digest.sha256)
  const { resolvedDependencies: from } = said.predicate.buildDefinition
  expect(from.map(({ name, uri }) => name ?? uri)).toEqual(
    expect.arrayContaining([
      'build.pkr.hcl',
      'provision/bake.sh',
      'https://images.example.com/cloudImages-amd64',
    ]),
  )
  expect(said.predicate.runDetails.builder.id).toBe('urn:leaven:by-hand')
})

withTools('packer')('tells which run of which pipeline', async () => {
  const { made, folder } = await built()
  const env = {
    GITHUB_ACTIONS: 'true',
    GITHUB_SERVER_URL: 'https://github.com',
    GITHUB_REPOSITORY: 'me/images',
    GITHUB_WORKFLOW_REF: 'me/images/.github/workflows/machine-images.yml@refs/heads/main',
    GITHUB_RUN_ID: '7',
    GITHUB_RUN_ATTEMPT: '2',
  }
  expect((await made.gen(`provenance ${folder}`, { env })).code).toBe(0)
  const { predicate } = JSON.parse(made.read(`${folder}/provenance.json`).toString()) as Statement
  expect(predicate.runDetails).toMatchObject({
    builder: { id: 'https://github.com/me/images/.github/workflows/machine-images.yml@refs/heads/main' },
    metadata: { invocationId: 'https://github.com/me/images/actions/runs/7/attempts/2' },
  })
})

withTools('packer')(
  'refuses a disk that somebody changed, a folder without a build, and what is no folder',
  async () => {
    const { made, folder } = await built()
    appendFileSync(made.path(`${folder}/output-1/disk.qcow2`), 'x')
    const before = made.list()
    for (const [command, code, message] of [
      [`provenance ${folder}`, 1, /disk\.qcow2 is not what packer build made/],
      ['provenance out', 1, /packer-manifest\.json does not exist[\s\S]*packer build has ended well/],
      ['provenance', 2, /which folder/],
      [`provenance ${folder} --builder-id me`, 2, /me is no URI/],
    ] as const) {
      const ran = await made.gen(command)
      expect([ran.code, ran.err]).toEqual([code, expect.stringMatching(message)])
      expect(made.list()).toEqual(before)
    }
  },
)
