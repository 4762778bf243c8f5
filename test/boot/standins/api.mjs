// api.mjs CERT KEY PORT ADDRESS STATE: what leaven asks of an API server, over real TLS. Files in STATE steer it:
// `token` (the one valid token's id; cluster-info exists), `status` (of /readyz), `ahead` (seconds its clock is ahead).
import { existsSync, readFileSync } from 'node:fs'
import { createServer } from 'node:https'

const [cert, key, port, address, state] = process.argv.slice(2)
const told = (name) =>
  existsSync(`${state}/${name}`) ? readFileSync(`${state}/${name}`, 'utf8').trim() : undefined

createServer({ cert: readFileSync(cert), key: readFileSync(key) }, (request, response) => {
  const ahead = Number(told('ahead') ?? 0)
  response.setHeader('Date', new Date(Date.now() + ahead * 1000).toUTCString())
  const token = told('token')
  if (request.url === '/readyz') response.statusCode = Number(told('status') ?? 200)
  else response.statusCode = token === undefined ? 404 : 200
  response.end(request.url.endsWith('/cluster-info') ? `{"data":{"jws-kubeconfig-${token}":"x"}}` : 'ok')
}).listen(Number(port), address)
