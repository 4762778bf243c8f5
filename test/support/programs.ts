/** Programs that the machine does not have: made once, kept in the cache. In CI always, elsewhere when they are there. */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'

const folder = join(process.env['LEAVEN_CACHE'] ?? join(homedir(), '.cache/leaven'), 'bin')
const insisted = process.env['CI'] !== undefined

/** The lab's own module of kube-vip. */
export function kubeVipProgram(): string | undefined {
  const sums = readFileSync('test/lab/programs/kube-vip/go.sum')
  const key = createHash('sha256').update(sums).digest('hex').slice(0, 8)
  return made(`kube-vip-${key}`, 'kube-vip', (to) => sh('bash test/lab/programs/build.sh kube-vip "$0"', to))
}

/** kubectl 1.20 of Debian 12, whose kustomize is that of 1.14 to 1.20. */
export function oldKubectl(): string | undefined {
  return made('kubectl-1.20', 'usr/bin/kubectl', (to) =>
    sh(
      'cd "$0" && apt-get download -q -o APT::Sandbox::User=root kubernetes-client && dpkg-deb -x ./*.deb .',
      to,
    ),
  )
}

/** The kustomize that kubectl 1.27 and later have inside. */
export function newKustomize(): string | undefined {
  const version = 'v5.8.1'
  return made(`kustomize-${version}`, 'kustomize', (to) =>
    sh(`GOFLAGS='' GOBIN="$0" go install sigs.k8s.io/kustomize/kustomize/v5@${version}`, to),
  )
}

/**
 * The newest Packer that the Go module proxy hands out. Not by `go install`: that asks for the list of versions, too,
 * which the proxy refuses.
 */
export function packer19(): string | undefined {
  const build = 'go mod init made && go mod edit -require=github.com/hashicorp/packer@v1.9.4'
  return made('packer-1.9.4', 'packer', (to) =>
    sh(`cd "$0" && ${build} && GOFLAGS=-mod=mod go build -o packer github.com/hashicorp/packer`, to),
  )
}

/** Reads workflows of GitHub as GitHub does. */
export function actionlint(): string | undefined {
  const version = 'v1.7.7'
  return made(`actionlint-${version.slice(1)}`, 'actionlint', (to) =>
    sh(`GOFLAGS='' GOBIN="$0" go install github.com/rhysd/actionlint/cmd/actionlint@${version}`, to),
  )
}

/** Reads pipelines of GitLab, with GitLab's own schema inside. 4.70 is the last for Node 20. */
export function gitlabCiLocal(): string | undefined {
  const sum =
    'sha512-0PP7pZzjRgnWoHYNEM1XwvUtXr792SH8+pS5dcVddGIDlka1Fmn9DpVQrgTChUxBgWRO1expWekFUgItUM7xoQ=='
  return npmPackage('gitlab-ci-local', '4.70.0', sum, 'dist/index.js')
}

/** The official schema of CycloneDX 1.5, with those that it refers to beside it. */
export function cyclonedxSchema(): string | undefined {
  const sum =
    'sha512-RIT28sp1U0PCHaaeF3yNRwk6Jig/XJ8UsYAVOMYaHQ+0VVOvsjcp0PTWQFLUqJFF8XMud+Kdq6G+wtDAh+QJFA=='
  const file = 'res/schema/bom-1.5.SNAPSHOT.schema.json'
  return npmPackage('@cyclonedx/cyclonedx-library', '10.3.0', sum, file)
}

/** A file of a package that nothing here depends on; not installed with all that it asks for. */
function npmPackage(name: string, version: string, integrity: string, file: string): string | undefined {
  const short = name.replace(/^@[^/]+\//, '')
  const found = made(`${short}-${version}`, 'package', (to) => {
    sh(`cd "$0" && npm pack --silent ${name}@${version} && mv ./*.tgz package.tgz`, to)
    const sum = createHash('sha512')
      .update(readFileSync(join(to, 'package.tgz')))
      .digest('base64')
    if (`sha512-${sum}` !== integrity) throw new Error(`${name}@${version} is not what it was: ${sum}`)
    sh('cd "$0" && tar -xzf package.tgz', to)
  })
  return found && join(found, file)
}

function made(name: string, file: string, make: (to: string) => void): string | undefined {
  const target = join(folder, name)
  if (existsSync(target)) return target
  if (!insisted) {
    console.warn(`skipped: not made yet: ${name} (CI=1 makes it)`)
    return undefined
  }
  mkdirSync(folder, { recursive: true })
  const scratch = mkdtempSync(join(folder, '.make-'))
  try {
    make(scratch)
    renameSync(join(scratch, file), target)
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
  return target
}

function sh(script: string, to: string): void {
  execFileSync('sh', ['-ec', script, to], { stdio: ['ignore', 'ignore', 'inherit'] })
}
