/** Source: https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax */
import type { Json, JsonObject } from '../../model/json.ts'
import { toYaml } from '../format/yaml.ts'
import {
  type Build,
  consoleLog,
  outputs,
  type Pipeline,
  packerVersion,
  preamble,
  type StepName,
} from './builds.ts'

const folder = '${{ env.OUT }}/${{ matrix.role }}/${{ matrix.builder }}-${{ matrix.arch }}'
const cache: Json = {
  name: 'Cache of Packer and its plugins',
  uses: 'actions/cache@v4',
  with: {
    path: '.packer',
    key: `packer-${packerVersion}-\${{ runner.os }}-\${{ runner.arch }}-\${{ matrix.builder }}-\${{ hashFiles('package-lock.json') }}`,
  },
}
const names = '${{ matrix.role }}-${{ matrix.builder }}-${{ matrix.arch }}'

/** A workflow with one job, which runs once for each image. */
export function githubWorkflow(pipeline: Pipeline): string {
  const { watched, builds } = pipeline
  const workflow = {
    name: `Machine images of ${pipeline.cluster}`,
    on: { workflow_dispatch: {}, push: { branches: ['main'], paths: [...watched] } },
    permissions: { contents: 'read' },
    concurrency: { group: 'machine-images-${{ github.ref }}', 'cancel-in-progress': false },
    jobs: {
      bake: {
        name: names,
        strategy: {
          'fail-fast': false,
          matrix: { include: builds.map((build) => matrixRow(build, pipeline)) },
        },
        'runs-on': '${{ matrix.runner }}',
        'timeout-minutes': 180,
        defaults: { run: { shell: 'bash' } },
        env: environment(pipeline),
        steps: steps(pipeline),
      },
    },
  }
  return `${preamble(pipeline, 'Secrets of the repository')}${toYaml([workflow])}`
}

function environment({ blueprint, output }: Pipeline): JsonObject {
  return {
    BLUEPRINT: blueprint,
    OUT: output,
    ROLE: '${{ matrix.role }}',
    BUILDER: '${{ matrix.builder }}',
    ARCH: '${{ matrix.arch }}',
    SSH_KEY: '${{ matrix.ssh-key }}',
    NEEDED_GIB: '${{ matrix.disk }}',
    PACKER_VERSION: packerVersion,
    // The cache of another build must not be in the way, nor its plugins.
    PACKER_PLUGIN_PATH: '${{ github.workspace }}/.packer/plugins',
    PACKER_HOME: '${{ github.workspace }}/.packer/bin',
    CHECKPOINT_DISABLE: '1',
  }
}

function matrixRow(build: Build, { runners }: Pipeline): JsonObject {
  const own = runners[build.runs]
  // GitHub's runners for arm64 have no /dev/kvm.
  const hosted = build.runs === 'any' || (build.runs === 'kvm' && build.arch === 'amd64')
  const labels = ['self-hosted', 'linux', ...(build.runs === 'kvm' ? ['ARM64', 'kvm'] : [])]
  return {
    role: build.role,
    builder: build.builder,
    arch: build.arch,
    runner: own ?? (hosted ? 'ubuntu-24.04' : labels),
    kvm: build.needsKvm,
    'ssh-key': build.sshKey,
    disk: build.disk,
  }
}

function steps({ scripts, builds }: Pipeline): readonly Json[] {
  const keyFile = { PKR_VAR_ssh_private_key_file: '${{ runner.temp }}/bake-key' }
  const key = builds.some(({ sshKey }) => sshKey === 'secret')
    ? { BAKE_SSH_PRIVATE_KEY: "${{ matrix.ssh-key == 'secret' && secrets.BAKE_SSH_PRIVATE_KEY || '' }}" }
    : {}
  const step = (name: string, script: StepName, more: JsonObject = {}) => ({
    name,
    ...more,
    run: scripts[script],
  })
  return [
    { uses: 'actions/checkout@v4', with: { 'persist-credentials': false } },
    { uses: 'actions/setup-node@v4', with: { 'node-version': 20 } },
    step('Tools', 'tools'),
    cache,
    step('Packer', 'packer'),
    step('KVM', 'kvm', { if: '${{ matrix.kvm }}' }),
    step('Disk space', 'disk-space'),
    step('Templates', 'generate', { env: { ...keyFile, ...passwords(builds), ...key } }),
    step('Image', 'build', {
      env: {
        ...keyFile,
        ...secrets(builds),
        // 60 anonymous requests an hour are shared by everybody behind one address.
        PACKER_GITHUB_API_TOKEN: '${{ github.token }}',
        PACKER_CACHE_DIR: '${{ runner.temp }}/packer-cache',
      },
    }),
    upload(names, outputs, {}, 'error'),
    upload(`${names}-console`, [consoleLog], { if: '${{ failure() }}' }, 'ignore'),
    { name: 'Keys', if: '${{ always() }}', run: 'rm -f "$RUNNER_TEMP"/bake-key "$RUNNER_TEMP"/bake-key.pub' },
  ]
}

/** A secret reaches the builds that need it, and no other. */
function secrets(builds: readonly Build[]): JsonObject {
  const all = new Set(builds.flatMap((build) => build.secrets))
  return Object.fromEntries(
    [...all].sort().map((name) => {
      const whose = new Set(
        builds.filter((build) => build.secrets.includes(name)).map((build) => build.builder),
      )
      const these = [...whose].map((builder) => `matrix.builder == '${builder}'`).join(' || ')
      return [name, `\${{ (${these}) && secrets.${name} || '' }}`]
    }),
  )
}

function passwords(builds: readonly Build[]): JsonObject {
  return Object.fromEntries(
    Object.entries(secrets(builds)).filter(([name]) => name === 'PKR_VAR_ssh_password'),
  )
}

function upload(name: string, paths: readonly string[], more: JsonObject, missing: string): Json {
  return {
    uses: 'actions/upload-artifact@v4',
    ...more,
    with: {
      name,
      path: `${paths.map((path) => `${folder}/${path}\n`).join('')}`,
      'if-no-files-found': missing,
      'retention-days': 14,
      // Disks are compressed.
      'compression-level': 0,
    },
  }
}
