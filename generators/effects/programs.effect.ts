/** Other programs of this machine: whether they are there, and in which version. */
import { execFile } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'

/** The program's path, as a shell would find it. */
export function findProgram(name: string, path: string): string | undefined {
  return path
    .split(delimiter)
    .filter((folder) => folder !== '')
    .map((folder) => join(folder, name))
    .find((file) => {
      try {
        accessSync(file, constants.X_OK)
        return true
      } catch {
        return false
      }
    })
}

/** The first number with a dot in what it prints; undefined when it prints none, or nothing in five seconds. */
export async function versionOf(file: string, argument: string): Promise<string | undefined> {
  const run = promisify(execFile)
  const printed = await run(file, [argument], { timeout: 5000 }).then(
    ({ stdout, stderr }) => stdout + stderr,
    () => '',
  )
  return /\d+(\.\d+)+/.exec(printed)?.[0]
}
