/** As much of Keystone as `packer validate` asks of a cloud: somebody to log in to. https://docs.openstack.org/api-ref/identity/v3/ */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Keystone {
  readonly url: string
  /** User names that logged in. */
  readonly users: readonly string[]
  readonly close: () => Promise<void>
}

interface Login {
  readonly auth: { readonly identity: { readonly password: { readonly user: { readonly name: string } } } }
}

export async function keystone(): Promise<Keystone> {
  const users: string[] = []
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    if (request.method !== 'POST' || request.url !== '/v3/auth/tokens') {
      response.writeHead(404).end()
      return
    }
    const login = JSON.parse(Buffer.concat(chunks).toString()) as Login
    users.push(login.auth.identity.password.user.name)
    response.writeHead(201, { 'content-type': 'application/json', 'x-subject-token': 'a-token' })
    response.end(
      JSON.stringify({
        token: { expires_at: '2100-01-01T00:00:00.000000Z', methods: ['password'], catalog: [] },
      }),
    )
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/v3`,
    users,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  }
}
