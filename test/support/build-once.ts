/** Before the tests: what they start as a program is what the sources say. */
import { execFileSync } from 'node:child_process'
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '../..')

export function setup(): void {
  const sources = ['build.mjs', 'package-lock.json', ...below('generators'), ...below('boot')]
  // Written by the build itself.
  const newest = Math.max(...sources.filter((path) => !/\.gen\.js$/.test(path)).map(changed))
  if (changed('dist/gen.js') < newest)
    execFileSync(process.execPath, ['build.mjs'], { cwd: root, stdio: 'inherit' })
}

function below(folder: string): readonly string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((name) =>
    join(folder, name),
  )
}

function changed(path: string): number {
  return statSync(join(root, path), { throwIfNoEntry: false })?.mtimeMs ?? 0
}
