/** A blueprint with every builder, and the folders that `gen packer` makes of it. */
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { blueprint } from './command-line.ts'

const digest = '5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03'
const vcenter = 'vcenterServer: vcenter.example.com, cluster: c, datastore: d, network: VM Network'
const proxmox =
  'proxmoxUrl: "https://pve.example.com:8006/api2/json", proxmoxNode: pve1, storagePool: local-lvm'
export const settings = {
  qemu: '{}',
  '"null"': '{ sshHost: 192.0.2.10 }',
  'amazon-ebs': '{ region: eu-west-1 }',
  'vsphere-iso': `{ ${vcenter} }`,
  'vsphere-clone': `{ ${vcenter}, template: ubuntu }`,
  'proxmox-iso': `{ ${proxmox} }`,
  'proxmox-clone': `{ ${proxmox}, cloneVm: ubuntu }`,
  googlecompute: '{ projectId: images, zone: europe-west1-b }',
  'azure-arm': '{ location: westeurope, resourceGroup: images }',
  openstack: '{ flavor: m1.medium, sourceImageName: ubuntu }',
  'virtualbox-iso': '{}',
  'hyperv-iso': '{}',
} as const

export const publicKey =
  'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ4kfkKZ3u2VOX3XvWqTQ7f5mUO3FKdV0Yk8zt3a2b1c somebody@somewhere'

/** Everything is pinned, so that nothing is asked of a network. */
export const pinned = ['cloudImages', 'installers']
  .map((field) => {
    const file = (arch: string) =>
      `${arch}: { url: "https://images.example.com/${field}-${arch}", sha256: ${digest} }`
    return `  ${field}: { ${file('amd64')}, ${file('arm64')} }\n`
  })
  .join('')

/** @param head lines before `bake`, such as `os: { provider: debian }` */
export function bakeBlueprint(
  builders: Readonly<Record<string, string>> = settings,
  { head = '', bake = '' } = {},
): string {
  const entries = Object.entries(builders).map(([name, value]) => `    ${name}: ${value}\n`)
  return `${blueprint}${head}bake:\n  sshPublicKey: ${publicKey}\n${bake}${pinned}  builders:\n${entries.join('')}`
}

/** What says who one is, as a user would set it; nothing of it is real. */
export const identity: Readonly<Record<string, string>> = {
  VSPHERE_USER: 'builder@vsphere.local',
  VSPHERE_PASSWORD: 'not-a-real-word',
  PROXMOX_USERNAME: 'builder@pve',
  PROXMOX_PASSWORD: 'not-a-real-word',
  ARM_SUBSCRIPTION_ID: '00000000-0000-0000-0000-000000000001',
  ARM_TENANT_ID: '00000000-0000-0000-0000-000000000002',
  ARM_CLIENT_ID: '00000000-0000-0000-0000-000000000003',
  ARM_CLIENT_SECRET: 'not-a-real-word',
  OS_USERNAME: 'builder',
  OS_PASSWORD: 'not-a-real-word',
  OS_PROJECT_NAME: 'images',
  OS_DOMAIN_NAME: 'Default',
}

/** A private key that no machine knows. */
export function makeKey(path: string): void {
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', '', '-f', path])
}

/** Files of a folder and below, as text, by path. */
export function textsBelow(folder: string): Readonly<Record<string, string>> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  )
  return Object.fromEntries(
    files.map((entry) => {
      const path = join(entry.parentPath, entry.name)
      return [path.slice(folder.length + 1), readFileSync(path, 'utf8')]
    }),
  )
}
