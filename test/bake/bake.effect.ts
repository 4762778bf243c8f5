/** `npm run bake`: real machines are baked by Packer over SSH, looked at, booted, and broken. */
import { type Case, cases } from './cases.effect.ts'
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

const again = process.argv.includes('--again')
const keep = again || process.argv.includes('--keep')
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.on(signal, () => void close().finally(() => process.exit(130)))
let failed = 0
let done = 0
const chosen = again ? cases.filter(({ makes }) => !makes) : cases
const site = await open(again)
try {
  for (const one of chosen) {
    const held = await attempt(one, site)
    done += 1
    if (!held) failed += 1
    // All that follows is about what this makes.
    if (!held && one.makes) break
  }
} finally {
  site.services.stop()
  if (!keep) await close()
}
console.log(`\n${done - failed} passed, ${failed + chosen.length - done} failed`)
process.exitCode = failed === 0 && done === chosen.length ? 0 : 1
