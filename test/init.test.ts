/** gen init, asked and unasked. */
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { suggestAddresses } from '../generators/blueprint/starter.ts'
import { scratchFolder } from './support/secrets.ts'
import { asProcess, inTerminal } from './support/terminal.ts'
import { withTools } from './support/tools.ts'

const scratch = scratchFolder()
const here = () => mkdtempSync(join(scratch, 'init-'))
const read = (folder: string, file = 'cluster.yaml') => readFileSync(join(folder, file), 'utf8')

describe('with options alone', () => {
  const options = [
    '--name=shop',
    '--kubernetes=1.31',
    '--endpoint=10.1.2.10',
    '--masters=10.1.2.11,10.1.2.12,10.1.2.13',
    '--workers=10.1.2.21',
    '--os=debian:12',
    '--cloud=vsphere',
    '--airgapped',
  ]

  test('writes what was said, with comments, and it validates strictly', () => {
    const folder = here()
    const { code, err } = asProcess(folder, ['init', '--yes', ...options])
    expect(err).toContain('gen: wrote cluster.yaml')
    expect(code).toBe(0)
    const text = read(folder)
    expect(text.split('\n').filter((line) => line.startsWith('#')).length).toBeGreaterThan(8)
    expect(parse(text)).toMatchObject({
      name: 'shop',
      kubernetes: { version: '1.31.14' },
      endpoint: { provider: 'kube-vip', address: '10.1.2.10' },
      os: { provider: 'debian', release: '12' },
      cloud: { provider: 'vsphere' },
      airgap: { enabled: true },
      nodes: [
        { name: 'm1', role: 'control-plane', address: '10.1.2.11' },
        { name: 'm2', role: 'control-plane', address: '10.1.2.12' },
        { name: 'm3', role: 'control-plane', address: '10.1.2.13' },
        { name: 'w1', role: 'worker', address: '10.1.2.21' },
      ],
    })
    expect(asProcess(folder, ['validate']).code).toBe(0)
  })

  test.each(['nocloud', 'metal', 'aws', 'azure', 'gcp', 'openstack', 'proxmox', 'hetzner'])(
    'what it proposes for %s validates',
    (cloud) => {
      const folder = here()
      expect(asProcess(folder, ['init', '--yes', '--cloud', cloud]).err).toContain('wrote')
      expect(asProcess(folder, ['validate'])).toMatchObject({ code: 0 })
      const { endpoint } = parse(read(folder)) as { endpoint: { provider: string } }
      expect(endpoint.provider).toBe(
        ['aws', 'azure', 'gcp', 'hetzner'].includes(cloud) ? 'external' : 'kube-vip',
      )
    },
  )

  test('does not overwrite unasked, and - is standard output', () => {
    const folder = here()
    writeFileSync(join(folder, 'cluster.yaml'), 'mine')
    const refused = asProcess(folder, ['init', '--yes'])
    expect(refused).toMatchObject({ code: 1, out: '' })
    expect(refused.err).toMatch(/cluster\.yaml exists already\n {2}hint: .*--force/)
    expect(read(folder)).toBe('mine')
    expect(parse(asProcess(folder, ['init', '-', '--yes']).out)).toHaveProperty('nodes')
    expect(asProcess(folder, ['init', 'other.yaml', '--yes']).code).toBe(0)
    expect(asProcess(folder, ['init', '--yes', '--force', '--name=next']).code).toBe(0)
    expect(read(folder)).toContain('name: next')
  })

  test.each([
    [['--name=Shop'], '--name: Shop cannot be a name'],
    [['--kubernetes=1.3'], 'we know nothing of Kubernetes 1.3'],
    [['--cloud=awss'], 'did you mean aws?'],
    [['--os=ubuntu:23.04'], 'ubuntu has no release 23.04'],
    [['--endpoint=10.1.2.300'], '10.1.2.300 is not an IP address'],
    [['--masters=0'], 'from 1 to'],
    [['--masters=10.1.2.1,x'], 'x is not an IP address'],
  ])('%j is refused with exit 2', (wrong, message) => {
    const folder = here()
    const { code, err } = asProcess(folder, ['init', '--yes', ...wrong])
    expect(err).toContain(message)
    expect(code).toBe(2)
    expect(readdirSync(folder)).toEqual([])
  })

  test('what does not fit together is reported, and nothing is written', () => {
    const folder = here()
    const { code, err } = asProcess(folder, ['init', '--yes', '--endpoint=10.1.2.10', '--masters=10.1.2.10'])
    expect(err).toContain('blueprint/endpoint-is-node')
    expect(err).toContain('nothing was written')
    expect(code).toBe(1)
    expect(readdirSync(folder)).toEqual([])
  })

  test('without a terminal it does not guess', () => {
    const { code, err } = asProcess(here(), ['init'])
    expect(err).toMatch(/no terminal to ask on\n {2}hint: --yes/)
    expect(code).toBe(2)
  })
})

