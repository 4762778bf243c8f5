/** What is asked of AWS, word for word, and the port tables that it comes from. */
import { readdirSync, readFileSync } from 'node:fs'
import type { Image, Subnet } from '@aws-sdk/client-ec2'
import { describe, expect, test } from 'vitest'
import { defaultType } from '../generators/aws/checks.ts'
import { missingRules, type Reach, securityGroups } from '../generators/aws/groups.ts'
import {
  balancerName,
  createBalancer,
  createListener,
  createTargetGroup,
  targetGroupAttributes,
  targets,
} from '../generators/aws/load-balancer.ts'
import { runInstances, type Template, wantedMachines } from '../generators/aws/machines.ts'
import type { JsonObject } from '../generators/model/json.ts'
import { mergePatch } from '../generators/model/json.ts'
import { blueprint } from './support/aws/account.ts'
import { compileWithSecrets, fileAt, tableOf, userDataOf } from './support/compiled.ts'

const subnets: readonly Subnet[] = ['a', 'b', 'c'].map((zone, index) => ({
  SubnetId: `subnet-${zone}`,
  VpcId: 'vpc-1',
  AvailabilityZone: `eu-central-1${zone}`,
  CidrBlock: `10.0.${index + 1}.0/24`,
}))
const image: Image = {
  ImageId: 'ami-base',
  Architecture: 'x86_64',
  RootDeviceName: '/dev/sda1',
  BlockDeviceMappings: [{ DeviceName: '/dev/sda1', Ebs: { VolumeSize: 8 } }],
}
const template: Template = {
  cluster: 'prod',
  kubernetes: '1.31.4',
  image,
  instanceType: 'c6i.xlarge',
  securityGroups: ['sg-1'],
  userData: Buffer.from('#cloud-config\n'),
  keyName: undefined,
  instanceProfile: undefined,
  kmsKey: undefined,
  rootSize: 30,
  etcdSize: 20,
}
const reach: Reach = { users: ['10.0.0.0/16'], endpoint: true, routedPods: false }

async function compiled(patch: JsonObject = {}) {
  const result = await compileWithSecrets(mergePatch(blueprint, patch) as object)
  const group = (name: string) => {
    const found = result.groups.find((entry) => entry.name === name)
    if (found === undefined) throw new Error(`no group ${name}`)
    return found
  }
  return { ...result, group }
}

describe('ports', () => {
  const open = async (role: 'control-plane' | 'worker', from: string) => {
    const { plan, groups } = await compiled()
    const spec = securityGroups(plan, groups, reach).find(({ kind }) => kind === role)
    return (spec?.rules ?? [])
      .filter(({ source }) => ('group' in source ? source.group : source.cidr) === from)
      .map(({ protocol, from: first, to }) => `${protocol} ${first === to ? first : `${first}-${to}`}`)
  }

  // https://kubernetes.io/docs/reference/networking/ports-and-protocols/ as production guides print it: port, by whom.
  test.each([
    ['control-plane', '6443', 'anyone'],
    ['control-plane', '2379-2380', 'control-plane'],
    ['control-plane', '10250', 'cluster'],
    ['control-plane', '10259', 'control-plane'],
    ['control-plane', '10257', 'control-plane'],
    ['worker', '10250', 'cluster'],
    ['worker', '30000-32767', 'anyone'],
  ] as const)('%s: tcp %s for %s', async (role, port, whom) => {
    const rule = `tcp ${port}`
    expect((await open(role, '10.0.0.0/16')).includes(rule)).toBe(whom === 'anyone')
    expect((await open(role, 'worker')).includes(rule)).toBe(whom !== 'control-plane')
    expect(await open(role, 'control-plane')).toContain(rule)
  })

  test('beside these only what the cluster adds: kube-proxy, the pod network, NodePorts everywhere', async () => {
    const beside = ['tcp 10256', 'tcp 30000-32767', 'udp 30000-32767', 'udp 4789']
    const table = ['tcp 10250', 'tcp 10257', 'tcp 10259', 'tcp 2379-2380', 'tcp 6443']
    expect((await open('control-plane', 'control-plane')).toSorted()).toEqual([...table, ...beside].sort())
    expect((await open('worker', 'worker')).toSorted()).toEqual(['tcp 10250', ...beside].sort())
    expect(await open('control-plane', 'endpoint')).toEqual(['tcp 6443'])
  })

  test('a firewall that is left alone on the nodes changes nothing of the groups', async () => {
    const [managed, alone] = await Promise.all([compiled(), compiled({ firewall: { manage: false } })])
    expect(securityGroups(alone.plan, alone.groups, reach)).toEqual(
      securityGroups(managed.plan, managed.groups, reach),
    )
    expect(tableOf(userDataOf(alone, alone.group('control-plane')), 'ports')).toEqual([])
  })

  test('rules that are there are not added again, whoever added more', async () => {
    const { plan, groups } = await compiled()
    const [spec] = securityGroups(plan, groups, reach)
    if (spec === undefined) throw new Error('no group')
    const ids = { 'control-plane': 'sg-1', worker: 'sg-2', endpoint: 'sg-3' }
    const all = missingRules(spec, ids, undefined)
    expect(all.length).toBeGreaterThan(10)
    const ssh = { IpProtocol: 'tcp', FromPort: 22, ToPort: 22, IpRanges: [{ CidrIp: '10.9.0.0/16' }] }
    expect(missingRules(spec, ids, { IpPermissions: [ssh, ...all.slice(2)] })).toEqual(all.slice(0, 2))
  })
})

