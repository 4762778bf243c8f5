/** AWS's Query protocol from the server's side: form parameters, XML, and signatures that are really checked. */
import { createHash, createHmac } from 'node:crypto'
import type { IncomingMessage } from 'node:http'

export interface Parameters {
  readonly [key: string]: string | Parameters | undefined
}

export class Refusal extends Error {
  readonly code: string
  readonly status: number
  constructor(code: string, message: string, status = 400) {
    super(message)
    this.code = code
    this.status = status
  }
}

/** `Filter.1.Value.2=x` → { Filter: { 1: { Value: { 2: 'x' } } } } */
export function parseForm(body: string): Parameters {
  const root: Record<string, unknown> = {}
  for (const [name, value] of new URLSearchParams(body)) {
    const path = name.split('.')
    const last = path.pop() ?? ''
    let place = root
    for (const part of path) {
      place[part] ??= {}
      place = place[part] as Record<string, unknown>
    }
    place[last] = value
  }
  return root as Parameters
}

/** The members of a list, whatever the service calls them. */
export function listOf(value: string | Parameters | undefined): readonly (string | Parameters)[] {
  if (value === undefined || typeof value === 'string') return value ? [value] : []
  const members = typeof value['member'] === 'object' ? value['member'] : value
  return Object.entries(members)
    .sort(([one], [other]) => Number(one) - Number(other))
    .flatMap(([, member]) => (member === undefined ? [] : [member]))
}

export const texts = (value: string | Parameters | undefined): readonly string[] =>
  listOf(value) as readonly string[]
export const objects = (value: string | Parameters | undefined): readonly Parameters[] =>
  listOf(value) as readonly Parameters[]
export const text = (value: string | Parameters | undefined): string =>
  typeof value === 'string' ? value : ''
export const object = (value: string | Parameters | undefined): Parameters =>
  typeof value === 'object' ? value : {}

export type Xml = string | number | boolean | undefined | readonly Xml[] | { readonly [key: string]: Xml }

/** @param item what the elements of lists are called */
export function toXml(value: Xml, item: 'item' | 'member'): string {
  if (value === undefined) return ''
  if (Array.isArray(value))
    return value.map((entry: Xml) => `<${item}>${toXml(entry, item)}</${item}>`).join('')
  if (typeof value === 'object')
    return Object.entries(value)
      .map(([key, entry]) => (entry === undefined ? '' : `<${key}>${toXml(entry as Xml, item)}</${key}>`))
      .join('')
  return String(value).replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}

const hash = (data: string) => createHash('sha256').update(data).digest('hex')
const hmac = (key: string | Buffer, data: string) => createHmac('sha256', key).update(data).digest()

/**
 * Signature Version 4, as AWS checks it.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
 * @returns region and service that the request was signed for
 */
export function checkSignature(
  request: IncomingMessage,
  body: string,
  secrets: Readonly<Record<string, string>>,
): { readonly region: string; readonly service: string } {
  const { authorization = '' } = request.headers
  const match =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/([^/]+)\/aws4_request, SignedHeaders=([^,]+), Signature=([0-9a-f]{64})$/.exec(
      authorization,
    )
  if (match === null)
    throw new Refusal('MissingAuthenticationToken', 'Request is missing Authentication Token', 403)
  const [, id = '', date = '', region = '', service = '', signed = '', signature] = match
  const secret = secrets[id]
  if (secret === undefined)
    throw new Refusal('AuthFailure', 'AWS was not able to validate the provided access credentials', 401)
  const canonical = [
    request.method,
    '/',
    '',
    ...signed
      .split(';')
      .map((name) => `${name}:${String(request.headers[name]).trim().replaceAll(/ +/g, ' ')}`),
    '',
    signed,
    hash(body),
  ].join('\n')
  const scope = `${date}/${region}/${service}/aws4_request`
  const toSign = ['AWS4-HMAC-SHA256', request.headers['x-amz-date'], scope, hash(canonical)].join('\n')
  const key = [date, region, service, 'aws4_request'].reduce<string | Buffer>(hmac, `AWS4${secret}`)
  if (hmac(key, toSign).toString('hex') !== signature)
    throw new Refusal('SignatureDoesNotMatch', 'The request signature we calculated does not match', 403)
  return { region, service }
}
