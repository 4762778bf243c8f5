/** `npm run bake`: real machines are baked by Packer over SSH, looked at, booted, and broken. */
import { exists } from '../lab/machine.effect.ts'
import { type Case, cases } from './cases.effect.ts'
import { bakeQemu } from './qemu.effect.ts'
import { close, open, type Site } from './site.effect.ts'

/** @returns whether the case held */
async function attempt({ name, run }: Case, site: Site): Promise<boolean> {
  const start = Date.now()
  const say = (verdict: string) =>
    console.log(`${verdict} ${name} (${Math.round((Date.now() - start) / 1000)} s)`)
  try {
    await run(site)
    say('ok    ')
    return true
  } catch (error) {
    say('FAILED')
    console.log(error instanceof Error ? error.message : error)
    return false
  }
}

async function bakeOverSsh(): Promise<boolean> {
  const again = process.argv.includes('--again')
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.on(signal, () => void close().finally(() => process.exit(130)))
  const site = await open(again)
  const chosen = exists(site.builder, '/etc/leaven/baked.json') ? cases.filter(({ makes }) => !makes) : cases
  let passed = 0
  try {
    for (const one of chosen) {
      const held = await attempt(one, site)
      if (held) passed += 1
      // All that follows is about what this makes.
      else if (one.makes) break
    }
  } finally {
    site.services.stop()
    if (!again && !process.argv.includes('--keep')) await close()
  }
  console.log(`\n${passed} passed, ${chosen.length - passed} failed`)
  return passed === chosen.length
}

try {
  if (process.argv.includes('--qemu')) await bakeQemu()
  else process.exitCode = (await bakeOverSsh()) ? 0 : 1
} catch (error) {
  console.error(`bake: ${error instanceof Error ? error.message : error}`)
  process.exitCode = 1
}