describe('golden requests', () => {
  test('of a launch', async () => {
    const { plan, groups, group } = await compiled()
    const [master] = wantedMachines(plan, group('control-plane'), subnets, 3)
    const [, worker] = wantedMachines(plan, group('general'), subnets, 2)
    if (master === undefined || worker === undefined) throw new Error('no machines')
    const addresses = ['10.0.1.10', '10.0.2.10', '10.0.3.10']
    const requests = {
      RunInstances: [
        runInstances(template, master, subnets[0] ?? {}, 0),
        runInstances(
          { ...template, kmsKey: 'alias/k8s', keyName: 'ops', instanceProfile: 'node' },
          worker,
          subnets[1] ?? {},
          0,
        ),
      ],
      CreateLoadBalancer: createBalancer(plan, addresses, subnets, ['sg-3']),
      CreateTargetGroup: createTargetGroup(plan, 'vpc-1'),
      ModifyTargetGroupAttributes: targetGroupAttributes('arn:tg'),
      RegisterTargets: targets(plan, 'arn:tg'),
      CreateListener: createListener(plan, 'arn:lb', 'arn:tg'),
      SecurityGroups: securityGroups(plan, groups, reach),
    }
    await expect(`${JSON.stringify(requests, null, 2)}\n`).toMatchFileSnapshot('golden/aws/launch.json')
  })

  test('tokens: the same for the same, another for whatever differs', async () => {
    const { plan, group } = await compiled()
    const [one, two] = wantedMachines(plan, group('general'), subnets, 2)
    if (one === undefined || two === undefined) throw new Error('no machines')
    const [a = {}, b = {}] = subnets
    const token = (...given: Parameters<typeof runInstances>) => runInstances(...given).ClientToken ?? ''
    const base = token(template, one, a, 0)
    expect(token({ ...template }, { ...one }, { ...a }, 0)).toBe(base)
    const others = [
      token(template, two, a, 0),
      token(template, one, b, 0),
      token(template, one, a, 1),
      token({ ...template, userData: Buffer.from('other') }, one, a, 0),
      token({ ...template, cluster: 'other' }, one, a, 0),
    ]
    expect(new Set([base, ...others]).size).toBe(6)
    for (const text of [base, ...others]) expect(text).toMatch(/^[\x21-\x7e]{1,64}$/)
  })
})

test('names fit, whatever the cluster is called', () => {
  const long = 'a'.repeat(63)
  expect(balancerName('prod')).toBe('leaven-prod')
  expect(balancerName(long)).toMatch(/^[a-z0-9-]{32}$/)
  expect(balancerName(long)).not.toBe(balancerName(`${'a'.repeat(62)}b`))
})

