/**
 * What an image was made of, by whom and when.
 * Sources: https://slsa.dev/spec/v1.0/provenance, https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md
 */
import type { Json, JsonObject } from '../model/json.ts'

export interface HashedFile {
  /** Below the folder of the build. */
  readonly path: string
  readonly sha256: string
}

export interface BuiltFolder {
  /** What `gen packer` gave to Packer. */
  readonly variables: JsonObject
  /** What Packer's post-processor `manifest` wrote; of several builds in one folder, the last counts. */
  readonly manifest: PackerManifest
  /** manifest.json of `gen packer`, and archives beside it. */
  readonly inputs: readonly HashedFile[]
  readonly outputs: readonly HashedFile[]
}

export interface PackerManifest {
  readonly builds: readonly {
    readonly builder_type: string
    /** Seconds since 1970. */
    readonly build_time: number
    readonly artifact_id: string
    readonly packer_run_uuid: string
    readonly files: readonly { readonly name: string }[] | null
  }[]
  readonly last_run_uuid: string
}

export interface Run {
  /** Who runs builds: a URI. */
  readonly builder: string
  readonly invocation: string | undefined
  /** Ours. */
  readonly version: string
}

/** An in-toto statement with SLSA's provenance, for whoever signs it. */
export function provenanceOf({ variables, manifest, inputs, outputs }: BuiltFolder, run: Run): JsonObject {
  const build = manifest.builds.filter((one) => one.packer_run_uuid === manifest.last_run_uuid).at(-1)
  if (build === undefined) throw new RangeError('packer-manifest.json tells of no build')
  return {
    _type: 'https://in-toto.io/Statement/v1',
    subject: outputs.map(({ path, sha256 }) => ({ name: path, digest: { sha256 } })),
    predicateType: 'https://slsa.dev/provenance/v1',
    predicate: {
      buildDefinition: {
        buildType: 'https://developer.hashicorp.com/packer/docs/commands/build',
        externalParameters: { builder: build.builder_type, variables },
        resolvedDependencies: [
          ...inputs.map(({ path, sha256 }) => ({ name: path, digest: { sha256 } })),
          ...baseOf(variables),
        ],
      },
      runDetails: {
        builder: { id: run.builder, version: { leaven: run.version } },
        metadata: {
          ...(run.invocation === undefined ? {} : { invocationId: run.invocation }),
          finishedOn: `${new Date(build.build_time * 1000).toISOString().slice(0, 19)}Z`,
        },
        // An image in a cloud has a name there, and no digest that anybody could compute.
        byproducts: build.files?.length ? [] : [{ name: build.artifact_id }],
      },
    },
  }
}

/** The base image: a pinned file has a digest, an AMI or an image of a cloud has a name. */
function baseOf(variables: JsonObject): readonly Json[] {
  const { iso_url: url, iso_checksum: checksum } = variables
  if (typeof url === 'string') {
    const [, sha256] = /^sha256:([0-9a-f]{64})$/.exec(String(checksum)) ?? []
    return [{ uri: url, ...(sha256 === undefined ? {} : { digest: { sha256 } }) }]
  }
  const names = [
    'source_ami',
    'source_ami_name',
    'source_image_family',
    'source_image_name',
    'template',
    'clone_vm',
  ]
  return names.flatMap((name) => {
    const value = variables[name]
    return typeof value === 'string' && value !== '' ? [{ name: value, annotations: { variable: name } }] : []
  })
}