const inPty = withTools('python3')

describe('in a terminal', () => {
  const questions = (answers: Readonly<Record<string, string>>): [string, string][] =>
    [
      'name',
      'Kubernetes version',
      'Where',
      'VIP',
      'Control planes',
      'Workers',
      'Operating',
      'Air-gapped',
    ].map((question) => [question, `${answers[question] ?? ''}\r`])

  inPty('takes what it proposes on Enter', () => {
    const folder = here()
    const { code, screen, left } = inTerminal(folder, ['init'], questions({}))
    expect({ code, left }).toEqual({ code: 0, left: 0 })
    expect(screen).toContain("The cluster's name [init-")
    expect(screen).toContain('gen: wrote cluster.yaml')
    expect(asProcess(folder, ['validate', '--strict']).code).toBe(0)
  })

  inPty('asks again what it cannot take', () => {
    const folder = here()
    const steps: [string, string][] = [
      ['name', 'My Cluster\r'],
      ['cannot be a name', 'mine\r'],
      ['Kubernetes version', '1.99\r'],
      ['we know nothing of', '1.35\r'],
      ...questions({ VIP: '10.9.0.5', 'Control planes': '10.9.0.6 10.9.0.7 10.9.0.8', Workers: '0' }).slice(
        2,
      ),
    ]
    const { code, left } = inTerminal(folder, ['init'], steps)
    expect({ code, left }).toEqual({ code: 0, left: 0 })
    expect(parse(read(folder))).toMatchObject({ name: 'mine', endpoint: { address: '10.9.0.5' } })
    expect((parse(read(folder)) as { nodes: object[] }).nodes).toHaveLength(3)
  })

  inPty('asks only what no option says', () => {
    const folder = here()
    const { screen, code } = inTerminal(
      folder,
      [
        'init',
        '--name=x',
        '--cloud=aws',
        '--endpoint=lb.example.com',
        '--masters=3',
        '--workers=0',
        '--os=rocky',
        '--airgapped',
      ],
      [['Kubernetes version', '\r']],
    )
    expect(code).toBe(0)
    expect(screen.match(/\[[^\]]*\]:/g)).toHaveLength(1)
    expect(parse(read(folder))).toMatchObject({ endpoint: { provider: 'external', name: 'lb.example.com' } })
  })

  inPty.each([
    ['Ctrl-C', '\u0003'],
    ['Ctrl-D', '\u0004'],
  ])('%s leaves nothing behind', (_, key) => {
    const folder = here()
    const steps = [
      ['name', 'x\r'],
      ['Kubernetes version', '\r'],
      ['Where', key],
    ] as const
    const { code, screen } = inTerminal(folder, ['init'], steps)
    expect(screen).toContain('stopped, nothing was written')
    expect(code).toBe(130)
    expect(readdirSync(folder)).toEqual([])
  })

  inPty('takes answers that were pasted at once', () => {
    const folder = here()
    const { code } = inTerminal(folder, ['init'], [['name', 'pasted\r1.35\rnocloud\r\r\r\r\r\r']])
    expect(code).toBe(0)
    expect(parse(read(folder))).toMatchObject({ name: 'pasted' })
  })
})

describe('addresses that it proposes', () => {
  test.each([
    [{ address: '10.1.2.3', prefix: 16 }, '10.1.2.60', '10.1.2.61', '10.1.2.71'],
    [{ address: '10.1.2.60', prefix: 24 }, '10.1.2.61', '10.1.2.62', '10.1.2.72'],
    [{ address: '10.1.2.99', prefix: 27 }, '10.1.2.98', '10.1.2.100', '10.1.2.107'],
  ])('near %j', (own, endpoint, master, worker) => {
    const proposed = suggestAddresses(own)
    expect([proposed.endpoint, proposed.controlPlanes[0], proposed.workers[0]]).toEqual([
      endpoint,
      master,
      worker,
    ])
    const all = [proposed.endpoint, ...proposed.controlPlanes, ...proposed.workers]
    expect(new Set(all).size).toBe(all.length)
    expect(all).not.toContain(own.address)
  })
})