test.each([
  ['control-plane', 5, 'x86_64', 'c6i.xlarge'],
  ['control-plane', 20, 'x86_64', 'm6i.xlarge'],
  ['control-plane', 100, 'arm64', 'm7g.2xlarge'],
  ['control-plane', 500, 'x86_64', 'm6i.8xlarge'],
  ['worker', 500, 'arm64', 'm7g.large'],
] as const)('%s of %i nodes on %s: %s', (role, nodes, architecture, type) => {
  expect(defaultType(role, nodes, architecture)).toBe(type)
})

describe('the endpoint aws-nlb on the nodes', () => {
  test('all its addresses are in node.env and in the certificate; no static pod', async () => {
    const { plan, group, ...rest } = await compiled()
    const text = userDataOf({ ...rest, plan }, group('control-plane'))
    expect(fileAt(text, '/etc/leaven/node.env')).toMatch(
      /LEAVEN_ENDPOINT_ADDRESS=10\.0\.1\.10,10\.0\.2\.10,10\.0\.3\.10\n/,
    )
    expect(fileAt(text, '/etc/leaven/kubeadm/init.yaml')).toMatch(/10\.0\.3\.10/)
    expect(text).not.toMatch(/kube-vip|keepalived/)
    expect(userDataOf({ ...rest, plan }, group('general'))).toContain('10.0.2.10')
  })

  test('etcd has its volume before the kubelet starts', async () => {
    const { group, ...rest } = await compiled({ etcd: { dataDir: '/var/lib/etcd-data' } })
    const text = userDataOf(rest, group('control-plane'))
    expect(fileAt(text, '/etc/systemd/system/var-lib-etcd\\x2ddata.mount')).toContain(
      'Where=/var/lib/etcd-data',
    )
    expect(fileAt(text, '/etc/systemd/system/kubelet.service.d/20-etcd.conf')).toContain(
      'RequiresMountsFor=/var/lib/etcd-data',
    )
    expect(tableOf(text, 'services')).toContainEqual(['system', 'var-lib-etcd\\x2ddata.mount'])
    expect(fileAt(text, '/etc/leaven/node.env')).toContain('DirAvailable--var-lib-etcd-data')
    expect(userDataOf(rest, group('general'))).not.toContain('leaven-etcd')
  })

  test('the cloud controller is told to the kubelet', async () => {
    const names = {
      nodes: [
        { name: 'ip-10-0-1-11.eu-central-1.compute.internal', role: 'control-plane', address: '10.0.1.11' },
      ],
    }
    const { group, ...rest } = await compiled({ cloud: { cloudController: true }, ...names })
    expect(fileAt(userDataOf(rest, group('control-plane')), '/etc/leaven/kubeadm/init.yaml')).toMatch(
      /cloud-provider/,
    )
    expect(fileAt(userDataOf(rest, group('general')), '/etc/leaven/node.env')).toContain(
      'LEAVEN_NODE_NAME_SOURCE=imds-local-hostname',
    )
  })
})

/** Every command of the SDK that an effect sends is allowed by the policy of the guide, and nothing else is. */
test('the policy of docs/aws.md', () => {
  const folder = 'generators/effects/aws'
  const sent = readdirSync(folder).flatMap((file) => {
    const source = readFileSync(`${folder}/${file}`, 'utf8')
    const service = file.startsWith('load-balancer') ? 'elasticloadbalancing' : 'ec2'
    return [...source.matchAll(/new (\w+)Command\(|\bpaginate(\w+)\(/g)].map(
      ([, command, paginated]) => `${service}:${command ?? paginated}`,
    )
  })
  // Tags that come with a new object, and snapshots that go with their image, are permissions of their own.
  const implied = ['ec2:CreateTags', 'elasticloadbalancing:AddTags', 'ec2:DeleteSnapshot']
  const guide = readFileSync('docs/aws.md', 'utf8')
  const { Statement } = JSON.parse(/```json\n([\s\S]*?)```/.exec(guide)?.[1] ?? '') as {
    Statement: { Action: string[] }[]
  }
  const allowed = Statement.flatMap(({ Action }) => Action)
  expect(sent.length).toBeGreaterThan(20)
  expect(allowed.toSorted()).toEqual([...new Set([...sent, ...implied])].sort())
})
