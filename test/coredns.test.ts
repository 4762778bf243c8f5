/** Which clusters get the anti-affinity that kubeadm gives CoreDNS from 1.25 on. */
import { expect, test } from 'vitest'
import { compileWithSecrets } from './support/compiled.ts'

const node = (name: string, role: string, last: number) => ({ name, role, address: `10.0.0.${last}` })
const three = [node('m1', 'master', 11), node('w1', 'worker', 21), node('w2', 'worker', 22)]

test.each([
  ['1.18.20', three, {}, true],
  ['1.24.17', three, {}, true],
  ['1.25.16', three, {}, false],
  ['1.24.17', three.slice(0, 1), {}, false],
  ['1.20.15', three, { kubeadm: { dns: { type: 'kube-dns' } } }, false],
])('Kubernetes %s, nodes %j, overrides %j: %s', async (version, nodes, overrides, expected) => {
  const { groups } = await compileWithSecrets({
    name: 'prod',
    kubernetes: { version },
    endpoint: { address: '10.0.0.9' },
    nodes,
    overrides,
  })
  const having = groups.filter(({ addons }) => addons.some(({ name }) => name === 'coredns'))
  expect(having.map(({ name }) => name)).toEqual(expected ? ['control-plane'] : [])
})
