/** What a user adds to the nodes: hooks, files, users, mounts and overrides, as they reach the text. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Texts } from '../generators/plan/texts.ts'
import { hookNames, templateView, variables } from '../generators/plan/texts.ts'
import { fileAt, filesOf, parseUserData, tableOf } from './support/compiled.ts'
import { written } from './support/contributed.ts'
import { codesOf, guide, plan, scratchFolder, textOfGroup } from './support/own-parts.ts'
import { run, withTools } from './support/tools.ts'
import { workplace } from './support/workplace.ts'

describe('hooks', () => {
  test('each lies where first boot looks for it, filled in', async () => {
    const hooks = Object.fromEntries(
      hookNames.map((name) => [name, { content: `echo ${name} {{clusterName}}\n` }]),
    )
    const text = await textOfGroup({ hooks }, 'workers')
    for (const name of hookNames) {
      const file = filesOf(text).find(({ path }) => path === `/etc/leaven/hooks/${name}.sh`)
      expect(file).toEqual({
        path: `/etc/leaven/hooks/${name}.sh`,
        mode: '0700',
        content: `echo ${name} prod\n`,
      })
    }
  })

  test('sections tell roles apart and list nodes', async () => {
    const content = `{{#isControlPlane}}
echo {{group}} {{role}}
{{/isControlPlane}}
{{^isControlPlane}}
echo no master
{{/isControlPlane}}
{{#controlPlanes}}
ping -c1 {{address}} # {{name}} of {{clusterName}}
{{/controlPlanes}}
`
    const hooks = { preKubeadm: { content } }
    const path = '/etc/leaven/hooks/preKubeadm.sh'
    expect(fileAt(await textOfGroup({ hooks }, 'control-plane'), path)).toBe(
      'echo control-plane control-plane\nping -c1 172.31.253.61 # m1 of prod\nping -c1 172.31.253.62 # m2 of prod\nping -c1 172.31.253.63 # m3 of prod\n',
    )
    expect(fileAt(await textOfGroup({ hooks }, 'workers'), path)).toMatch(/^echo no master\nping/)
  })

  test('nothing is escaped', async () => {
    const hooks = {
      postDone: { content: 'echo {{endpointHost}} {{{runtimeSocket}}} "<&>" {{& podSubnet}}\n' },
    }
    expect(fileAt(await textOfGroup({ hooks }, 'workers'), '/etc/leaven/hooks/postDone.sh')).toBe(
      'echo 172.31.253.60 unix:///run/containerd/containerd.sock "<&>" 10.244.0.0/16\n',
    )
  })

  test.each([
    [
      'a misspelt name',
      'ok\n{{clustername}}',
      'blueprint/unknown-variable',
      /line 2.*clustername/,
      'did you mean clusterName?',
    ],
    ['a go-template', '{{range .items}}x{{end}}', 'blueprint/unknown-variable', /range \.items/, /<% %>/],
    ['a prototype', '{{constructor.name}}', 'blueprint/unknown-variable', /constructor\.name/, /known/],
    [
      'a name below a scalar',
      '{{clusterName.length}}',
      'blueprint/unknown-variable',
      /clusterName\.length/,
      '',
    ],
    ['an unclosed section', '{{#isWorker}}x', 'blueprint/template-syntax', /unclosed section "isWorker"/, ''],
    ['an unclosed tag', 'a\nb\n{{isWorker', 'blueprint/template-syntax', /line 3: unclosed tag/, ''],
    ['a partial', '{{> other}}', 'blueprint/template-syntax', /partials/, ''],
    ['an item outside its list', '{{address}}', 'blueprint/unknown-variable', /address/, ''],
  ])('%s is refused', (_, content, code, message, hint) => {
    const found = codesOf({ hooks: { preSystem: { content } } })
    expect(found[0]).toMatchObject({ code, path: ['hooks', 'preSystem', 'content'] })
    expect(found[0]?.message).toMatch(message)
    if (hint !== '') expect(found[0]?.hint).toMatch(hint)
  })

  test('other delimiters let braces of kubectl through', async () => {
    const content =
      "{{=<% %>=}}\nkubectl get nodes -o go-template='{{range .items}}{{.metadata.name}}{{end}}' # <% clusterName %>\n"
    const text = await textOfGroup({ hooks: { postDone: { content } } }, 'control-plane')
    expect(fileAt(text, '/etc/leaven/hooks/postDone.sh')).toBe(
      "kubectl get nodes -o go-template='{{range .items}}{{.metadata.name}}{{end}}' # prod\n",
    )
  })

  test('are read from beside the blueprint', async () => {
    const texts: Texts = { 'hooks/pre.sh': 'echo {{group}}\n' }
    const blueprint = { hooks: { preSystem: { file: 'hooks/pre.sh' } } }
    expect(fileAt(await textOfGroup(blueprint, 'workers', texts), '/etc/leaven/hooks/preSystem.sh')).toBe(
      'echo workers\n',
    )
    expect(codesOf(blueprint, { 'hooks/pre.sh': { problem: 'hooks/pre.sh does not exist' } })).toMatchObject([
      {
        code: 'blueprint/unreadable-file',
        path: ['hooks', 'preSystem', 'file'],
        message: 'hooks/pre.sh does not exist',
      },
    ])
    expect(codesOf(blueprint, { 'hooks/pre.sh': 'a\n{{nope}}' })[0]?.message).toMatch(
      /^hooks\/pre\.sh, line 2/,
    )
  })

  test('have content or file, and the file is below the blueprint', () => {
    expect(codesOf({ hooks: { preSystem: {} } }).map(({ code }) => code)).toEqual(['blueprint/one-text'])
    expect(codesOf({ hooks: { preSystem: { content: 'x', file: 'y' } } }).map(({ code }) => code)).toEqual([
      'blueprint/one-text',
    ])
    for (const file of ['/etc/shadow', '../x', 'a/../../x', '..'])
      expect(
        codesOf({ hooks: { preSystem: { file } } }).map(({ code }) => code),
        file,
      ).toEqual(['blueprint/bad-value'])
  })

  test('every variable is what the compiler hands out, of the same kind, and is listed in the guide', () => {
    const view = templateView(plan(), { name: 'workers', role: 'worker' })
    expect(Object.keys(view)).toEqual(Object.keys(variables))
    const kind = (value: unknown): unknown =>
      Array.isArray(value)
        ? [kind(value[0])]
        : typeof value === 'object' && value !== null
          ? Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, kind(entry)]))
          : typeof value
    for (const [name, { example }] of Object.entries(variables)) {
      expect(kind(view[name]), name).toEqual(kind(example))
      expect(guide).toContain(`| \`${name}\` |`)
    }
    expect(JSON.stringify(view)).not.toMatch(/token|secret|key/i)
  })
})

describe('files', () => {
  test('are literal unless they say otherwise', async () => {
    const files = [
      { path: '/etc/a', content: '{{clusterName}} {{range}}\n' },
      { path: '/etc/b', content: '{{clusterName}}\n', template: true, mode: '0600', roles: ['master'] },
      { path: '/etc/c', file: 'c.txt' },
    ]
    const texts = { 'c.txt': '{{c}}' }
    const master = await textOfGroup({ files }, 'control-plane', texts)
    expect(fileAt(master, '/etc/a')).toBe('{{clusterName}} {{range}}\n')
    expect(filesOf(master)).toContainEqual({ path: '/etc/b', mode: '0600', content: 'prod\n' })
    expect(fileAt(master, '/etc/c')).toBe('{{c}}')
    const worker = await textOfGroup({ files }, 'workers', texts)
    expect(filesOf(worker).map(({ path }) => path)).not.toContain('/etc/b')
  })
})

const extras = {
  users: [
    {
      name: 'ops',
      groups: ['adm'],
      sudo: 'ALL=(ALL) NOPASSWD:ALL',
      ssh_authorized_keys: ['ssh-ed25519 AAAA'],
      uid: 1500,
    },
    { name: 'audit', lock_passwd: true, sudo: null, system: true },
  ],
  mounts: [
    ['/dev/vdb', '/data', 'ext4', 'defaults,nofail', '0', '2'],
    ['/dev/vdc', '/backup'],
  ],
  packages: ['nfs-common', 'jq=1.6*'],
  sysctl: { 'vm.max_map_count': '262144' },
  modules: ['nbd'],
  ntp: { servers: ['ntp.example.com'] },
  proxy: { http: 'http://proxy.internal:3128', noProxy: ['.internal'] },
  runtime: {
    mirrors: { 'docker.io': ['https://mirror.example.com'] },
    insecureRegistries: ['10.0.0.5:5000'],
  },
  overrides: {
    kubeadm: { apiServer: { timeoutForControlPlane: '9m0s' } },
    kubelet: { maxPods: 200 },
    kubeProxy: { metricsBindAddress: '0.0.0.0:10249' },
    containerd: { debug: { level: 'debug' } },
    cloudConfig: {
      timezone: 'Asia/Shanghai',
      runcmd: [['mkdir', '/x']],
      write_files: [{ path: '/y', content: 'z' }],
    },
  },
}

describe('everything else a blueprint can add', () => {
  test('reaches the text', async () => {
    const text = await textOfGroup(extras, 'control-plane')
    const config = parseUserData(text)
    expect(config['users']).toEqual(['default', ...extras.users])
    expect(config['mounts']).toEqual(extras.mounts)
    expect(tableOf(text, 'packages').flat()).toEqual(expect.arrayContaining(['nfs-common', 'jq=1.6*']))
    expect(fileAt(text, '/etc/sysctl.d/90-leaven.conf')).toContain('vm.max_map_count = 262144')
    expect(fileAt(text, '/etc/modules-load.d/leaven.conf')).toMatch(/^nbd$/m)
    expect(fileAt(text, '/etc/chrony/chrony.conf')).toContain('server ntp.example.com')
    expect(fileAt(text, '/etc/systemd/system/kubelet.service.d/http-proxy.conf')).toMatch(
      /HTTP_PROXY=http:\/\/proxy.*[\s\S]*\.internal/,
    )
    expect(fileAt(text, '/etc/containerd/certs.d/docker.io/hosts.toml')).toContain(
      'https://mirror.example.com',
    )
    expect(fileAt(text, '/etc/containerd/certs.d/10.0.0.5:5000/hosts.toml')).toContain('skip_verify')
    const init = fileAt(text, '/etc/leaven/kubeadm/init.yaml')
    expect(init).toMatch(/timeoutForControlPlane: 9m0s/)
    expect(init).toMatch(/maxPods: 200/)
    expect(init).toMatch(/metricsBindAddress: 0\.0\.0\.0:10249/)
    expect(fileAt(text, '/etc/containerd/config.toml')).toMatch(/\[debug\]\nlevel = "debug"/)
    expect(config['timezone']).toBe('Asia/Shanghai')
    const commands = config['runcmd'] as string[][]
    expect(commands[0]).toEqual(['mkdir', '/x'])
    expect(commands.at(-1)).toEqual(['systemctl', 'start', '--no-block', 'leaven.service'])
    expect(config.write_files.at(-1)).toEqual({ path: '/y', content: 'z' })
    expect(config.write_files.length).toBeGreaterThan(20)
  })

  withTools('cloud-init')("passes Debian's cloud-init schema", async () => {
    const { overrides, ...rest } = extras
    const file = written(
      'extras.yaml',
      await textOfGroup({ ...rest, overrides: { cloudConfig: overrides.cloudConfig } }, 'workers'),
    )
    expect(run('cloud-init', ['schema', '--config-file', file])).toContain('Valid')
  })

  test.each([
    [{ users: [{ name: 'ops', ssh_keys: [] }] }, 'blueprint/unknown-field'],
    [{ users: [{ name: 'Ops' }] }, 'blueprint/bad-value'],
    [{ users: [{ name: 'ops', uid: 'x' }] }, 'blueprint/wrong-type'],
    [{ mounts: [['/dev/vdb']] }, 'blueprint/bad-value'],
    [{ mounts: [['/dev/vdb', '/data', 'ext4', 'defaults', 0, 2]] }, 'blueprint/wrong-type'],
    [{ hooks: { preBoot: { content: '' } } }, 'blueprint/unknown-field'],
    [{ overrides: { cloudConfig: { runcmd: null } } }, 'blueprint/wrong-type'],
  ])('%j is refused', (patch, code) => {
    expect(codesOf(patch).map((found) => found.code)).toContain(code)
  })
})

describe('overrides', () => {
  test('the user wins, null deletes, and what changes nothing is said', () => {
    const idle = codesOf({
      overrides: {
        kubelet: { cgroupDriver: 'systemd', maxPods: 1, resolvConf: null, noSuchField: null },
        kubeadm: { clusterName: 'prod' },
        kubeProxy: { mode: 'ipvs' },
        containerd: { version: 2, plugins: { 'io.containerd.cri.v1.images': { x: 1 } } },
      },
      runtime: { version: '1.7.28' },
    })
    expect(idle.map(({ code, path }) => `${code} ${path.join('.')}`).sort()).toEqual([
      'blueprint/idle-override overrides.kubeProxy.mode',
      'blueprint/idle-override overrides.kubeadm.clusterName',
      'blueprint/idle-override overrides.kubelet.cgroupDriver',
      'blueprint/idle-override overrides.kubelet.noSuchField',
      'blueprint/unknown-override overrides.kubelet.noSuchField',
      'containerd/idle-override overrides.containerd.version',
      'containerd/override-of-other-version overrides.containerd.plugins.io.containerd.cri.v1.images',
    ])
    expect(idle.every(({ severity }) => severity === 'warning')).toBe(true)
  })

  test('a deleted field is gone', async () => {
    const text = await textOfGroup({ overrides: { kubelet: { resolvConf: null } } }, 'control-plane')
    expect(fileAt(text, '/etc/leaven/kubeadm/init.yaml')).not.toContain('resolvConf')
  })
})

test('gen reads hooks from beside the blueprint, and says which it cannot read', async () => {
  const { folder, gen } = workplace(scratchFolder())
  const blueprint = join(folder, 'cluster.yaml')
  const text = readFileSync(blueprint, 'utf8')
  writeFileSync(
    blueprint,
    `${text}hooks:\n  preSystem: { file: hooks/pre.sh }\n  postDone: { file: hooks }\n  preKubeadm: { file: hooks/bin }\n`,
  )
  mkdirSync(join(folder, 'hooks'))
  writeFileSync(join(folder, 'hooks/bin'), Buffer.from([0xff, 0xfe, 0]))
  const failed = await gen('validate')
  expect(failed.code).toBe(1)
  expect(failed.err).toMatch(/hooks\/pre\.sh does not exist/)
  expect(failed.err).toMatch(/hooks is a directory/)
  expect(failed.err).toMatch(/hooks\/bin is not UTF-8 text/)
  writeFileSync(blueprint, `${text}hooks:\n  preSystem: { file: hooks/pre.sh }\n`)
  writeFileSync(join(folder, 'hooks/pre.sh'), 'echo {{clusterName}}\n')
  expect((await gen('validate')).code).toBe(0)
  await gen('secrets create')
  expect(fileAt((await gen('userdata --role worker')).out, '/etc/leaven/hooks/preSystem.sh')).toBe(
    'echo prod\n',
  )
})
