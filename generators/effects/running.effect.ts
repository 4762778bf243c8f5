/** Who is at a file that takes its time: told by a name that no later process gets. */
import { readFile } from 'node:fs/promises'

/** Numbers of processes come again; with the time of its start it is this one. */
export async function thisProcess(): Promise<string> {
  return `${process.pid} ${await startOf(process.pid)}`
}

/** @param writer what `thisProcess` said there; false for this process itself */
export async function isRunning(writer: string): Promise<boolean> {
  const [id = '', started = ''] = writer.split(' ')
  const pid = Number(id)
  if (!Number.isInteger(pid) || pid <= 0 || writer === (await thisProcess())) return false
  try {
    process.kill(pid, 0)
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EPERM') return false
  }
  return (await startOf(pid)) === started
}

/** In clock ticks since the machine's start; empty where there is no /proc. */
async function startOf(pid: number): Promise<string> {
  const text = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => '')
  // The second field, a name in parentheses, may hold anything.
  return text.slice(text.lastIndexOf(')') + 2).split(' ')[19] ?? ''
}
