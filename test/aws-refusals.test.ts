/** Bad input of `gen launch` and `gen ami`: one clear line with the way out, exit 1 or 2, and nothing made. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, test } from 'vitest'
import type { JsonObject } from '../generators/model/json.ts'
import { account, alive, everywhere, masters } from './support/aws/account.ts'
import { objects } from './support/aws/protocol.ts'
import { place } from './support/command-line.ts'

describe('what the blueprint and EC2 do not agree on', () => {
  test.each<[string, string, RegExp, JsonObject?]>([
    [
      'an unknown type',
      masters.replace('c6i.xlarge', 'c6i.huge'),
      /the instance type c6i\.huge: .*\(InvalidInstanceType\)\n {2}hint: aws ec2 describe-instance-type-offerings/,
    ],
    [
      'an unknown subnet',
      masters.replace('subnet-b', 'subnet-x'),
      /looking for the subnets: .*'subnet-x'.*\(InvalidSubnetID\.NotFound\)\n {2}hint: .*--region/,
    ],
    ['an unknown image', `${masters} --image ami-none`, /\(InvalidAMIID\.NotFound\)\n {2}hint: gen ami find/],
    [
      'an unknown group',
      `launch --role master ${everywhere} --security-group sg-none --instance-type c6i.xlarge`,
      /\(InvalidSecurityGroup.*\)|\(InvalidGroup\.NotFound\)/,
    ],
    [
      'a type that is too small',
      masters.replace('c6i.xlarge', 't3.nano'),
      /t3\.nano has 2 CPUs and 0\.5 GiB .* kubeadm refuses/,
    ],
    [
      'a type of another architecture',
      masters.replace('c6i.xlarge', 'c7g.xlarge'),
      /c7g\.xlarge runs arm64, and the image ami-base is for x86_64/,
    ],
    [
      'a type with disks of its own',
      masters.replace('c6i.xlarge', 'c6id.xlarge'),
      /c6id\.xlarge has disks of its own/,
    ],
    [
      'a type whose disks are called otherwise',
      masters.replace('c6i.xlarge', 'm4.xlarge'),
      /on m4\.xlarge \(xen\) the second volume is not \/dev\/nvme1n1\n {2}hint: set cloud\.etcdDevice: \/dev\/xvdf/,
    ],
    [
      'an address in no subnet',
      masters.replace(' --subnet subnet-c', ''),
      /m3 has the address 10\.0\.3\.11, which is in none of the subnets/,
    ],
    [
      'an address that AWS keeps',
      masters,
      /m1 has the address 10\.0\.1\.3, which AWS keeps for itself in 10\.0\.1\.0\/24/,
      { nodes: [{ name: 'm1', role: 'control-plane', address: '10.0.1.3' }] },
    ],
    [
      'two addresses of the endpoint in a zone',
      masters,
      /two addresses of the endpoint are in the zone eu-central-1a/,
      { endpoint: { addresses: ['10.0.1.10', '10.0.1.12'] } },
    ],
    [
      'subnets of two VPCs',
      `${masters} --subnet subnet-other`,
      /the subnets are of several VPCs: vpc-1, vpc-2/,
    ],
    [
      'pods in the VPC',
      masters,
      /10\.0\.0\.0\/17 of pods or services overlaps 10\.0\.0\.0\/16 of vpc-1/,
      {
        network: { podSubnet: '10.0.0.0/17' },
        endpoint: { addresses: ['10.0.128.10'] },
        nodes: [{ name: 'm1', role: 'control-plane', address: '10.0.128.11' }],
      },
    ],
    [
      'another cloud',
      masters,
      /the blueprint's cloud is nocloud, not aws/,
      { cloud: { provider: 'nocloud', etcdVolume: null } },
    ],
    ['more than are declared', `${masters} --count 4`, /the blueprint declares 3 of control-plane, not 4/],
  ])('%s', async (_, command, message, patch = {}) => {
    const aws = await account(patch)
    const ran = await aws.gen(command)
    expect(ran.err).toMatch(message)
    expect(ran.code).toBe(1)
    expect(alive(aws)).toEqual([])
    expect(aws.state.balancers.size).toBe(0)
    expect(aws.state.groups.size).toBe(0)
  })

  test('a type that is only small is a warning', async () => {
    const aws = await account({ pools: [{ name: 'general', maxNodes: 50 }] })
    const ran = await aws.gen(masters)
    expect(ran.err).toMatch(
      /warning: c6i\.xlarge has 4 CPUs and 8 GiB .* cluster of 53 nodes\n {2}hint: 8 CPUs and 32 GiB/,
    )
    expect(ran.code).toBe(0)
  })

  test('user-data that does not fit is told before anything is asked', async () => {
    const noise = Array.from({ length: 20_000 }, (_, n) =>
      String.fromCharCode(33 + ((n * n * 7 + n * 31) % 89)),
    ).join('')
    const aws = await account({
      files: [
        { path: '/etc/large', content: noise.replaceAll(/(.{80})/g, '$1\n') },
        { path: '/etc/larger', content: Buffer.from(noise).toString('base64') },
      ],
    })
    const ran = await aws.gen(masters)
    expect(ran.code).toBe(1)
    expect(ran.err).toMatch(/and aws takes 16384/)
    expect(aws.requests).toEqual([])
  })

  test('an address that another machine has', async () => {
    const aws = await account()
    await aws.gen(masters)
    for (const { tags } of aws.state.machines.values()) delete tags['leaven:cluster']
    const ran = await aws.gen(masters.replace('--instance-type c6i.xlarge', '--instance-type m6i.xlarge'))
    expect(ran.code).toBe(1)
    expect(ran.err).toMatch(/m1 was not launched: .*10\.0\.1\.11 is in use.*\(InvalidIPAddress\.InUse\)/)
    expect(alive(aws)).toHaveLength(3)
  })

  test('a load balancer with other addresses', async () => {
    const aws = await account()
    await aws.gen(masters)
    const [balancer] = aws.state.balancers.values()
    for (const mapping of objects(balancer?.request['SubnetMappings']))
      Object.assign(mapping, { PrivateIPv4Address: '10.0.1.99' })
    const ran = await aws.gen(masters)
    expect(ran.code).toBe(1)
    expect(ran.err).toMatch(
      /leaven-prod has the addresses 10\.0\.1\.99.*, and the blueprint wants 10\.0\.1\.10/,
    )
  })
})

describe('usage', () => {
  test.each([
    ['launch --role master --create-security-groups', /--subnet is missing/],
    ['launch --role master --subnet subnet-a', /who may reach the machines\?/],
    [
      'launch --subnet subnet-a --create-security-groups',
      /give one of --role master, --role worker, --pool NAME/,
    ],
    [`${masters} --count none`, /--count cannot be none/],
    [`${masters} --from everybody`, /--from cannot be everybody/],
    ['launch destroy --role king', /no role named king/],
    ['ami prune --older-than soon', /soon is not a time/],
  ])('%s', async (command, message) => {
    const aws = await account()
    expect(await aws.gen(command)).toMatchObject({ code: 2, err: expect.stringMatching(message) })
    expect(aws.requests).toEqual([])
  })
})

describe('the way to AWS', () => {
  const keys = { AWS_ACCESS_KEY_ID: 'AKIATEST', AWS_SECRET_ACCESS_KEY: 'secret' }
  const alone = { AWS_EC2_METADATA_DISABLED: 'true' }

  test.each<[string, string, Record<string, string>, RegExp]>([
    ['no region', 'ami list', { ...keys }, /^gen: no region is set\n {2}hint: give --region/],
    [
      'no credentials',
      'ami list --region eu-central-1',
      {},
      /^gen: there are no AWS credentials\n {2}hint: set AWS_PROFILE or --profile/,
    ],
    [
      'a profile that is not there',
      'ami list --region eu-central-1 --profile nobody',
      {},
      /^gen: .*nobody|there are no AWS credentials/,
    ],
  ])('%s', async (_, command, env, message) => {
    const ran = await place().gen(command, { env: { ...alone, ...env } })
    expect([ran.code, ran.err]).toEqual([1, expect.stringMatching(message)])
    expect(ran.err.split('\n').filter(Boolean).length).toBe(2)
  })

  test('nobody listens', async () => {
    const port = await new Promise<number>((resolve) => {
      const server = createServer().listen(0, '127.0.0.1', () => {
        const { port: free } = server.address() as AddressInfo
        server.close(() => resolve(free))
      })
    })
    const ran = await place().gen(`ami list --region eu-central-1 --endpoint-url http://127.0.0.1:${port}`, {
      env: { ...keys, AWS_MAX_ATTEMPTS: '1' },
    })
    expect([ran.code, ran.err]).toEqual([
      1,
      expect.stringMatching(/\(ECONNREFUSED\)\n {2}hint: is the network there/),
    ])
  })

  test('a wrong secret: the server checks the signature, and its code is told', async () => {
    const aws = await account()
    const ran = await place().gen(`ami list --region eu-central-1 --endpoint-url ${aws.url}`, {
      env: { ...keys, AWS_SECRET_ACCESS_KEY: 'wrong' },
    })
    expect([ran.code, ran.err]).toEqual([
      1,
      expect.stringMatching(/\(SignatureDoesNotMatch\)\n {2}hint: the credentials are wrong/),
    ])
  })

  test('profile, region and endpoint come from the files of the SDK', async () => {
    const aws = await account()
    const own = place({
      config: `[profile work]\nregion = ap-south-1\nendpoint_url = ${aws.url}\naws_access_key_id = AKIATEST\naws_secret_access_key = secret\n`,
    })
    const ran = await own.gen('ami find --os ubuntu --profile work --json', {
      env: { AWS_CONFIG_FILE: own.path('config') },
    })
    expect([ran.code, ran.err]).toEqual([0, expect.any(String)])
    expect(JSON.parse(ran.out)).toMatchObject([{ id: 'ami-base' }])
    expect(new Set(aws.requests.map(({ region }) => region))).toEqual(new Set(['ap-south-1']))
    await own.gen('ami find --os ubuntu --profile work --region eu-west-3', {
      env: { AWS_CONFIG_FILE: own.path('config') },
    })
    expect(aws.requests.at(-1)?.region).toBe('eu-west-3')
  })
})
