// Loaded before the program under test: on its way out it tells what it took, on a channel of its own.
import { writeSync } from 'node:fs'

process.on('exit', () => {
  const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage()
  writeSync(3, `${(userCPUTime + systemCPUTime) / 1000} ${maxRSS / 1024}`)
})
