/** EC2 and Elastic Load Balancing on loopback: keeps state, checks what it gets, and fails when it is told to. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { balancingActions } from './balancing.ts'
import { ec2Actions } from './ec2.ts'
import { checkSignature, type Parameters, parseForm, Refusal, text, toXml, type Xml } from './protocol.ts'
import { newState, type State } from './state.ts'

export type Action = (parameters: Parameters, state: State) => Xml

export interface Fault {
  readonly action: string
  /** Only requests of which this holds. */
  readonly when?: (parameters: Parameters) => boolean
  readonly times: number
  /** An error of AWS's, or `drop`: the work is done, and then the connection breaks instead of an answer. */
  readonly with: 'drop' | { readonly code: string; readonly message?: string; readonly status?: number }
}

export interface Request {
  readonly action: string
  readonly service: string
  readonly region: string
  readonly parameters: Parameters
}

export interface Aws {
  readonly url: string
  readonly state: State
  readonly requests: Request[]
  /** What is to fail from now on. */
  readonly fail: (...faults: readonly Fault[]) => void
  /** Requests of one action that were not dry runs. */
  readonly done: (action: string) => readonly Request[]
  readonly close: () => Promise<void>
}

export const credentials = { AWS_ACCESS_KEY_ID: 'AKIATEST', AWS_SECRET_ACCESS_KEY: 'secret' } as const

export async function startAws(): Promise<Aws> {
  const state = newState()
  const requests: Request[] = []
  const faults: { fault: Fault; left: number }[] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => answer(request, Buffer.concat(chunks).toString(), response))
  })

  function answer(request: IncomingMessage, body: string, response: ServerResponse) {
    const parameters = parseForm(body)
    const action = text(parameters['Action'])
    let ec2 = true
    try {
      const { region, service } = checkSignature(request, body, {
        [credentials.AWS_ACCESS_KEY_ID]: credentials.AWS_SECRET_ACCESS_KEY,
      })
      ec2 = service === 'ec2'
      requests.push({ action, service, region, parameters })
      const fault = faults.find(
        (entry) =>
          entry.left > 0 && entry.fault.action === action && (entry.fault.when?.(parameters) ?? true),
      )
      if (fault !== undefined) fault.left -= 1
      const kind = fault?.fault.with
      if (kind !== undefined && kind !== 'drop')
        throw new Refusal(kind.code, kind.message ?? `injected ${kind.code}`, kind.status ?? 400)
      const result = perform(ec2, action, parameters)
      if (kind === 'drop') {
        request.socket.destroy()
        return
      }
      send(response, 200, ec2 ? ec2Answer(action, result) : balancingAnswer(action, result))
    } catch (cause) {
      if (!(cause instanceof Refusal)) throw cause
      const error = { Code: cause.code, Message: cause.message }
      send(
        response,
        cause.status,
        ec2
          ? `<Response><Errors>${toXml({ Error: error }, 'item')}</Errors><RequestID>r-1</RequestID></Response>`
          : `<ErrorResponse>${toXml({ Error: { Type: 'Sender', ...error } }, 'member')}<RequestId>r-1</RequestId></ErrorResponse>`,
      )
    }
  }

  function perform(ec2: boolean, action: string, parameters: Parameters): Xml {
    const known = (ec2 ? ec2Actions : balancingActions)[action]
    if (known === undefined) throw new Refusal('InvalidAction', `The action ${action} is not valid`)
    return known(parameters, state)
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    state,
    requests,
    fail: (...list) => {
      faults.push(...list.map((fault) => ({ fault, left: fault.times })))
    },
    done: (action) =>
      requests.filter((request) => request.action === action && request.parameters['DryRun'] !== 'true'),
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections()
        server.close(() => resolve())
      }),
  }
}

function send(response: ServerResponse, status: number, xml: string) {
  response
    .writeHead(status, { 'content-type': 'text/xml' })
    .end(`<?xml version="1.0" encoding="UTF-8"?>\n${xml}`)
}

const ec2Answer = (action: string, result: Xml) =>
  `<${action}Response xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>r-1</requestId>${toXml(result, 'item')}</${action}Response>`

const balancingAnswer = (action: string, result: Xml) =>
  `<${action}Response xmlns="http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/"><${action}Result>${toXml(result, 'member')}</${action}Result><ResponseMetadata><RequestId>r-1</RequestId></ResponseMetadata></${action}Response>`
