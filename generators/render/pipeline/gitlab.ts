/** Source: https://docs.gitlab.com/ci/yaml/ */
import type { Json, JsonObject } from '../../model/json.ts'
import type { BuilderProvider } from '../../providers/provider.ts'
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

/** Of GitLab.com's own runners, and what to call yours. */
const tags: Readonly<Record<BuilderProvider['runner'], string>> = {
  any: 'saas-linux-small-amd64',
  kvm: 'kvm',
  own: 'packer',
}

/** One job, which runs once for each image; to be included, or used as it is. */
export function gitlabPipeline(pipeline: Pipeline): string {
  const { output, watched, builds, scripts } = pipeline
  const folder = `${output}/$ROLE/$BUILDER-$ARCH`
  const script = (name: StepName) => scripts[name]
  const job = {
    stage: 'build',
    // Debian 12 with Node. /dev/kvm: devices = ["/dev/kvm"] in the runner's configuration.
    image: 'node:20-bookworm',
    tags: ['$RUNNER'],
    timeout: '3h',
    interruptible: false,
    retry: { max: 1, when: ['runner_system_failure', 'stuck_or_timeout_failure'] },
    rules: [
      { if: '$CI_PIPELINE_SOURCE == "web" || $CI_PIPELINE_SOURCE == "schedule"' },
      { if: '$CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH', changes: [...watched] },
    ],
    parallel: { matrix: builds.map((build) => matrixRow(build, pipeline)) },
    variables: variables(pipeline),
    cache: {
      key: { files: ['package-lock.json'], prefix: `packer-${packerVersion}-$BUILDER` },
      paths: ['.packer/'],
    },
    script: [
      'mkdir -p "$CI_PROJECT_DIR.tmp"',
      script('tools'),
      script('packer'),
      `if [ "$KVM" = true ]; then\n${script('kvm')}fi\n`,
      script('disk-space'),
      script('generate'),
      script('build'),
    ],
    after_script: ['rm -rf "$CI_PROJECT_DIR.tmp"'],
    artifacts: {
      when: 'always',
      expire_in: '2 weeks',
      name: '$ROLE-$BUILDER-$ARCH',
      paths: [...outputs, consoleLog].map((path) => `${folder}/${path}`),
      reports: { cyclonedx: [`${folder}/sbom.cdx.json`] },
    },
  }
  return `${preamble(pipeline, 'CI/CD variables')}${toYaml([{ 'machine-image': job as unknown as Json }])}`
}

/** Beside those of the matrix. */
function variables({ blueprint, output }: Pipeline): JsonObject {
  return {
    BLUEPRINT: blueprint,
    OUT: output,
    PACKER_VERSION: packerVersion,
    PACKER_PLUGIN_PATH: '$CI_PROJECT_DIR/.packer/plugins',
    PACKER_HOME: '$CI_PROJECT_DIR/.packer/bin',
    PACKER_CACHE_DIR: '$CI_PROJECT_DIR.tmp/packer-cache',
    PKR_VAR_ssh_private_key_file: '$CI_PROJECT_DIR.tmp/bake-key',
    CHECKPOINT_DISABLE: '1',
  }
}

function matrixRow(build: Build, { runners }: Pipeline): Json {
  return {
    ROLE: build.role,
    BUILDER: build.builder,
    ARCH: build.arch,
    RUNNER:
      runners[build.runs] ??
      (build.runs === 'kvm' && build.arch === 'arm64' ? 'kvm-arm64' : tags[build.runs]),
    KVM: String(build.needsKvm),
    SSH_KEY: build.sshKey,
    NEEDED_GIB: String(build.disk),
  }
}
