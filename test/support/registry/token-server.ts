/** Hands out tokens that docker-registry takes: https://distribution.github.io/distribution/spec/auth/token/ */
import { createSign, randomUUID, X509Certificate } from 'node:crypto'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Certificates } from './certificates.ts'

export const user = 'leaven'
export const password = 'correct horse'

export interface TokenOptions {
  /** Lifetime of tokens in seconds, as the server promises it. */
  readonly tokenSeconds?: number
  /** How long they truly live; docker-registry allows another minute for clocks that differ. */
  readonly trueTokenSeconds?: number
}

export interface TokenServer {
  readonly url: string
  readonly service: string
  readonly issuer: string
  /** Every request so far. */
  readonly asked: TokenRequest[]
  /** What `docker login` against such a server keeps instead of a password. */
  readonly identityToken: string
  readonly stop: () => Promise<void>
}

export interface TokenRequest {
  readonly method: string
  readonly scopes: readonly string[]
  readonly by: 'nobody' | 'password' | 'identity token'
}

const service = 'registry.test'
const issuer = 'tokens.test'

export async function startTokenServer(pems: Certificates, options: TokenOptions): Promise<TokenServer> {
  const promised = options.tokenSeconds ?? 60
  const asked: TokenRequest[] = []
  const identityToken = randomUUID()
  const server = createServer(async (request, response) => {
    const query = await parameters(request)
    const by = whoAsks(request, query, identityToken)
    const scopes = query.getAll('scope').flatMap((scope) => scope.split(' '))
    if (by !== 'wrong') asked.push({ method: request.method ?? '', scopes, by })
    response.setHeader('content-type', 'application/json')
    if (by === 'wrong' || query.get('service') !== service) {
      response.writeHead(401).end(JSON.stringify({ errors: [{ code: 'UNAUTHORIZED', message: 'wrong' }] }))
      return
    }
    // Who says nothing gets a token that opens nothing, as Docker Hub does for what is private.
    const access = by === 'nobody' ? [] : scopes.map(granted)
    const token = sign(pems, access, options.trueTokenSeconds ?? promised)
    // Some servers name it so, others so; GET and POST differ too.
    const named = request.method === 'POST' ? { access_token: token } : { token }
    response.end(JSON.stringify({ ...named, expires_in: promised }))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const stop = () =>
    new Promise<void>((resolve) => {
      server.closeAllConnections()
      server.close(() => resolve())
    })
  return { url: `http://127.0.0.1:${port}/token`, service, issuer, asked, identityToken, stop }
}

async function parameters(request: IncomingMessage): Promise<URLSearchParams> {
  if (request.method !== 'POST') return new URL(request.url ?? '', 'http://x').searchParams
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return new URLSearchParams(Buffer.concat(chunks).toString())
}

function whoAsks(request: IncomingMessage, query: URLSearchParams, identityToken: string) {
  if (request.method === 'POST') {
    if (query.get('grant_type') === 'refresh_token')
      return query.get('refresh_token') === identityToken ? 'identity token' : 'wrong'
    return query.get('username') === user && query.get('password') === password ? 'password' : 'wrong'
  }
  const { authorization } = request.headers
  if (authorization === undefined) return 'nobody'
  const right = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`
  return authorization === right ? 'password' : 'wrong'
}

/** `repository:a/b:pull,push`, and everything that is asked for is granted. */
function granted(scope: string) {
  const [type = '', name = '', actions = ''] = scope.split(':')
  return { type, name, actions: actions.split(',') }
}

function sign({ certificate, key }: Certificates, access: readonly object[], seconds: number): string {
  const now = Math.floor(Date.now() / 1000)
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const x5c = [new X509Certificate(certificate).raw.toString('base64')]
  const claims = { iss: issuer, aud: service, sub: user, jti: randomUUID(), access }
  const text = `${part({ typ: 'JWT', alg: 'ES256', x5c })}.${part({ ...claims, iat: now, nbf: now - 5, exp: now + seconds })}`
  const signature = createSign('sha256').update(text).sign({ key, dsaEncoding: 'ieee-p1363' })
  return `${text}.${signature.toString('base64url')}`
}
