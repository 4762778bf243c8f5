import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { copyFileSync, linkSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'

/**
 * Lays out, from programs that were built here, what dl.k8s.io and github.com serve: every file that `tables` downloads.
 * @param tables rows of /etc/leaven/tables
 * @param binaries kubeadm, kubelet, kubectl, crictl, and cni/ with the plugins
 */
export function makeMirror(tables: string, binaries: string, folder: string): void {
  rmSync(folder, { recursive: true, force: true })
  for (const [, url = ''] of tables.matchAll(/^downloads\t(\S+)/gm)) {
    const file = join(folder, new URL(url).pathname)
    mkdirSync(dirname(file), { recursive: true })
    lay(basename(file), binaries, file)
    writeFileSync(`${file}.sha256`, `${createHash('sha256').update(readFileSync(file)).digest('hex')}\n`)
  }
}

function lay(name: string, binaries: string, file: string): void {
  const tar = (from: string, names: readonly string[]) =>
    execFileSync('tar', ['-C', from, '--owner=0', '--group=0', '-czf', file, ...names])
  if (name.startsWith('crictl-')) tar(binaries, ['crictl'])
  else if (name.startsWith('cni-plugins-')) tar(join(binaries, 'cni'), readdirSync(join(binaries, 'cni')))
  else link(join(binaries, name), file)
}

function link(from: string, to: string): void {
  try {
    linkSync(from, to)
  } catch {
    copyFileSync(from, to) // on another disk
  }
}
