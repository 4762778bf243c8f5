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
