/** A certificate for loopback, signed by an authority of its own; made once a test file. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** PEM, each. */
export interface Certificates {
  readonly ca: string
  readonly certificate: string
  readonly key: string
}

let made: Certificates | undefined

export function certificates(): Certificates {
  made ??= make()
  return made
}

function make(): Certificates {
  const folder = mkdtempSync(join(tmpdir(), 'leaven-certificates-'))
  const openssl = (command: string, ...more: readonly string[]) =>
    execFileSync('openssl', [...command.split(' '), ...more], { cwd: folder, stdio: 'pipe' })
  const fresh = 'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2'
  try {
    openssl(`${fresh} -keyout ca.key -out ca.pem -subj /CN=leaven-test-ca`)
    const names = 'subjectAltName=IP:127.0.0.1,DNS:localhost'
    openssl(
      `${fresh} -CA ca.pem -CAkey ca.key -keyout key.pem -out cert.pem -subj /CN=localhost -addext ${names}`,
      ...['-addext', 'basicConstraints=critical,CA:FALSE'],
    )
    const read = (name: string) => readFileSync(join(folder, name), 'utf8')
    return { ca: read('ca.pem'), certificate: read('cert.pem'), key: read('key.pem') }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
