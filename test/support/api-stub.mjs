/**
 * As much of an API server as HAProxy's check and kube-vip's election ask for: readyz, and one lease in memory.
 * usage: node api-stub.mjs ADDRESS PORT CERTIFICATE KEY CA [STATUS]
 * Prints `listening`, then one line of JSON for every request.
 */
import { readFileSync } from 'node:fs'
import { createServer } from 'node:https'

const [address, port, cert, key, ca, status = '200'] = process.argv.slice(2)
const leases = '/apis/coordination.k8s.io/v1/namespaces/kube-system/leases'
let lease

const server = createServer(
  {
    cert: readFileSync(cert),
    key: readFileSync(key),
    ca: readFileSync(ca),
    requestCert: true,
    rejectUnauthorized: false,
  },
  async (request, response) => {
    const chunks = []
    for await (const chunk of request) chunks.push(chunk)
    const { pathname } = new URL(request.url, 'https://kubernetes')
    const client = request.socket.authorized ? request.socket.getPeerCertificate().subject : undefined
    console.log(
      JSON.stringify({ method: request.method, pathname, client, servername: request.socket.servername }),
    )
    const answer = (code, type, body) =>
      response.writeHead(code, { 'content-type': type, 'x-stub': address }).end(body)
    const reply = (code, value) => answer(code, 'application/json', JSON.stringify(value))
    if (pathname === '/readyz') return reply(Number(status), 'ok')
    if (client === undefined)
      return reply(401, { kind: 'Status', apiVersion: 'v1', status: 'Failure', code: 401 })
    if (pathname.startsWith(leases) && request.method !== 'GET')
      // JSON or protobuf: it comes back as it was sent.
      lease = { type: request.headers['content-type'], body: Buffer.concat(chunks) }
    if (pathname.startsWith(leases) && lease)
      return answer(request.method === 'POST' ? 201 : 200, lease.type, lease.body)
    reply(404, { kind: 'Status', apiVersion: 'v1', status: 'Failure', reason: 'NotFound', code: 404 })
  },
)
server.listen(Number(port), address, () => console.log('listening'))
