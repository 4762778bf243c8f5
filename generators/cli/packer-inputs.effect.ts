/** Files that `gen packer` is given beside the blueprint. */
import { basename, join } from 'node:path'
import type { Checked } from '../compile.ts'
import { type Verified, verifyArchive } from '../effects/archive/verify.effect.ts'
import { FileError, readFileLimited } from '../effects/files.effect.ts'
import { stoppable } from '../effects/interrupt.effect.ts'
import type { MachinePlan } from '../providers/provider.ts'
import { needsKey } from '../render/packer.ts'
import { type Invocation, type Io, text, UserError } from './command.ts'
import { openProgress } from './progress.ts'

/**
 * The key that machines of ours let in.
 * @throws UserError
 */
export async function publicKey(
  invocation: Invocation,
  io: Io,
  { blueprint }: Checked,
  machines: readonly MachinePlan[],
): Promise<string | undefined> {
  const who = machines.find(needsKey)
  if (who === undefined) return undefined
  const path = text(invocation, 'ssh-key')
  const key = path === undefined ? blueprint?.bake?.sshPublicKey : await readKey(path, io)
  if (key !== undefined) return key
  throw new UserError(
    `${who.builder.name} needs a public key that its machine lets in`,
    "ssh-keygen -t ed25519 -N '' -f bake-key, then --ssh-key bake-key.pub, or bake.sshPublicKey in the blueprint",
  )
}

async function readKey(path: string, io: Io): Promise<string> {
  try {
    const { bytes } = await readFileLimited(path.startsWith('/') ? path : join(io.cwd, path), 16_384)
    const line = new TextDecoder().decode(bytes).trim()
    if (/^(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521)) [A-Za-z0-9+/]+=*( [^\n]*)?$/.test(line))
      return line
  } catch (cause) {
    if (!(cause instanceof FileError)) throw cause
    throw new UserError(cause.message, "ssh-keygen -t ed25519 -N '' -f bake-key makes one")
  }
  throw new UserError(`${path} is no public SSH key`, 'the file that ends in .pub, not the private one')
}

/**
 * Every byte is read: containerd imports images of another processor, or with a layer missing, without a word.
 * @throws UserError
 */
export async function checkedArchives(
  invocation: Invocation,
  io: Io,
  machines: readonly MachinePlan[],
): Promise<readonly string[]> {
  const paths = ((invocation.values['images'] ?? []) as readonly string[]).map((path) =>
    path.startsWith('/') ? path : join(io.cwd, path),
  )
  const [twice] = paths.filter(
    (path, index) => paths.findIndex((other) => basename(other) === basename(path)) < index,
  )
  if (twice !== undefined)
    throw new UserError(`two archives are named ${basename(twice)}`, 'rename one of them')
  for (const path of paths) fits(basename(path), await verified(path, io), machines)
  return paths
}

async function verified(path: string, io: Io): Promise<Verified> {
  const progress = await openProgress(io, { json: false })
  const watcher = {
    begin: (total: number) => progress.begin(basename(path), total),
    bytes: (count: number) => progress.advance(count),
  }
  try {
    return await stoppable((signal) => verifyArchive(path, watcher, signal))
  } catch (cause) {
    if (!(cause instanceof FileError)) throw cause
    throw new UserError(cause.message, 'name an archive that gen images export or docker save wrote')
  } finally {
    progress.end()
  }
}

function fits(name: string, { images, problems }: Verified, machines: readonly MachinePlan[]): void {
  for (const { builder, machine } of machines) {
    const wanted = `linux/${machine.architecture}`
    const wrong = images.find(({ platforms }) => platforms.length > 0 && !platforms.includes(wanted))
    if (wrong !== undefined)
      throw new UserError(
        `${name}: ${wrong.name} is for ${wrong.platforms.join(', ')}, and ${builder.name} makes a machine for ${wanted}`,
        `export the images for ${wanted}`,
      )
  }
  const [problem] = problems
  if (problem !== undefined)
    throw new UserError(`${name}: ${problem}`, `gen images verify ${name} says everything`)
}
