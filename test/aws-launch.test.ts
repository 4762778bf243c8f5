/** `gen launch` with the real SDK against EC2 and Elastic Load Balancing of our own: what it makes, once, whatever fails. */
import { gunzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { account, alive, everywhere, masters, workers } from './support/aws/account.ts'
import { object, text } from './support/aws/protocol.ts'

const made = (aws: Parameters<typeof alive>[0]) => ({
  machines: alive(aws).length,
  groups: aws.state.groups.size,
  balancers: aws.state.balancers.size,
  targetGroups: aws.state.targetGroups.size,
  listeners: aws.state.listeners.size,
  volumes: aws.state.volumes.size,
})

describe('launch', () => {
  test('masters with their addresses, groups and load balancer; workers; destroyed again', async () => {
    const aws = await account()
    aws.state.pageSize = 2
    aws.state.lag = 1
    const ran = await aws.gen(masters)
    expect(ran.err).toMatch(/the masters form the cluster by themselves/)
    expect(ran.code).toBe(0)
    expect(ran.out).toMatch(/^node +instance +address +zone\nm1 +i-\d+ +10\.0\.1\.11 +eu-central-1a\nm2 /)
    expect(alive(aws).map(({ address, subnet, state }) => [address, subnet, state])).toEqual([
      ['10.0.1.11', 'subnet-a', 'running'],
      ['10.0.2.11', 'subnet-b', 'running'],
      ['10.0.3.11', 'subnet-c', 'running'],
    ])
    expect(made(aws)).toEqual({
      machines: 3,
      groups: 3,
      balancers: 1,
      targetGroups: 1,
      listeners: 1,
      volumes: 6,
    })
    const [first] = alive(aws)
    expect(gunzipSync(Buffer.from(first?.userData ?? '', 'binary')).toString()).toMatch(/^#cloud-config\n/)
    const [group] = aws.state.targetGroups.values()
    expect([...(group?.targets ?? [])]).toEqual(['10.0.1.11:6443', '10.0.2.11:6443', '10.0.3.11:6443'])
    expect(group?.attributes).toMatchObject({ 'preserve_client_ip.enabled': 'false' })

    const pool = await aws.gen(`${workers} --count 2 --json`)
    expect(pool.code).toBe(0)
    expect(JSON.parse(pool.out)).toMatchObject([
      { node: 'general-1', zone: 'eu-central-1a' },
      { node: 'general-2', zone: 'eu-central-1b' },
    ])
    expect(made(aws)).toMatchObject({ machines: 5, groups: 3, balancers: 1 })

    const gone = await aws.gen('launch destroy --yes')
    expect(gone.code).toBe(0)
    expect(made(aws)).toEqual({
      machines: 0,
      groups: 0,
      balancers: 0,
      targetGroups: 0,
      listeners: 0,
      volumes: 0,
    })
  })

  test('again: nothing is made twice', async () => {
    const aws = await account()
    await aws.gen(masters)
    const before = made(aws)
    const rules = [...aws.state.groups.values()].map((group) => [...group.rules.keys()])
    const again = await aws.gen(masters)
    expect(again.code).toBe(0)
    expect(again.err).toContain('is there already')
    expect(made(aws)).toEqual(before)
    expect([...aws.state.groups.values()].map((group) => [...group.rules.keys()])).toEqual(rules)
    expect(aws.done('RunInstances')).toHaveLength(3)
    expect(aws.done('CreateLoadBalancer')).toHaveLength(1)
  })

  test('--count grows a pool, and a destroyed node can be launched again', async () => {
    const aws = await account()
    await aws.gen(workers)
    await aws.gen(`${workers} --count 3`)
    expect(alive(aws).map(({ tags }) => tags['leaven:node'])).toEqual(['general-1', 'general-2', 'general-3'])
    const some = await aws.gen('launch destroy --role worker --yes')
    expect(some.code).toBe(0)
    expect(alive(aws)).toEqual([])
    expect(aws.state.groups.size).toBe(3)
    // EC2 goes on answering the old token with the machine that is gone.
    expect((await aws.gen(workers)).code).toBe(0)
    expect(alive(aws).map(({ tags }) => tags['leaven:node'])).toEqual(['general-1'])
  })

  test('a dry run changes nothing, shows the plan, and tells what EC2 says', async () => {
    const aws = await account()
    const ran = await aws.gen(`${masters} --dry-run`)
    expect(ran.code).toBe(0)
    expect(ran.out).toMatch(/image +ami-base/)
    expect(ran.out).toMatch(/tcp 2379-2380 from control-plane: etcd/)
    expect(ran.out).toMatch(/m1 +subnet-a \(eu-central-1a\) 10\.0\.1\.11/)
    expect(aws.requests.filter(({ action }) => action === 'RunInstances')).toHaveLength(3)
    expect(
      aws.requests.filter(({ action }) => /^(Create|Authorize|Register|Modify|Terminate)/.test(action)),
    ).toEqual([])
    expect(made(aws)).toMatchObject({ machines: 0, groups: 0, balancers: 0 })
    aws.fail({
      action: 'RunInstances',
      times: 9,
      with: { code: 'UnauthorizedOperation', message: 'You are not authorized', status: 403 },
    })
    const refused = await aws.gen(`${masters} --dry-run`)
    expect(refused.code).toBe(1)
    expect(refused.err).toMatch(
      /m1: You are not authorized \(UnauthorizedOperation\)\n {2}hint: the IAM user/,
    )
  })

  test('source/dest check goes off where pods have addresses of their own on the wire', async () => {
    const aws = await account({ network: { cni: { provider: 'flannel', backend: 'host-gw' } } })
    await aws.gen(masters)
    expect(alive(aws).map(({ sourceDestCheck }) => sourceDestCheck)).toEqual([false, false, false])
    const rules = [...aws.state.groups.values()]
      .find(({ tags }) => tags['leaven:role'] === 'worker')
      ?.rules.keys()
    expect([...(rules ?? [])]).toContain('-1 * 10.244.0.0/16')
    const encapsulated = await account()
    await encapsulated.gen(masters)
    expect(alive(encapsulated).every(({ sourceDestCheck }) => sourceDestCheck)).toBe(true)
  })

  test('given groups are taken as they are', async () => {
    const aws = await account()
    aws.state.groups.set('sg-own', { id: 'sg-own', name: 'own', vpc: 'vpc-1', tags: {}, rules: new Map() })
    const ran = await aws.gen(`launch --role master ${everywhere} --security-group sg-own`)
    expect(ran.code).toBe(0)
    expect(alive(aws).map(({ groups }) => groups)).toEqual([['sg-own'], ['sg-own'], ['sg-own']])
    expect(aws.state.groups.size).toBe(1)
    await aws.gen('launch destroy --yes')
    expect([...aws.state.groups.keys()]).toEqual(['sg-own'])
  })

  test('a prebaked cluster takes the newest image that was baked for it', async () => {
    const aws = await account({ bootstrap: { prebaked: true } })
    const none = await aws.gen(masters)
    expect(none.code).toBe(1)
    expect(none.err).toMatch(/no image with Kubernetes 1\.31\.4 is baked for control-plane of prod/)
    for (const [id, created, role] of [
      ['ami-old', '2026-10-01', 'control-plane'],
      ['ami-new', '2026-11-01', 'control-plane'],
      ['ami-worker', '2026-11-02', 'worker'],
    ] as const)
      aws.state.images.set(id, {
        owner: '111122223333',
        name: id,
        arch: 'x86_64',
        created: `${created}T00:00:00.000Z`,
        tags: { 'leaven:cluster': 'prod', 'leaven:role': role, 'leaven:kubernetes': '1.31.4' },
        snapshots: [],
      })
    expect((await aws.gen(masters)).code).toBe(0)
    expect(alive(aws).map(({ image }) => image)).toEqual(['ami-new', 'ami-new', 'ami-new'])
  })
})

describe('when AWS fails', () => {
  test('a lost answer of RunInstances launches nothing twice', async () => {
    const aws = await account()
    aws.fail({ action: 'RunInstances', times: 2, with: 'drop' })
    const ran = await aws.gen(masters)
    expect(ran.code).toBe(0)
    expect(aws.done('RunInstances')).toHaveLength(5)
    expect(alive(aws)).toHaveLength(3)
  })

  test('nor does one that was lost for good, when the same is run again before the machine is seen', async () => {
    const aws = await account()
    const ofM2 = ({ PrivateIpAddress }: object & { PrivateIpAddress?: unknown }) =>
      PrivateIpAddress === '10.0.2.11'
    aws.fail({ action: 'RunInstances', times: 8, with: 'drop', when: ofM2 })
    const first = await aws.gen(masters)
    expect(first.code).toBe(1)
    expect(first.err).toMatch(/m2 was not launched: eu-central-1b: .*\n(.*\n)* {2}hint: is the network there/)
    expect(alive(aws).map(({ address }) => address)).toContain('10.0.2.11')
    for (const machine of aws.state.machines.values()) machine.hidden = 1
    expect((await aws.gen(masters)).code).toBe(0)
    expect(alive(aws)).toHaveLength(3)
    const tokens = aws.done('RunInstances').map(({ parameters }) => text(parameters['ClientToken']))
    expect(new Set(tokens).size).toBe(3)
  })

  test('a lost answer of CreateSecurityGroup and of CreateLoadBalancer makes neither twice', async () => {
    const aws = await account()
    aws.fail(
      { action: 'CreateSecurityGroup', times: 1, with: 'drop' },
      { action: 'CreateLoadBalancer', times: 1, with: 'drop' },
      { action: 'AuthorizeSecurityGroupIngress', times: 1, with: 'drop' },
    )
    expect((await aws.gen(masters)).code).toBe(0)
    expect(made(aws)).toMatchObject({ machines: 3, groups: 3, balancers: 1 })
  })

  test('throttling is waited for', async () => {
    const aws = await account()
    aws.fail(
      { action: 'RunInstances', times: 2, with: { code: 'RequestLimitExceeded', status: 503 } },
      { action: 'DescribeInstances', times: 1, with: { code: 'Throttling', status: 400 } },
      { action: 'RegisterTargets', times: 1, with: { code: 'Throttling', status: 400 } },
    )
    expect((await aws.gen(masters)).code).toBe(0)
    expect(alive(aws)).toHaveLength(3)
  })

  test('a zone without capacity: a pool goes to the next, a declared node cannot', async () => {
    const aws = await account()
    const full = {
      action: 'RunInstances',
      times: 100,
      when: ({ SubnetId }: { readonly SubnetId?: unknown }) => SubnetId === 'subnet-a',
      with: {
        code: 'InsufficientInstanceCapacity',
        message: 'We currently do not have sufficient capacity',
        status: 400,
      },
    } as const
    aws.fail(full)
    const pool = await aws.gen(`${workers} --count 2`)
    expect(pool.code).toBe(0)
    expect(alive(aws).map(({ subnet }) => subnet)).toEqual(['subnet-b', 'subnet-b'])
    const ran = await aws.gen(masters)
    expect(ran.code).toBe(1)
    expect(ran.err).toMatch(
      /m1 was not launched: eu-central-1a: We currently .* \(InsufficientInstanceCapacity\)/,
    )
    expect(ran.err).toMatch(/hint: the zone has none left/)
    expect(ran.err).toMatch(/1 not launched: run the same again/)
    expect(ran.out).toMatch(/m2 .*\nm3 /)
  })

  test('a quota ends the launch, which can be taken up later', async () => {
    const aws = await account()
    aws.fail({
      action: 'RunInstances',
      times: 1,
      when: ({ PrivateIpAddress }) => PrivateIpAddress === '10.0.2.11',
      with: {
        code: 'VcpuLimitExceeded',
        message: 'You have requested more vCPU capacity than your current limit',
      },
    })
    const ran = await aws.gen(masters)
    expect(ran.code).toBe(1)
    expect(ran.err).toMatch(/\(VcpuLimitExceeded\)/)
    expect(ran.err).toMatch(/hint: ask for more at Service Quotas/)
    expect(ran.err).toMatch(/1 not launched, m3 not tried/)
    expect(alive(aws)).toHaveLength(1)
    expect((await aws.gen(masters)).code).toBe(0)
    expect(alive(aws)).toHaveLength(3)
  })

  test('groups that are not known everywhere yet', async () => {
    const aws = await account()
    aws.fail(
      { action: 'AuthorizeSecurityGroupIngress', times: 2, with: { code: 'InvalidGroup.NotFound' } },
      { action: 'RunInstances', times: 2, with: { code: 'InvalidGroup.NotFound' } },
    )
    expect((await aws.gen(masters)).code).toBe(0)
    expect(alive(aws)).toHaveLength(3)
  })

  test('a machine that ends right after its launch is told with its reason', async () => {
    const aws = await account()
    aws.state.doomed = 'Client.InternalError: Client error on launch'
    const ran = await aws.gen(masters)
    expect(ran.code).toBe(1)
    expect(ran.err).toMatch(/i-\d+ ended right after its launch: Client\.InternalError/)
  })

  test('destroy waits for what still holds a group, and goes on after a failure', async () => {
    const aws = await account()
    await aws.gen(masters)
    aws.fail(
      { action: 'DeleteSecurityGroup', times: 2, with: { code: 'DependencyViolation' } },
      { action: 'DeleteTargetGroup', times: 1, with: { code: 'ResourceInUse' } },
      { action: 'DeleteLoadBalancer', times: 1, with: { code: 'AccessDenied', status: 403 } },
    )
    const refused = await aws.gen('launch destroy --yes')
    expect(refused.code).toBe(1)
    expect(refused.err).toMatch(/deleting the load balancer leaven-prod: .* \(AccessDenied\)/)
    expect((await aws.gen('launch destroy --yes')).code).toBe(0)
    expect(made(aws)).toEqual({
      machines: 0,
      groups: 0,
      balancers: 0,
      targetGroups: 0,
      listeners: 0,
      volumes: 0,
    })
  })
})

describe('destroy', () => {
  test('asks, and touches nothing that is not ours', async () => {
    const aws = await account()
    await aws.gen(masters)
    const [foreign] = aws.state.machines.values()
    if (foreign === undefined) throw new Error('no machine')
    delete foreign.tags['leaven:made-by']
    const other = {
      ...foreign,
      id: 'i-other',
      tags: { ...foreign.tags, 'leaven:made-by': 'gen launch', 'leaven:cluster': 'other' },
    }
    aws.state.machines.set('i-other', other)
    const nobody = await aws.gen('launch destroy')
    expect([nobody.code, nobody.err]).toEqual([1, expect.stringContaining('hint: say --yes')])
    expect((await aws.gen('launch destroy', 'n')).code).toBe(1)
    expect((await aws.gen('launch destroy --dry-run')).out).toMatch(/machine +i-\d+ +prod-m2 10\.0\.2\.11\n/)
    expect(alive(aws)).toHaveLength(4)
    expect((await aws.gen('launch destroy --role master', 'y')).code).toBe(0)
    expect(alive(aws).map(({ id }) => id)).toEqual([foreign.id, 'i-other'])
  })

  test('volumes that no machine has any more are told, and stay: they may hold data', async () => {
    const aws = await account()
    aws.state.pageSize = 1
    await aws.gen(masters)
    for (const { request } of aws.state.volumes.values())
      if (text(request['DeviceName']) === '/dev/sdf')
        Object.assign(object(request['Ebs']), { DeleteOnTermination: 'false' })
    const ran = await aws.gen('launch destroy --yes')
    expect(ran.err).toMatch(/volumes without a machine stay: vol-\d+ vol-\d+ vol-\d+\n/)
    expect(aws.state.volumes.size).toBe(3)
  })

  test('with nothing to remove', async () => {
    const aws = await account()
    expect(await aws.gen('launch destroy')).toMatchObject({
      code: 0,
      err: expect.stringContaining('there is nothing'),
    })
  })

  test("a load balancer with our name and without our tags is somebody else's", async () => {
    const aws = await account()
    await aws.gen(masters)
    for (const { tags } of aws.state.balancers.values()) tags['leaven:cluster'] = 'theirs'
    const ran = await aws.gen('launch destroy --yes')
    expect(ran.code).toBe(1)
    expect(ran.err).toMatch(/has the name leaven-prod, and not our tags/)
    expect(alive(aws)).toHaveLength(3)
  })
})
